"""Parts of the report that are the user's: functions that say in Markdown what the figures mean to them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup

from kerasline.components.core import KeraslineError, progress
from kerasline.components.own_code import call_own, load_function

SIGNATURE = "(figures: dict) -> (title, text in Markdown)"
_KEY = "report.pages"
_MOST_CHARACTERS = 1_000_000


def own_pages(names: Sequence[str], figures: Mapping[str, Any]) -> list[dict[str, str]]:
    """Calls each function with the figures.

    The model is pushed by now, so a function that fails is told on the screen and in its part of the report, and does
    not end the run.

    Args:
      names: Names of functions.
      figures: Of the run, as ``figures.json`` has them.

    Returns:
      ``title`` and ``text`` of each.
    """
    return [_page(number, dotted, figures) for number, dotted in enumerate(names, 1)]


def _page(number: int, dotted: str, figures: Mapping[str, Any]) -> dict[str, str]:
    try:
        made = call_own(_KEY, dotted, load_function(_KEY, dotted, SIGNATURE), copy.deepcopy(dict(figures)))
        title, text = _checked(dotted, made)
    except KeraslineError as error:
        title, text = dotted, f"`{str(error).replace('`', chr(39))}`"
        progress.report("report", number, None, str(error), permanent=True)
    return {"title": title, "text": text}


def _checked(dotted: str, made: Any) -> tuple[str, str]:
    is_pair = isinstance(made, list | tuple) and len(made) == 2
    if not is_pair or not all(isinstance(part, str) for part in made):
        raise KeraslineError(
            f"{_KEY}: expected {dotted} to return a title and a text in Markdown, but it returned {type(made).__name__}"
        )
    title, text = made
    if len(text) > _MOST_CHARACTERS:
        raise KeraslineError(
            f"{_KEY}: expected a text of at most {_MOST_CHARACTERS:,} characters from {dotted}, got {len(text):,}"
        )
    return title, text


def show_pages(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns each part with its Markdown as HTML: tags that stand in the text are shown, and scripts are no links."""
    reader = MarkdownIt("js-default", {"html": False})
    pages = figures.get("pages") or []
    return [{"title": page["title"], "body": Markup(reader.render(page["text"]))} for page in pages]
