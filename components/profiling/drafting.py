"""From a look at the data to the text of a first recipe."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, counted, percent, printable, rounded
from kerasline.components.features import has_too_many_ranks
from kerasline.components.profiling.guessing import (
    ColumnGuess,
    LabelGuess,
    drop_leaks,
    equal_rows,
    guess_column,
    guess_label,
    labelled_rows,
    mark_panels,
    require_label,
)
from kerasline.components.profiling.sampling import (
    TABLES,
    ImageSample,
    TableSample,
    check_one_table,
    check_source,
    choose_model,
    explain_folder,
    glob_of,
    is_image_folder,
    sample_images,
    sample_table,
    tables_of,
)
from kerasline.components.profiling.settings import Settings, choose_settings
from kerasline.components.profiling.writing import block, comment, listed, pair

_GUESSES = "Guesses have their reason beside them; change what is wrong."
_UNNAMED = "Columns not named under features go by their type: numbers by {}, text with few values one-hot."
_RANKED, _SCALED = "their distance from the median and their rank", "z-score, since they are very many"
_TRANSFER = (
    "With few photographs, a pretrained network learns more: model: {family: transfer} (it downloads its weights)."
)
_TOLD = ("encoding", "quoting", "skip_lines", "header", "ragged_rows")  # what a user should hear of the file at once
_COUNTS = "whole numbers, some in too few rows to be classes, which auto would make of them"
_LONGEST_NAME = 50  # that a recipe may have
_LEAKS = {"leakage": "warn"}
_WHY_LEAKS = (
    "every input gives the label away, and there are no others: see that they are known before the label is; by "
    "default the run would stop"
)


@dataclass(frozen=True)
class Draft:
    """A first recipe.

    Attributes:
      name: of the experiment.
      text: the YAML.
      summary: what was seen, one line each.
      columns: name, kind, share missing and what was seen, one for each column.
    """

    name: str
    text: str
    summary: tuple[str, ...]
    columns: tuple[tuple[str, str, str, str], ...]


def draft_recipe(data: Path, labels: Sequence[str], name: str | None, shown_path: str) -> Draft:
    """Looks at data and writes a first recipe for it.

    Args:
      data: a CSV or Parquet file, a folder of such files, or a folder of images by class.
      labels: the column to predict, or several of 0 and 1; images have none.
      name: of the experiment; default: of the data.
      shown_path: how the recipe names the data.

    Raises:
      ConfigError: there is nothing to learn from, or the label is not named.
    """
    check_source(data)
    if data.is_dir():
        files = tables_of(data)
        if is_image_folder(data):
            return _draft_images(data, labels, name or safe_name(data), shown_path)
        if not files:
            raise explain_folder(data)
        check_one_table(data, files, labels)
        folders = "" if files[0].parent == data else "/**"
        return _draft_table(files, labels, name or safe_name(data), f"{shown_path}{folders}/{glob_of(files)}")
    return _draft_table([data], labels, name or safe_name(data), shown_path)


def _draft_table(files: Sequence[Path], labels: Sequence[str], name: str, shown_path: str) -> Draft:
    sample = sample_table(files, labels)
    require_label([*sample.names, *sample.unusable], labels, files[0], sample.remark)
    label = guess_label(sample, labels)
    kept, answers = labelled_rows(sample, label)
    guesses = _guess_columns(sample, kept, labels)
    has_leaks = label.task != "multilabel" and drop_leaks(kept, guesses, answers, is_number=not label.counts)
    inputs = [guess for guess in guesses if guess.kind != "drop"]
    if not inputs:
        raise _nothing_left(files[0], guesses, sample)
    _leave_ranks(guesses)
    different = equal_rows(kept.columns, {*labels, *(guess.name for guess in inputs)})
    settings = choose_settings(sample.rows, label, columns=len(inputs), different=different)
    lines = _table_lines(sample, label, guesses, settings, name, shown_path)
    if has_leaks:
        lines += ["", *pair("validation", _LEAKS, 0, _WHY_LEAKS)]
    summary = _table_summary(sample, label, labels, shown_path)
    return Draft(name, "\n".join(lines) + "\n", summary, _columns_shown(guesses, sample))


def _guess_columns(sample: TableSample, kept: TableSample, labels: Sequence[str]) -> list[ColumnGuess]:
    """Guesses what the columns without the label are: of all rows, though those with a label alone are kept."""
    inputs = [column for column in sample.columns if column.name not in labels]
    guesses = [guess_column(column, sample.rows, sample.complete) for column in inputs]
    mark_panels(sample.columns, guesses)
    _drop_empty(kept, guesses)
    return guesses


def _columns_shown(guesses: Sequence[ColumnGuess], sample: TableSample) -> tuple[tuple[str, str, str, str], ...]:
    columns = [(g.name, g.kind, percent(g.missing) if g.missing else "", _detail(g)) for g in guesses]
    return (*columns, *((unusable, "drop", "", why) for unusable, why in sample.unusable.items()))


def _nothing_left(path: Path, guesses: Sequence[ColumnGuess], sample: TableSample) -> ConfigError:
    told = [f"{guess.name!r} {guess.why}" for guess in guesses]
    told += [f"{unusable!r}: {why}" for unusable, why in sample.unusable.items()]
    return ConfigError(
        f"no column of {path} is left to learn from besides the label: " + ("; ".join(told[:5]) or "it has no other")
    )


def _table_summary(sample: TableSample, label: LabelGuess, labels: Sequence[str], shown_path: str) -> tuple[str, ...]:
    """Says in a few lines what was seen, for the screen."""
    about = f"{sample.rows:,}" if sample.complete else f"about {sample.rows:,}"
    return (
        f"{shown_path}: {about} rows, {counted(len(sample.columns) + len(sample.unusable), 'column')}",
        f"label {' and '.join(map(repr, labels))}: {describe_label(label)}",
        *(f"csv.{key}: {sample.reading[key][0]} ({sample.reading[key][1]})" for key in _TOLD if key in sample.reading),
        *([f"note: {sample.remark}"] if sample.remark else []),
    )


def _drop_empty(kept: TableSample, guesses: Sequence[ColumnGuess]) -> None:
    """Leaves out the columns that have no value in the rows that are kept, which are those with a label."""
    empty = {column.name for column in kept.columns if column.dtype != "array" and not column.present}
    for guess in guesses:
        if guess.name in empty and guess.kind != "drop":
            guess.kind, guess.options, guess.missing = "drop", {}, 0.0
            guess.why = "no value in any row that has a label"


def _leave_ranks(guesses: Sequence[ColumnGuess]) -> None:
    """Leaves numbers to the family's own scale, in which large values do not rule: their logarithm has no rank."""
    for guess in guesses:
        if guess.options.get("scale") == "log":
            del guess.options["scale"]
            guess.why = guess.why.partition(", three quarters within")[0]


