"""The measures of the source, as one table: ``python -m tools.measure``. Needs the standard library alone.

They tell whether files, functions and lines are still of a size that one reads at once. ``tests/test_measure.py`` holds
the limits.
"""

from __future__ import annotations

import argparse
import ast
import statistics
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("kerasline", "components", "pipeline")
LONG, VERY_LONG = 40, 60  # lines of a function
COMPLEX = 10

Definition = ast.FunctionDef | ast.AsyncFunctionDef
_BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case, ast.comprehension)


@dataclass(frozen=True)
class Function:
    """A function or method with its size.

    Attributes:
      name: ``FILE:NAME``, the file from the root of the project.
      lines: from ``def`` to its end, without decorators and docstring.
      complexity: see :func:`complexity`.
    """

    name: str
    lines: int
    complexity: int


@dataclass(frozen=True)
class Source:
    """A file with what is counted in it.

    Attributes:
      path: from the root of the project.
      lines: all of them.
      nodes: of its syntax tree.
      conditional_expressions: in it, ``a if b else c``.
      comments: in it.
      functions: those at the top, in classes and in other functions.
      public: whether each public module, class, function and method has a docstring.
    """

    path: Path
    lines: int
    nodes: int
    conditional_expressions: int
    comments: int
    functions: tuple[Function, ...]
    public: tuple[bool, ...]


def complexity(function: Definition) -> int:
    """Counts the ways through a function: one, and one more for each branch, loop, handler, ``and`` and ``or``.

    Conditional expressions, and loops and conditions of comprehensions, count as the statements do; what stands in a
    function within counts for that one.
    """
    count = 1
    for node in _within(function):
        count += isinstance(node, _BRANCHES)
        if isinstance(node, ast.BoolOp):
            count += len(node.values) - 1
        elif isinstance(node, ast.comprehension):
            count += len(node.ifs)
    return count


def _within(function: Definition) -> Iterator[ast.AST]:
    """Walks a function without the functions in it."""
    waiting: list[ast.AST] = [node for node in function.body if not isinstance(node, Definition)]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [child for child in ast.iter_child_nodes(node) if not isinstance(child, Definition)]


def _length(function: Definition) -> int:
    """Counts a function's lines. Its docstring explains, and does not make it longer to read."""
    docstring = function.body[0] if ast.get_docstring(function, clean=False) is not None else None
    explained = (docstring.end_lineno or 0) - docstring.lineno + 1 if docstring else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - explained


def _public(tree: ast.Module) -> Iterator[bool]:
    """Tells of the module and of what it offers whether there is a docstring."""
    yield ast.get_docstring(tree) is not None
    for node in tree.body:
        if not isinstance(node, Definition | ast.ClassDef) or node.name.startswith("_"):
            continue
        yield ast.get_docstring(node) is not None
        inner = node.body if isinstance(node, ast.ClassDef) else []
        methods = [part for part in inner if isinstance(part, Definition) and not part.name.startswith("_")]
        yield from (ast.get_docstring(method) is not None for method in methods)


def read_source(path: Path, root: Path = ROOT) -> Source:
    """Counts what is in a file.

    Args:
      path: The file.
      root: Folder that names of files start from.
    """
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text, filename=str(path))
    place = path.relative_to(root)
    functions = [node for node in ast.walk(tree) if isinstance(node, Definition)]
    with tokenize.open(path) as file:
        comments = sum(token.type == tokenize.COMMENT for token in tokenize.generate_tokens(file.readline))
    return Source(
        path=place,
        lines=len(text.splitlines()),
        nodes=sum(1 for _ in ast.walk(tree)),
        conditional_expressions=sum(isinstance(node, ast.IfExp) for node in ast.walk(tree)),
        comments=comments,
        functions=tuple(Function(f"{place}:{node.name}", _length(node), complexity(node)) for node in functions),
        public=tuple(_public(tree)),
    )


def read_sources(folders: Sequence[str] = FOLDERS, root: Path = ROOT) -> list[Source]:
    """Counts what is in every Python file below some folders, each once, whatever links lead to it."""
    files = sorted({path.resolve() for folder in folders for path in (root / folder).glob("**/*.py")})
    return [read_source(path, root.resolve()) for path in files]


def _share(counted: Sequence[bool]) -> float:
    return 100 * sum(counted) / len(counted) if counted else 0.0


def _in_100(count: int, lines: int) -> str:
    return f"{100 * count / lines:.1f}"


def measure(sources: Sequence[Source]) -> dict[str, str]:
    """Sums up some files, each measure in words with its figure as text."""
    lengths = sorted(source.lines for source in sources)
    functions = [function for source in sources for function in source.functions]
    lines = sum(lengths)
    folders = Counter(source.path.parent for source in sources)
    ((fullest, most),) = folders.most_common(1)
    figures = {
        "files": f"{len(sources)}",
        "folders": f"{len(folders)}",
        "most files in a folder": f"{most} in {fullest}",
        "lines": f"{lines}",
        "lines a file, median": f"{statistics.median(lengths):.0f}",
        "lines a file, 90 %": f"{lengths[(len(lengths) * 9) // 10]}",
        "lines a file, longest": f"{lengths[-1]} in {max(sources, key=lambda source: source.lines).path}",
        "functions": f"{len(functions)}",
        f"functions above {LONG} lines, %": f"{_share([each.lines > LONG for each in functions]):.1f}",
        f"functions above {VERY_LONG} lines, %": f"{_share([each.lines > VERY_LONG for each in functions]):.1f}",
        "complexity, mean": f"{statistics.mean(each.complexity for each in functions):.1f}",
        f"complexity above {COMPLEX}, %": f"{_share([each.complexity > COMPLEX for each in functions]):.1f}",
        "syntax nodes a line": f"{sum(source.nodes for source in sources) / lines:.1f}",
        "conditional expressions in 100 lines": _in_100(sum(each.conditional_expressions for each in sources), lines),
        "comments in 100 lines": _in_100(sum(each.comments for each in sources), lines),
        "public docstrings, %": f"{_share([has for source in sources for has in source.public]):.1f}",
    }
    return figures


def largest(sources: Sequence[Source], key: Callable[[Function], int], count: int) -> list[Function]:
    """Lists the functions that are largest by a measure."""
    return sorted((each for source in sources for each in source.functions), key=key, reverse=True)[:count]


def main() -> None:
    """Prints the measures, the files of every folder, and the functions to open up next."""
    parser = argparse.ArgumentParser(prog="python -m tools.measure", description="Measures the source.")
    parser.add_argument("folders", nargs="*", default=list(FOLDERS), help="folders of the project, not the tests")
    parser.add_argument("--most", type=int, default=5, help="how many of the largest functions to list")
    asked = parser.parse_args()
    unknown = [folder for folder in asked.folders if not (ROOT / folder).is_dir()]
    if unknown:
        parser.error(f"expected folders of {ROOT}, but {unknown[0]} is none")
    sources = read_sources(asked.folders)
    for title, figure in measure(sources).items():
        print(f"{title:<38}{figure}")
    print("\nfiles in each folder")
    for folder, files in sorted(Counter(source.path.parent for source in sources).items()):
        print(f"{str(folder):<38}{files}")
    for title, key in (("longest", lambda each: each.lines), ("most complex", lambda each: each.complexity)):
        print(f"\n{title} functions")
        for function in largest(sources, key, asked.most):
            print(f"{key(function):>5}  {function.name}")


if __name__ == "__main__":
    main()
