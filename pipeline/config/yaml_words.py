"""What the YAML parser finds, in the words of somebody who writes a recipe."""

from __future__ import annotations

# Beginnings of libyaml's and PyYAML's own sentences.
_PROBLEMS = (
    ("did not find expected ',' or ']'", "a list that opens with [ has no ] here; close it, or put a comma"),
    ("expected ',' or ']'", "a list that opens with [ has no ] here; close it, or put a comma"),
    ("did not find expected ',' or '}'", "a block that opens with { has no } here; close it, or put a comma"),
    ("expected ',' or '}'", "a block that opens with { has no } here; close it, or put a comma"),
    ("did not find expected key", "this line does not fit the lines above; indent it as the other keys of its block"),
    ("did not find expected '-'", "this line does not fit the list above; begin it with - or mend its indent"),
    ("mapping values are not allowed", "a second colon stands in the line; quote the value, or begin a new line"),
    ("block sequence entries are not allowed", "a list begins where none can; put - on a line of its own"),
    ("block mapping entries are not allowed", "a key stands where none can; begin a new line"),
    ("could not find expected ':'", "a line has no colon behind its key, or too long a key; write it as KEY: VALUE"),
    ("found unexpected end of stream", "a quote that is opened never closes; close it"),
    ("found unexpected document indicator", "a quote that is opened never closes; close it"),
    ("found undefined alias", "an alias (*) names no anchor (&) above it; write the value out"),
    ("found duplicate anchor", "two anchors (&) have one name; rename one"),
    (
        "found unknown escape",
        "a backslash in double quotes stands before a character that it cannot; use single quotes",
    ),
    ("did not find expected hexdecimal", "a backslash in double quotes lacks its digits; use single quotes"),
    ("did not find expected alphabetic", "a * or & stands alone; quote the value"),
    ("did not find expected comment or line break", "text stands behind | or >; begin a new line"),
    ("did not find expected node content", "a value is missing; write it, or leave the comma out"),
    ("did not find expected <document start>", "text follows where the recipe has ended; mend the indent"),
    ("found undefined tag handle", "an exclamation mark begins a tag that nobody knows; quote the value"),
    ("did not find expected", "something stands where it cannot; check indents, quotes and brackets around it"),
    ("control characters are not allowed", "a control character stands here; delete it"),
    ("found a tab character", "a tab stands in the indent; use spaces"),
)
_ODD_STARTS = "@`%"


def plain_problem(problem: str, line: str, column: int) -> str:
    """Says what is wrong at a place.

    Args:
      problem: of the parser.
      line: that it stands in.
      column: counted from 0.
    """
    indent = line[: len(line) - len(line.lstrip())]
    if "\t" in indent or problem.startswith("found character") and line[column : column + 1] == "\t":
        return "a tab stands in the indent; use spaces"
    if problem.startswith("found character"):
        character = line[column : column + 1]
        return f"a value cannot begin with {character or 'this character'}; put it in quotes"
    known = (words for start, words in _PROBLEMS if problem.startswith(start))
    return next(known, "something stands where it cannot; check indents, quotes and brackets around it")
