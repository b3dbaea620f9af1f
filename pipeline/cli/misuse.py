"""What to type instead of a command line that is none, where the words say what was meant."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerasline.pipeline.config import RECIPE_ENDINGS, Experiment, elsewhere, recipe_names


def what_was_meant(error: Any, words: Sequence[str]) -> str:
    """Returns a sentence for the user, empty where nothing is known.

    Args:
      error: of click, such as an option that there is not.
      words: the command line.
    """
    context, option = getattr(error, "ctx", None), getattr(error, "option_name", None)
    if context is None:
        return ""
    if context.parent is None and option is not None:
        return _meant_behind(context, option, words)
    if context.parent is None:
        return _meant_above(words[0] if words else "")
    lacking = getattr(getattr(error, "param", None), "name", None)
    if (context.info_name, lacking) == ("predict", "model"):
        return _meant_model(words)
    if option is not None:
        return _meant_key(context, option.lstrip("-").replace("-", "_"))
    return _meant_by_surplus(context, _surplus(error, words))


def _meant_behind(context: Any, option: str, words: Sequence[str]) -> str:
    """Says behind which command an option stands: the one that was typed, or the first that takes it."""
    taking = [name for name, command in context.command.commands.items() if _takes(command, option)]
    typed = [word for word in words if word in taking]
    name = next(iter([*typed, *taking]), None)
    return "" if name is None else f"options stand behind the command, as in: kerasline {name} {option} ..."


def _meant_above(first: str) -> str:
    """Says what was meant by a word in the place of a command."""
    if first.endswith(RECIPE_ENDINGS) or first in recipe_names():
        return f"a recipe is run by: kerasline run {first}"
    return "kerasline --help lists the commands"


def _meant_model(words: Sequence[str]) -> str:
    """Says how the model is named that predicts, where it may stand before the rows, as ``evaluate`` takes it."""
    model, rows, *_ = [*words[1:], "-", "-"]
    are_both = not model.startswith("-") and not rows.startswith("-") and not Path(model).exists()
    named = f"{rows} --model {model}" if are_both else "INPUT --model NAME"
    return f"the model is named by --model, as in: kerasline predict {named}"


def _meant_by_surplus(context: Any, surplus: Sequence[str]) -> str:
    """Says what was meant by words that a command does not take."""
    pairs = [word for word in surplus if "=" in word]
    if pairs and _takes(context.command, "--set"):
        return f"a key of the recipe is changed by --set {shlex.quote(pairs[0])}"
    if surplus and context.info_name == "init":
        return f"the column to predict is named by --label {shlex.quote(surplus[0])}"
    return ""


def _meant_key(context: Any, word: str) -> str:
    """Says of an option that there is not which key of a recipe was meant."""
    hint = elsewhere(Experiment, word) if _takes(context.command, "--set") else ""
    return f"a key of the recipe is changed by --set KEY=VALUE.{hint}" if hint else ""


def _takes(command: Any, option: str) -> bool:
    return any(option in getattr(parameter, "opts", ()) for parameter in command.params)


def _surplus(error: Any, words: Sequence[str]) -> list[str]:
    """Lists the words that an error calls more than there may be."""
    text = str(getattr(error, "message", ""))
    if "unexpected extra argument" not in text:
        return []
    told = text[text.index("(s) (") + len("(s) (") :].removesuffix(")")
    return [word for word in words if f" {word} " in f" {told} "]  # a word may have spaces of its own