def _table_lines(
    sample: TableSample, label: LabelGuess, guesses: Sequence[ColumnGuess], settings: Settings, name: str, path: str
) -> list[str]:
    about = counted(sample.rows, "row") if sample.complete else (
        f"about {sample.rows:,} rows, of which {len(sample.columns[0].values):,} were looked at"
    )  # fmt: skip
    lines = comment(f"A first recipe for {path}: {about}. {_GUESSES}")
    kinds = [guess.kind for guess in guesses]
    is_ranked = not has_too_many_ranks(kinds.count("numeric"), kinds.count("date"))
    lines += comment(_UNNAMED.format(_RANKED if is_ranked else _SCALED))
    lines += comment(f"Note: {sample.remark}") if sample.remark else []
    lines += ["", *pair("name", name), "", "data:", f"  {sample.source}:"]
    lines += pair("path", path, 4)
    answer = list(label.columns) if len(label.columns) > 1 else label.columns[0]
    lines += pair("label", answer, 4, describe_label(label))
    for remark in label.remarks:
        lines += comment(remark, 4)
    lines += _reading_lines(sample, label)
    lines += _drop_lines(guesses, sample.unusable)
    lines += _split_lines(settings, guesses)
    lines += ["", *pair("task", "regression", 0, _COUNTS)] if label.are_counts else []
    lines += _feature_lines(guesses, _label_lines(label))
    lines += _rest(settings, label)
    return lines


def _reading_lines(sample: TableSample, label: LabelGuess) -> list[str]:
    """Writes how the file is read, where that is not as usual."""
    lines = []
    if sample.delimiter not in (",", ""):
        lines += pair("delimiter", "tab" if sample.delimiter == "\t" else sample.delimiter, 4)
    for key, (value, why) in {**sample.reading, **label.reading}.items():
        lines += pair(key, value, 4, why)
    if sample.index:
        told = f"the index of a data frame is no input: {listed(sample.index)}; name it under features to make it one"
        lines += comment(told, 4)
    return lines


