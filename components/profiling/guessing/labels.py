"""What the label's values say: the task, the classes and how even they are, and which column it might be."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, counted, nearest, percent
from kerasline.components.datasets.description import LabelFacts, facts_of_written, infer_task, is_classes, settle_label
from kerasline.components.datasets.values import WrittenNumbers, evidence_of, read_number, reads_as_date
from kerasline.components.models import Task
from kerasline.components.profiling.guessing.guess import hidden_difference
from kerasline.components.profiling.guessing.numbers import lost_digits
from kerasline.components.profiling.sampling import SampledColumn, TableSample, Words, remark_on_classes

_LIKELY = (
    "label", "labels", "target", "y", "class", "outcome", "result", "response", "output", "survived", "churn",
    "churned", "default", "fraud", "is_fraud", "price", "saleprice", "species", "diagnosis", "quality", "rating",
    "score", "medv", "category", "income", "salary", "sales", "status",
)  # fmt: skip
_UNEVEN = 4.0  # how many times larger the largest class is before the rare ones are weighed up
_FEWEST_TO_WEIGH = 10  # rows of the rarest class
_SPAN = 100.0  # times the median that one in a hundred is larger than, as where the logarithm deviates by 2
_FEWEST_ROWS = 3  # that a class is learned from
_FEWEST_TO_DIVIDE = 7  # rows, by which none of the splits is left empty
_FEWEST_COUNTS = 5  # different whole numbers that may be counts or scores
_LONGEST_STEP = 10  # between numbers that may count or rank something
_MOST_CODES = 20  # different numbers that may be codes of classes
_FEW_OTHERS = 0.2  # of the rows may have no number in a label of numbers
_INFINITE = (float("inf"), float("-inf"))
_EVAL_ROWS = 5  # rows of each class that a tenth of the data should have
_MOST_DATES_AS_CLASSES = 20  # twelve months or seven opening hours may be classes
_POINTS_IN_TIME = (
    ("dates", ("ymd", "dmy", "mdy"), "the days since the first"),
    ("times of day or durations", ("time",), "minutes"),
)


@dataclass(frozen=True)
class LabelGuess:
    """What the label seems to be.

    Attributes:
      columns: one, or several of 0 and 1.
      task: what the run will settle on by itself, or by the recipe where they are counts.
      counts: rows of each class in the rows that were looked at; of a multilabel task, rows with a 1.
      rows: that have a label, of those that were looked at.
      missing: share of the rows without one.
      balanced: whether the classes are so uneven that accuracy says little, and there are rows enough to see more.
      stratified: whether some class is so small that a random split might leave it out.
      majority: share of the largest class.
      deviation: of a number to predict.
      are_counts: whether they would be classes by themselves, of which some have next to no rows.
      spans: whether its sizes lie orders of magnitude apart.
      reading: keys of the ``csv:`` block that the label needs.
      remarks: for the reader of the recipe.
      values: of the rows, where the label is numbers that are text.
      words: what means that a row has no label.
    """

    columns: tuple[str, ...]
    task: Task
    counts: dict[str, int]
    rows: int
    missing: float
    balanced: bool = False
    stratified: bool = False
    majority: float = 0.0
    deviation: float = 0.0
    are_counts: bool = False
    spans: bool = False
    reading: dict[str, tuple[Any, str]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    values: Sequence[Any] = ()
    words: Words = Words()


def require_label(names: Sequence[str], labels: Sequence[str], path: Path, remark: str = "") -> None:
    """Checks that the label was named and is a column.

    Args:
      names: Of the columns.
      labels: What was named.
      path: Of the table.
      remark: What else is known of the table, such as the sheets that were not read.

    Raises:
      ConfigError: it was not, with the columns and the likeliest one; or there is no such column.
    """
    listed = ", ".join(names[:30]) + (f", ... ({len(names)} in all)" if len(names) > 30 else "")
    told = f" ({remark}.)" if remark else ""
    if not labels:
        likely = likeliest_label(names)
        quoted = f"'{likely}'" if re.search(r"\W", likely) else likely
        raise ConfigError(
            f"expected --label COLUMN, the column to predict, which {path} cannot tell; its columns are {listed}. "
            f"The likeliest is {likely!r}: kerasline init {path} --label {quoted}"
        )
    for label in labels:
        if label not in names:
            hint = nearest(label, names)
            raise ConfigError(f"--label: {path} has no column {label!r}; its columns are {listed}.{hint}{told}")
    if len(set(labels)) < len(labels):
        raise ConfigError(f"--label: expected different columns, got {', '.join(labels)}")


def likeliest_label(names: Sequence[str]) -> str:
    """Guesses which column is to be predicted: by its name, else the last one."""
    lowered = {name.strip().lower(): name for name in reversed(names)}
    return next((lowered[word] for word in _LIKELY if word in lowered), names[-1])


def _refuse_no_label(sample: TableSample, labels: Sequence[str]) -> None:
    """Refuses columns of a type that cannot be predicted: lists, objects, bytes."""
    refused = {column.name: "it holds lists of numbers" for column in sample.columns if column.dtype == "array"}
    refused |= {name: f"{why}, nor a label" for name, why in sample.unusable.items()}
    for label in filter(refused.__contains__, labels):
        raise ConfigError(
            f"--label: {label!r} cannot be predicted: {refused[label]}; name one column, or several of 0 and 1"
        )


def guess_label(sample: TableSample, labels: Sequence[str]) -> LabelGuess:
    """Finds out what the label is.

    Args:
      sample: Rows of the table.
      labels: Names of one column, or of several that hold 0 and 1.

    Raises:
      ConfigError: it cannot be learned: no values, a single class, text that never repeats, dates.
    """
    columns = {column.name: column for column in sample.columns}
    _refuse_no_label(sample, labels)
    if len(labels) > 1:
        return _guess_several([columns[name] for name in labels], sample.origin)
    given = columns[labels[0]]
    reading: dict[str, tuple[Any, str]] = {}
    is_text = given.dtype == "string" and bool(given.present)
    column = _read_numbers(given, reading, sample.source) if is_text else given
    present = _finite(column.present)
    if column.dtype == "string":
        _refuse_no_classes(column.name, present)
    counts: Counter[Any] = Counter(present)
    settled = settle_label(_facts(column, counts, len(present), sample.origin), "auto")
    missing = 1 - len(present) / max(1, len(column.values))
    guess = LabelGuess(
        (column.name,),
        infer_task(settled),
        counts={},
        rows=len(present),
        missing=missing,
        reading=reading,
        remarks=tuple(_remarks_on_missing(missing, given.words)),
        words=given.words,
    )
    if settled.classes is None:
        return _with_numbers(guess, column, present)
    if _are_counts(column, counts, sample.rows):
        return _with_numbers(replace(guess, task="regression", are_counts=True), column, present)
    return _with_classes(guess, column, counts, sample.rows)


def labelled_rows(sample: TableSample, label: LabelGuess) -> tuple[TableSample, list[Any]]:
    """Returns the rows that have a label, as a run keeps them, and the label of each.

    Args:
      sample: of the table.
      label: what is known of the label.

    Raises:
      ConfigError: there are too few to train, evaluate and test with.
    """
    answers = _answers(sample, label)
    known = list(map(_is_known, answers))
    if sample.complete and sum(known) < _FEWEST_TO_DIVIDE:
        raise ConfigError(
            f"{sample.origin} has {counted(sum(known), 'row')} with a label, too few to train, evaluate and test with; "
            f"expected at least {_FEWEST_TO_DIVIDE}, so add rows"
        )
    if all(known):
        return sample, list(answers)
    kept = [replace(column, values=list(compress(column.values, known))) for column in sample.columns]
    return replace(sample, columns=kept), list(compress(answers, known))


def _answers(sample: TableSample, label: LabelGuess) -> Sequence[Any]:
    """Returns the label of each row, None where it has none; of several labels all."""
    columns = {column.name: column.values for column in sample.columns}
    if label.task == "multilabel":
        rows = zip(*(columns[name] for name in label.columns), strict=True)
        return [row if {0, 1}.issuperset(row) else None for row in rows]
    return label.values or columns[label.columns[0]]


def _is_known(value: Any) -> bool:
    """Whether a row has a label, and one that is finite where it is a number."""
    return value is not None and (not isinstance(value, float) or math.isfinite(value))


def _with_numbers(guess: LabelGuess, column: SampledColumn, present: Sequence[float]) -> LabelGuess:
    """Adds to a label how its numbers lie.

    Args:
      guess: What is known of it already.
      column: Its values.
      present: Those that are finite.
    """
    remarks = (*guess.remarks, *filter(None, [lost_digits(present)]))
    deviation, spans = _deviation(present), _spans(present)
    return replace(guess, deviation=deviation, spans=spans, values=column.values, remarks=remarks)


def _finite(values: Sequence[Any]) -> list[Any]:
    return [value for value in values if value not in _INFINITE]


def _remarks_on_missing(missing: float, words: Words) -> list[str]:
    """Says what share of the rows has no label, and which words were taken for none."""
    remarks = [f"{percent(missing)} of the rows have no label and are left out"] if missing else []
    return [*remarks, words.remark] if words.remark else remarks


def _deviation(values: Sequence[float]) -> float:
    """Returns the standard deviation of some numbers."""
    mean = sum(values) / len(values)
    return float((sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5)


def _spans(values: Sequence[float]) -> bool:
    """Says whether a few numbers are so much larger than the others that errors are theirs alone."""
    sizes = sorted(map(abs, values))
    typical, large = sizes[len(sizes) // 2], sizes[int(0.99 * (len(sizes) - 1))]
    return 0 < _SPAN * typical <= large


def _with_classes(guess: LabelGuess, column: SampledColumn, counts: Mapping[Any, int], rows: int) -> LabelGuess:
    """Adds to a label what its classes are, and how even.

    Args:
      guess: What is known of it already.
      column: Its values.
      counts: Rows of each value among those that were looked at.
      rows: Rows of the whole table.
    """
    sizes = {str(int(value) if column.dtype == "float" else value): count for value, count in counts.items()}
    ordered = dict(sorted(sizes.items(), key=lambda item: -item[1]))
    largest, smallest = max(ordered.values()), min(ordered.values())
    in_whole_table = smallest * rows / max(1, len(column.values))
    remarks = list(guess.remarks)
    if alike := hidden_difference(ordered):
        remarks.append(f"some classes differ in {alike} only; write them alike")
    if in_whole_table < _FEWEST_ROWS:
        rarest = min(ordered, key=lambda name: ordered[name])
        remarks.append(f"class {rarest!r} has {counted(smallest, 'row')}, too few to learn")
    of_numbers = _remark_on_numbers(counts) if column.dtype == "string" else _remark_on_counts(column.dtype, counts)
    remarks += filter(None, [remark_on_classes(ordered), of_numbers])
    return replace(
        guess,
        counts=ordered,
        balanced=largest >= _UNEVEN * smallest and in_whole_table >= _FEWEST_TO_WEIGH,
        stratified=in_whole_table * 0.1 < _EVAL_ROWS,
        majority=largest / guess.rows,
        remarks=tuple(remarks),
    )


def _are_counts(column: SampledColumn, counts: Mapping[Any, int], rows: int) -> bool:
    """Says whether classes are whole numbers close to one another, of which the table has too few rows of some."""
    rarest = min(counts.values()) * rows / max(1, len(column.values))
    return rarest < _FEWEST_ROWS and bool(_remark_on_counts(column.dtype, counts)) and min(counts) >= 0


def _remark_on_counts(dtype: str, counts: Mapping[Any, int]) -> str:
    """Says that whole numbers which may count or rank something can be predicted as numbers."""
    if dtype == "string" or len(counts) < _FEWEST_COUNTS:
        return ""
    # Ages such as 10, 15, 20 lie as close as 2, 3, 4; 100, 200, 300 are codes sooner.
    step = min(_LONGEST_STEP, math.gcd(*(int(value - min(counts)) for value in counts)))
    if max(counts) - min(counts) >= 2 * len(counts) * step:
        return ""
    return (
        f"whole numbers from {min(counts):.0f} to {max(counts):.0f} are read as {len(counts)} classes; if they count "
        "or rank something, as goals, points or stars do, write task: regression, which knows that 3 is nearer to 4 "
        "than to 9"
    )


def _remark_on_numbers(counts: Mapping[str, int]) -> str:
    """Says that nearly all cells are numbers, which a few others, such as ``<0.5``, make classes of."""
    numbers = evidence_of(counts)
    if numbers is None or len(counts) < _MOST_CODES:
        return ""
    others = [cell for cell in counts if read_number(cell, numbers.form) is None]
    without, rows = sum(counts[cell] for cell in others), sum(counts.values())
    if not 0 < without <= _FEW_OTHERS * rows:
        return ""
    return (
        f"{rows - without:,} of {rows:,} rows have a number here, and those such as {others[0]!r} have none, so each "
        "value is a class of its own; to estimate numbers, write these cells as numbers, or leave their rows out with "
        f"missing_values: {others[:3]}{' and so on' if len(others) > 3 else ''} of the label under features"
    )


def _guess_several(columns: Sequence[SampledColumn], origin: str) -> LabelGuess:
    for column in columns:
        strange = set(column.present) - {0, 1}
        if strange:
            raise ConfigError(
                f"--label: several label columns must hold 0 and 1 only, but {column.name!r} of {origin} holds "
                f"{next(iter(strange))!r}; recode it or name one label"
            )
    # A row that lacks one of them is left out.
    rows = [row for row in zip(*(column.values for column in columns), strict=True) if {0, 1}.issuperset(row)]
    if not rows:
        raise ConfigError(f"--label: no row of {origin} has a value in each label column; fill them in, or name fewer")
    ones = {column.name: sum(row[place] == 1 for row in rows) for place, column in enumerate(columns)}
    missing = 1 - len(rows) / max(1, len(columns[0].values))
    remarks = tuple(_remarks_on_missing(missing, Words()))
    majority = max(ones.values()) / max(1, len(rows))
    return LabelGuess(tuple(ones), "multilabel", ones, len(rows), missing, majority=majority, remarks=remarks)


def _read_numbers(column: SampledColumn, reading: dict[str, tuple[Any, str]], source: str) -> SampledColumn:
    """Reads a label that would be numbers but for signs, marks and units, and writes how that is done.

    Args:
      column: A label of text.
      reading: Takes the keys of the ``csv:`` block that the label needs, each with the reason.
      source: Block of the recipe that reads the table, such as ``csv``.

    Raises:
      ConfigError: its numbers cannot be compared with one another.
    """
    cells = Counter(column.present)
    numbers = evidence_of(cells)
    facts = LabelFacts(column.name, "string", dict(cells), cells.total())
    as_numbers = facts_of_written(facts, numbers)
    if numbers is None or as_numbers is None or is_classes(as_numbers):
        return column
    if numbers.problem:
        raise ConfigError(f"--label: {column.name!r} holds numbers that cannot be compared: {numbers.problem}")
    if numbers.share < 1:
        return column
    # The point is the decimal sign unless the recipe names another.
    if not numbers.certain or numbers.decimal == ",":
        if source != "csv":
            raise ConfigError(f"--label: {column.name!r} holds numbers as text, {numbers.told()}; write it as numbers")
        reading["label_decimal"] = (numbers.decimal, _why_decimal(numbers))
    return SampledColumn(column.name, "float", _read_all(column.values, numbers), column.words)


def _read_all(values: Sequence[str | None], numbers: WrittenNumbers) -> list[float | None]:
    return [None if value is None else read_number(value, numbers.form) for value in values]


def _why_decimal(numbers: Any) -> str:
    """Says why a sign was taken for the decimal one, and how to take the other."""
    other = "." if numbers.decimal == "," else ","
    if numbers.certain:
        return f"{numbers.told()}; else label_decimal: '{other}'"
    return f"{numbers.why}: read as thousands; if it is the decimal sign: label_decimal: '{other}'"


def _refuse_no_classes(name: str, present: Sequence[str]) -> None:
    """Refuses text that names no classes: what hardly repeats, and dates and times, which are points on a line."""
    distinct = list(dict.fromkeys(present))
    comes_again = len(distinct) < max(2, len(present))
    if len(distinct) <= _MOST_DATES_AS_CLASSES and comes_again:
        return
    seen = f"{len(distinct)} different values in {len(present)} rows, such as {distinct[0][:40]!r}"
    for what, forms, number in _POINTS_IN_TIME:
        if any(all(reads_as_date(value, form) for value in distinct[:100]) for form in forms):
            raise ConfigError(
                f"--label: {name!r} holds {what} ({seen}), which are neither classes nor numbers; write them as "
                f"numbers, such as {number}, or name another column"
            )
    if len(distinct) > 0.5 * len(present):
        raise ConfigError(
            f"--label: {name!r} holds text that hardly repeats ({seen}); name a column with classes or numbers"
        )


def _facts(column: SampledColumn, counts: Counter[Any], rows: int, origin: str) -> LabelFacts:
    numbers = column.dtype != "string" and rows > 0
    dtype: Any = column.dtype
    return LabelFacts(
        column.name, dtype, dict(counts) if len(counts) <= 10_000 else None, rows,
        minimum=min(counts) if numbers else None, maximum=max(counts) if numbers else None,
        whole=column.dtype == "float" and all(float(value).is_integer() for value in counts), origin=origin,
    )  # fmt: skip
