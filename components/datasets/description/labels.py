"""What the label's values say about the task: classification or regression, which classes, which range."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from kerasline.components.core import ConfigError, percent
from kerasline.components.datasets.description.spec import Label
from kerasline.components.datasets.values import WrittenNumbers, mixes_spellings, plain_boolean, read_number
from kerasline.components.models import Task

MAX_CLASSES = 10_000
_LARGEST_EXACT = 2**53  # of whole numbers that a float holds
# An integer label counts as classes when it has at most this many values ...
_MAX_INTEGER_CLASSES = 20
# ... and each of them occurs in this many rows on average (two values are always classes).
_MIN_ROWS_PER_CLASS = 5


@dataclass(frozen=True)
class LabelFacts:
    """What a source knows about its label.

    Attributes:
      name: the label's feature.
      dtype: how its values are stored; whole floats such as 1.0 count as ``int`` if ``whole`` says so.
      counts: rows of each value, None above :data:`MAX_CLASSES` values; of ``multi``, rows with a 1 per
        label.
      rows: rows with a label.
      minimum: numbers only.
      maximum: numbers only.
      whole: a float label whose values are all whole numbers.
      classes: in the order that the source gives; default: sorted.
      task: what the source is known for, which ``auto`` follows.
      unit: of the values.
      first_text: for text, most of which is numbers: where the first value stands that is none.
      written: the numbers that text holds.
      as_numbers: what the label is when its text is read as these numbers.
      decimal_key: the config's key that says which decimal sign they have; empty where there is none.
      untrained: values that only rows have which the source itself keeps for eval or test.
    """

    name: str
    dtype: Literal["float", "int", "string", "multi"]
    counts: Mapping[str | int | float, int] | None
    rows: int
    minimum: float | None = None
    maximum: float | None = None
    whole: bool = False
    classes: tuple[str, ...] | None = None
    task: Literal["classification", "regression"] | None = None
    unit: str | None = None
    first_text: str = ""
    written: WrittenNumbers | None = None
    as_numbers: LabelFacts | None = None
    decimal_key: str = ""
    untrained: frozenset[str] = frozenset()
    origin: str = field(default="the data")  # for messages


def facts_of_values(
    name: str,
    values: Iterable[str | int | float],
    *,
    classes: tuple[str, ...] | None = None,
    task: Literal["classification", "regression"] | None = None,
    unit: str | None = None,
    origin: str = "the data",
) -> LabelFacts:
    """Collects the facts of label values that are in memory: all text, or all numbers."""
    counts: dict[str | int | float, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    rows = sum(counts.values())
    if any(isinstance(value, str) for value in counts):
        kept = counts if len(counts) <= MAX_CLASSES else None
        return LabelFacts(name, "string", kept, rows, classes=classes, task=task, unit=unit, origin=origin)
    numbers = [float(value) for value in counts]
    return LabelFacts(
        name,
        "int" if all(isinstance(value, int) for value in counts) else "float",
        counts if len(counts) <= MAX_CLASSES else None,
        rows,
        minimum=min(numbers, default=None),
        maximum=max(numbers, default=None),
        whole=all(number.is_integer() for number in numbers),
        classes=classes,
        task=task,
        unit=unit,
        origin=origin,
    )


def only_in_tests(values: Iterable[Any], trained: Iterable[Any]) -> frozenset[str]:
    """Returns the values of a label that none of the rows has which a source lets a model learn from.

    Args:
      values: Of all rows, as numbers or as they are written.
      trained: Of the rows that the source does not keep for eval or test.
    """
    known = set(map(_as_compared, trained))
    return frozenset(str(value) for value in values if _as_compared(value) not in known)


@dataclass
class TrainedValues:
    """The values of a label in the files before the first one that the source keeps for eval or test.

    Attributes:
      values: As they are written; None before such a file.
    """

    values: frozenset[Any] | None = None

    def see(self, split: str | None, counts: Mapping[Any, int] | None) -> None:
        """Notes that a file is read next.

        Args:
          split: That the source gives it, or None.
          counts: Rows of each value before it, None where there are too many.
        """
        if split is not None and self.values is None:
            self.values = frozenset(counts or ())

    def add_to(self, facts: LabelFacts, counts: Mapping[Any, int] | None) -> LabelFacts:
        """Returns facts that say which values only tests have, from the rows of each value of all files."""
        return facts if self.values is None else replace(facts, untrained=only_in_tests(counts or (), self.values))


def _as_compared(value: Any) -> Any:
    try:
        return float(value)
    except (TypeError, ValueError):
        return plain_boolean(str(value))


def infer_task(label: Label) -> Task:
    """Returns the task that a settled label stands for.

    Several 0/1 columns are multilabel, no classes is regression, two classes are binary, more are multiclass.
    """
    if label.dtype == "multi":
        return "multilabel"
    if label.classes is None:
        return "regression"
    return "binary" if len(label.classes) == 2 else "multiclass"


def settle_label(facts: LabelFacts, task: str) -> Label:
    """Decides between classes and numbers, and checks that the data can be what the config asks for.

    With ``auto``, text is classes, a number with a fraction is regression, and whole numbers are classes when
    they have at most 20 values that occur 5 times or more on average (or two values only).

    Args:
      facts: What the source knows.
      task: ``auto`` or the config's task.

    Raises:
      ConfigError: no labels, a single class, or values that the task cannot have.
    """
    where = f"label {facts.name!r} of {facts.origin}"
    if facts.rows == 0:
        raise ConfigError(f"The {where} has no value in any row; name another column or fill it in.")
    if facts.dtype == "multi":
        return _settle_multi(facts, task, where)
    if task == "multilabel":
        raise ConfigError(
            f"Task multilabel needs several 0/1 label columns, but the {where} is one; give a list as 'label'."
        )
    facts = _read_as_numbers(facts, task, where)
    _check_text(facts, task, where)
    if facts.dtype != "string" and any(map(math.isinf, map(float, facts.counts or ()))):
        raise ConfigError(f"The {where} has infinite values; correct or remove these rows.")
    return _settle_classes(facts, task, where) if is_classes(facts, task) else _settle_number(facts, task, where)


def _check_text(facts: LabelFacts, task: str, where: str) -> None:
    """Refuses a word among numbers, which would make a class of each number, where nobody asked for classes."""
    if facts.first_text and task == "auto" and not _may_be_names(facts.counts):
        raise ConfigError(
            f"The {where} is numbers, but {facts.first_text}; correct such rows, list their text in "
            f"features.{facts.name}.missing_values, or set task: multiclass if these are names of classes."
        )


def _settle_number(facts: LabelFacts, task: str, where: str) -> Label:
    """Describes a label that is a number to predict.

    Raises:
      ConfigError: It holds text, infinite values, one value alone, or values out of the task's range.
    """
    if facts.dtype == "string":
        shown = f": {facts.first_text}" if facts.first_text else _some(facts.counts)
        raise ConfigError(f"Task {task} needs numbers, but the {where} holds text{shown}; use task: auto.")
    minimum, maximum = _range(facts, where)
    if task == "bounded_regression" and (minimum < 0 or maximum > 1):
        raise ConfigError(
            f"Task bounded_regression needs labels from 0 to 1, but the {where} goes from {minimum:g} to "
            f"{maximum:g}; rescale it or use task: regression."
        )
    if minimum == maximum:
        raise ConfigError(
            f"The {where} is {minimum:g} in every row, so there is nothing to learn; name another column."
        )
    return Label(name=facts.name, dtype="float", unit=facts.unit, minimum=minimum, maximum=maximum)


def _range(facts: LabelFacts, where: str) -> tuple[float, float]:
    """Returns the smallest and the largest number of a label."""
    known = [number for number in (facts.minimum, facts.maximum) if number is not None and math.isfinite(number)]
    if len(known) < 2:
        raise ConfigError(f"The {where} has infinite values; correct or remove these rows.")
    return known[0], known[1]


def _read_as_numbers(facts: LabelFacts, task: str, where: str) -> LabelFacts:
    """Takes text for the numbers that it holds, unless it is a few words that repeat, such as 1st, 2nd and 3rd.

    Raises:
      ConfigError: it is not certain which numbers they are.
    """
    numbers, written = facts.as_numbers, facts.written
    if numbers is None or written is None or _stays_text(facts, numbers, written, task):
        return facts
    _check_written(facts, written, where)
    return numbers


def _stays_text(facts: LabelFacts, numbers: LabelFacts, written: WrittenNumbers, task: str) -> bool:
    """Says whether text that holds numbers is classes all the same, or mixed with words that another check names."""
    if facts.classes is not None or task in ("binary", "multiclass"):
        return True
    if facts.first_text and written.share < 1:
        return True
    return task == "auto" and is_classes(numbers, task)


def _check_written(facts: LabelFacts, written: WrittenNumbers, where: str) -> None:
    """Refuses numbers in text that may be read in two ways, and text among them."""
    if written.problem:
        raise ConfigError(
            f"The {where} holds numbers that cannot be compared: {written.problem}; write them alike, or set task: "
            "multiclass if these are names of classes."
        )
    if not written.certain:
        raise ConfigError(f"The {where} may be read in two ways: {written.told()}. {_how_to_tell(facts.decimal_key)}")
    if written.share < 1:
        stray = next((v for v in facts.counts or () if read_number(str(v), written.form) is None), None)
        shown = f"such as {stray!r}" if stray is not None else "among many different ones"
        raise ConfigError(
            f"The {where} is numbers, but {percent(1 - written.share)} of its values are none, {shown}; correct such "
            f"rows, list their text in features.{facts.name}.missing_values, or set task: multiclass if these are "
            "names of classes."
        )


def _how_to_tell(decimal_key: str) -> str:
    if not decimal_key:
        return "Write its numbers without marks between thousands and with a decimal point."
    return f"Set {decimal_key}: '.' where the comma stands between thousands, or ',' where it is the decimal sign."


def _may_be_names(counts: Mapping[str | int | float, int] | None) -> bool:
    """Says whether text, much of which is numbers, may be classes such as 1, 2, 3 and "other"."""
    if counts is None:
        return False
    numbers = [str(value) for value in counts if re.fullmatch(r"[+-]?[\d.]+", str(value))]
    return len(numbers) <= _MAX_INTEGER_CLASSES and not any("." in number for number in numbers)


def is_classes(facts: LabelFacts, task: str = "auto") -> bool:
    """Says whether a label is classes and no number to predict."""
    if task in ("binary", "multiclass"):
        return True
    if task in ("regression", "bounded_regression"):
        return False
    if facts.task is not None:
        return facts.task == "classification"
    if facts.dtype == "string":
        return True
    if facts.counts is None or not (facts.dtype == "int" or facts.whole):
        return False
    distinct = len(facts.counts)
    return distinct <= 2 or (distinct <= _MAX_INTEGER_CLASSES and facts.rows >= _MIN_ROWS_PER_CLASS * distinct)


def _settle_classes(facts: LabelFacts, task: str, where: str) -> Label:
    if facts.counts is None or len(facts.counts) > MAX_CLASSES:
        raise ConfigError(
            f"The {where} has more than {MAX_CLASSES:,} different values, too many for classes; use task: "
            "regression or name another column."
        )
    if facts.dtype == "float" and not facts.whole:
        raise ConfigError(
            f"Task {task} needs classes, but the {where} holds numbers with fractions{_some(facts.counts)}; "
            "use task: regression."
        )
    classes = facts.classes or _sorted_classes(facts)
    _check_classes(classes, facts, task, where)
    if facts.dtype == "string" or _are_long_numbers(facts):
        return Label(name=facts.name, dtype="string", classes=classes, unit=facts.unit)
    return Label(
        name=facts.name, dtype="int", classes=classes, unit=facts.unit, minimum=facts.minimum, maximum=facts.maximum
    )


def _are_long_numbers(facts: LabelFacts) -> bool:
    """Says whether whole numbers are names: statistics and schemas hold numbers as floats, which know fewer digits."""
    return max(abs(facts.minimum or 0), abs(facts.maximum or 0)) > _LARGEST_EXACT


def _sorted_classes(facts: LabelFacts) -> tuple[str, ...]:
    """Names the classes in the order of their names, or of their numbers."""
    values = facts.counts or {}
    if facts.dtype == "string":
        return tuple(sorted(map(str, values)))
    return tuple(map(str, sorted(map(int, values))))


def _check_classes(classes: tuple[str, ...], facts: LabelFacts, task: str, where: str) -> None:
    """Refuses classes of which there are too few or, for the task, too many, and truth that is written in many ways."""
    if task == "auto" and facts.classes is None and mixes_spellings(classes):
        raise ConfigError(
            f"The {where} writes true and false in several ways{_some(facts.counts)}, which would be {len(classes)} "
            "classes; write them alike, or set task: multiclass if each is a class of its own."
        )
    if len(classes) < 2:
        raise ConfigError(
            f"The {where} has only one class, {classes[0]!r}, so there is nothing to learn; name another "
            "column or add rows of other classes."
        )
    if task == "binary" and len(classes) != 2:
        raise ConfigError(
            f"Task binary needs two classes, but the {where} has {len(classes)}{_some(facts.counts)}; use "
            "task: multiclass."
        )


def _settle_multi(facts: LabelFacts, task: str, where: str) -> Label:
    if task not in ("auto", "multilabel"):
        raise ConfigError(
            f"Several label columns make the task multilabel, but the config says {task}; use task: auto."
        )
    classes = facts.classes or ()
    if len(classes) < 2:
        raise ConfigError(f"Task multilabel needs two label columns or more, but the {where} has {len(classes)}.")
    for name in classes:
        ones = (facts.counts or {}).get(name, 0)
        if ones in (0, facts.rows):
            raise ConfigError(
                f"Label column {name!r} is {int(ones > 0)} in every row, so there is nothing to learn; leave it out."
            )
    return Label(name=facts.name, dtype="multi", classes=classes)


def _some(counts: Mapping[str | int | float, int] | None) -> str:
    """Shows a few of the values, such as `` ('a', 'b', ...)``."""
    if not counts:
        return ""
    values = list(counts)
    shown = ", ".join(repr(value) for value in values[:3])
    return f" ({shown}{', ...' if len(values) > 3 else ''})"