def _drop_lines(guesses: Sequence[ColumnGuess], unusable: Mapping[str, str]) -> list[str]:
    """Lists the columns that are no inputs, each with the reason."""
    dropped = [(guess.name, guess.why) for guess in guesses if guess.kind == "drop"] + list(unusable.items())
    lines = ["    drop:"] if dropped else []
    for item, why in dropped:
        (written,) = pair("x", item)
        lines += _item(written.removeprefix("x: "), why)
    return lines


def _item(written: str, why: str) -> list[str]:
    line = f"      - {written}  # {' '.join(printable(why).split())}"
    return [line] if len(line) <= 118 else [*comment(why, 6), f"      - {written}"]


def _split_lines(settings: Settings, guesses: Sequence[ColumnGuess]) -> list[str]:
    lines = pair("split", settings.split, 2, settings.reasons["split"]) if settings.split else []
    for guess in guesses:
        if guess.group:
            lines += comment(f"If rows of one {guess.name} belong together, none should be on both sides:", 2)
            lines += comment(pair("split", {"method": "group", "column": guess.name})[0], 2)
    for guess in guesses:
        if guess.kind == "date" and guess.options.get("date_format", "ymd") == "ymd" and not guess.missing:
            lines += comment("To predict the future from the past, keep the newest rows for eval and test:", 2)
            lines += comment(pair("split", {"method": "time", "column": guess.name})[0], 2)
            break
    return lines


def _label_lines(label: LabelGuess) -> list[str]:
    """Gives the label its own words for a missing value, and its scale, where it needs them."""
    options: dict[str, Any] = {"scale": "log"} if label.spans else {}
    reasons = ["its sizes lie orders of magnitude apart; answers stay in its own units"] if label.spans else []
    if label.words.own is not None:
        options["missing_values"] = list(label.words.own)
        reasons.append(label.words.why)
    return pair(label.columns[0], options, 2, "; ".join(filter(None, reasons))) if options else []


def _feature_lines(guesses: Sequence[ColumnGuess], of_label: Sequence[str]) -> list[str]:
    """Writes the ``features`` block: the label's own lines first, then the inputs that need more than their type."""
    inputs = [guess for guess in guesses if guess.kind != "drop"]
    lines = ["", *_kinds_of_inputs(inputs)]
    if of_label or any(guess.options for guess in inputs):
        lines += ["features:", *of_label]
        return lines + [line for guess in inputs for line in _lines_of_feature(guess)]
    remarks = [_remark_lines(guess, 0) for guess in inputs]
    return [*lines, *chain.from_iterable(remarks), "features: {}"]


def _lines_of_feature(guess: ColumnGuess) -> list[str]:
    """Writes what the recipe says of one input; nothing where its type tells all."""
    lines = _remark_lines(guess, 2)
    return lines + pair(guess.name, guess.options, 2, guess.why) if guess.options else lines


def _remark_lines(guess: ColumnGuess, indent: int) -> list[str]:
    return comment(f"{guess.name}: {guess.remark}", indent) if guess.remark else []


def _kinds_of_inputs(inputs: Sequence[ColumnGuess]) -> list[str]:
    """Lists the inputs by kind, and those that lack values, as comments."""
    lines = []
    for kind in ("numeric", "categorical", "boolean", "date", "text", "array"):
        names = [guess.name for guess in inputs if guess.kind == kind]
        lines += comment(f"{kind}: {listed(names)}") if names else []
    missing = sorted((guess for guess in inputs if guess.missing), key=lambda guess: -guess.missing)
    if missing:
        found = listed([f"{guess.name} {percent(guess.missing)}" for guess in missing])
        lines += comment(
            f"values are missing in {found}; a missing number becomes the mean, with a 0/1 input that says so"
        )
    return lines


def _rest(settings: Settings, label: LabelGuess) -> list[str]:
    lines = ["", *block("model", settings.model, why=settings.reasons["model"])]
    lines += ["", *block("training", settings.training, why=settings.reasons["training"])]
    if label.balanced:
        rare = min(label.counts, key=lambda name: label.counts[name])
        share = label.counts[rare] / max(1, label.rows)
        lines += comment(
            f"{rare!r} is {percent(share)} of the rows. To find more of it at the price of more false alarms (accuracy "
            "and log loss get worse, and scores are no probabilities any more):",
            2,
        )
        lines += comment("class_weights: balanced", 2)
    return [*lines, "", *block("evaluation", settings.evaluation, why=settings.reasons["evaluation"])]


def _draft_images(folder: Path, labels: Sequence[str], name: str, shown_path: str) -> Draft:
    if labels and list(labels) != ["label"]:
        raise ConfigError(
            f"--label is for tables; the images of {folder} are labelled by the folder they are in, so leave it out"
        )
    sample = sample_images(folder)
    label = _label_of_images(sample)
    model, why = choose_model(sample)
    settings = choose_settings(sample.rows, label, model, why)
    about = f"{sample.rows:,} images of {len(sample.counts)} classes"
    lines = comment(f"A first recipe for {shown_path}: {about}. {_GUESSES}")
    lines += comment(f"classes: {listed([f'{key} ({count})' for key, count in sample.counts.items()])}")
    for remark in sample.remarks:
        lines += comment(remark)
    lines += ["", *pair("name", name), "", "data:"]
    options: dict[str, Any] = {"path": shown_path}
    if any("without an image" in remark for remark in sample.remarks):
        options["empty_classes"] = "skip"
    lines += block("images", options, 2)
    lines += _split_of_images(sample, settings)
    lines += ["", *_size_lines(sample), *_rest(settings, label), *comment(_TRANSFER)]
    summary = (
        f"{shown_path}: {sample.rows:,} images, {sample.sizes}, {'grey' if sample.channels == 1 else 'colour'}",
        f"label: {describe_label(label)}",
    )
    size = f"resized to {sample.size[0]}×{sample.size[1]}" if sample.resized else sample.sizes
    return Draft(name, "\n".join(lines) + "\n", summary, (("image", "image", "", size),))


def _label_of_images(sample: ImageSample) -> LabelGuess:
    largest, smallest = max(sample.counts.values()), min(sample.counts.values())
    return LabelGuess(
        ("label",),
        "binary" if len(sample.counts) == 2 else "multiclass",
        sample.counts,
        sample.rows,
        0.0,
        balanced=largest >= 4 * smallest and smallest >= 10,
        stratified=smallest * 0.1 < 5,
        majority=largest / sample.rows,
    )


def _split_of_images(sample: ImageSample, settings: Settings) -> list[str]:
    """Writes how the images are divided: what the folder divides already is left as it is."""
    split = dict(settings.split)
    lines = []
    if sample.given:
        split.pop("test", None)
        split.pop("method", None)
        lines += comment(f"the folder brings its own {', '.join(sample.given)}", 2)
        if "eval" in sample.given:
            split = {}
    return lines + (pair("split", split, 2, settings.reasons["split"]) if split else [])


def _size_lines(sample: ImageSample) -> list[str]:
    if not sample.resized:
        return [*comment(f"every image has {sample.sizes} pixels"), "features: {}"]
    size = {"size": list(sample.size), "channels": sample.channels}
    return [*comment(f"the images are {sample.sizes}; all become one size"), "features:", *pair("image", size, 2)]


def describe_label(label: LabelGuess) -> str:
    """Says in a few words what is predicted."""
    if label.task == "multilabel":
        return f"multilabel, {len(label.columns)} columns of 0 and 1"
    if not label.counts:
        return f"regression: numbers, standard deviation {rounded(label.deviation)}"
    shares = [f"{name} {percent(count / max(1, label.rows), 0)}" for name, count in label.counts.items()]
    return f"{label.task}, {len(label.counts)} classes: {listed(shares, 5)}"


def _detail(guess: ColumnGuess) -> str:
    treated = {key: value for key, value in guess.options.items() if key != "kind"}
    settings = ", ".join(f"{key} {value}" for key, value in treated.items())
    return f"{guess.why} ({settings})" if settings else guess.why


def safe_name(path: Path) -> str:
    """Makes a name for the experiment: up to 50 lower-case letters, digits, - and _."""
    stem = os.path.basename(os.path.abspath(path))
    while (suffix := Path(stem).suffix).lower() in TABLES:
        stem = stem.removesuffix(suffix)
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:_LONGEST_NAME].strip("_") or "my_data"
