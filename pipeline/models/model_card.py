"""The model card: what a version is, what it was made of and how good it is, as Markdown and as HTML."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasline.components.core import counted, rounded, write_at_once
from kerasline.components.registry import CARD_FILES, read_record
from kerasline.pipeline.workspace import section

# Readable on a phone and in the dark: long words break, and a table too wide scrolls within its own box.
_STYLE = (
    ":root{color-scheme:light dark;--page:#fff;--card:#f4f4f4;--ink:#1c2126;--line:#d5dae0}"
    "@media(prefers-color-scheme:dark){:root{--page:#14181d;--card:#1d232a;--ink:#e8ebee;--line:#39424c}}"
    "body{background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif;max-width:50rem;"
    "margin:1.5rem auto;padding:0 1rem;overflow-wrap:anywhere}div{overflow-x:auto}table{border-collapse:collapse}"
    "td,th{padding:.2rem 1rem .2rem 0;text-align:left;border-bottom:1px solid var(--line)}"
    "td,th{min-width:4rem;vertical-align:top}"
    "td:first-child,th{overflow-wrap:break-word}"
    "pre{background:var(--card);padding:1rem;white-space:pre-wrap}"
    "@media print{div{overflow:visible}}"
)


@dataclass(frozen=True)
class Section:
    """A part of the card: sentences, then a table."""

    title: str
    text: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    code: str = ""


def card_paths(version_folder: Path) -> tuple[Path, Path]:
    """Returns where the card of a version is: Markdown and HTML."""
    markdown, html = CARD_FILES
    return version_folder / markdown, version_folder / html


def write_card(version_folder: Path, figures: Mapping[str, Any]) -> None:
    """Writes a version's card.

    Args:
      version_folder: ``MODELS/NAME/VERSION``.
      figures: of the run that made it; empty where its report is gone, and the card then says so.
    """
    name, version = version_folder.parent.name, version_folder.name
    sections = describe(name, int(version), read_record(version_folder.parent, int(version)), figures)
    card_paths(version_folder)[0].parent.mkdir(exist_ok=True)
    written = (as_markdown(name, version, sections), as_html(name, version, sections))
    for path, text in zip(card_paths(version_folder), written, strict=True):
        write_at_once(path, text)


def write_missing_card(version_folder: Path, figures: Mapping[str, Any]) -> None:
    """Writes a version's card unless it has one: later runs that find it up to date did not make it."""
    if version_folder.is_dir() and not all(path.is_file() for path in card_paths(version_folder)):
        write_card(version_folder, figures)


def describe(name: str, version: int, record: Mapping[str, Any], figures: Mapping[str, Any]) -> list[Section]:
    """Puts what is known of a version into sections."""
    made = [_model(record, figures), _data(record, figures), _inputs(record)]
    if figures:
        made += [_metrics(figures), _gate(figures), *_formats(figures), _training(figures)]
    else:
        made.append(Section("Metrics", ("The report of the run that made this version is gone.",)))
    return [*made, _use(name, record), _environment(record)]


def _model(record: Mapping[str, Any], figures: Mapping[str, Any]) -> Section:
    classes = record.get("classes")
    answers = f"one of {len(classes)} classes: {', '.join(classes[:50])}" if classes else "a number"
    rows = [
        ("task", str(record.get("task", "not recorded"))),
        ("answers", answers),
        ("pushed", str(record.get("pushed_at", "not recorded"))),
        ("run", str(record.get("run_id", "not recorded"))),
        ("parameters", _count(section(figures, "training").get("parameters"))),
    ]
    description = section(figures, "experiment").get("description")
    return Section("Model", (description,) if description else (), ("", ""), tuple(rows))


def _data(record: Mapping[str, Any], figures: Mapping[str, Any]) -> Section:
    data, recorded = section(figures, "data"), section(record, "data")
    left_out = len(data.get("skipped") or ())
    rows = [
        ("data", data.get("title") or recorded.get("title")),
        ("source", data.get("source")),
        ("licence", data.get("licence")),
        ("rows", _count(data.get("rows") or recorded.get("rows"))),
        ("splits", ", ".join(f"{split} {rows:,}" for split, rows in section(data, "splits").items())),
        ("spans", record.get("spans")),
        ("left out", counted(left_out, "file or group of rows", "files or groups of rows") if left_out else None),
        ("fingerprint", record.get("data_fingerprint")),
    ]
    return Section("Data", (), ("", ""), tuple((key, str(value)) for key, value in rows if value))


def _inputs(record: Mapping[str, Any]) -> Section:
    rows = [
        (
            column["name"],
            column["dtype"] + (f" {'×'.join(map(str, column['shape']))}" if column.get("shape") else ""),
            column.get("unit") or "",
            "may be missing" if column.get("missing") else "",
        )
        for column in record.get("columns") or ()
    ]
    label = section(record, "label").get("name")
    text = (f"It predicts {label} from these columns.",) if label else ()
    return Section("Inputs", text, ("column", "type", "unit", ""), tuple(rows))


def _metrics(figures: Mapping[str, Any]) -> Section:
    rows = [
        (metric, *(rounded(section(figures, key).get(metric)) for key in ("metrics", "test_metrics", "trivial")))
        for metric in section(figures, "metrics")
    ]
    text = ("The eval split decided whether the model was pushed; the test split was looked at only here.",)
    return Section("Metrics", text, ("metric", "eval", "test", "trivial model, eval"), tuple(rows))


def _gate(figures: Mapping[str, Any]) -> Section:
    rows = [
        (
            row["title"] + (f", {row['slice']}" if row["slice"] else ""),
            row["text"],
            rounded(row["value"]),
            row["status"],
        )
        for row in figures.get("gate") or ()
    ]
    text = [*_parity(section(figures, "parity"))]
    if figures.get("missing_baseline"):
        text.append(f"It was compared with limits only, since {figures['missing_baseline']}.")
    cost = figures.get("cost")
    if cost:
        text.append(
            f"A single request takes {rounded(cost['latency_p50_ms'])} ms (median) and up to "
            f"{rounded(cost['latency_p99_ms'])} ms (99 of 100) on the machine of its run, without a network; the "
            f"SavedModel has {cost['size_bytes']:,} bytes."
        )
    return Section("Gate", tuple(text), ("part", "asked", "found", ""), tuple(rows))


def _parity(parity: Mapping[str, Any]) -> list[str]:
    """Says how far the exported model is from the trained one, where that was measured."""
    if not parity:
        return []
    unit = " deviations of the label" if "label" in parity.get("measure", "") else ""
    return [
        f"Over {parity['rows']:,} eval rows the exported model differs from the trained one by at most "
        f"{parity['largest_difference']:.2g}{unit}."
    ]


def _formats(figures: Mapping[str, Any]) -> list[Section]:
    """Describes what there is beside the SavedModel, where there is anything."""
    described = section(figures, "formats")
    formats = section(described, "formats")
    if not formats:
        return []
    inputs = "; ".join(f"{i['name']} {i['dtype']} {_shape(i['shape'])}" for i in described["inputs"])
    text = (
        "These files in formats/ hold the network alone: they take what the preprocessing gives and not raw values. "
        "kerasline export puts the preprocessing, a TensorFlow graph, beside them as transform_graph/.",
        f"Inputs: {inputs}. Output: {described['output']}"
        + (f", in the order {', '.join(described['classes'][:50])}." if described.get("classes") else "."),
        "The difference is that from the trained model on eval rows, the latency that of single requests.",
    )
    rows = tuple(
        (
            outcome["file"],
            f"{outcome['bytes']:,}",
            f"{outcome['difference']:.2g} ({outcome['measure']}, at most {outcome['tolerance']:g})",
            f"{rounded(outcome['latency_p50_ms'])} / {rounded(outcome['latency_p99_ms'])}",
        )
        for outcome in formats.values()
    )
    return [Section("Other formats", text, ("file", "bytes", "difference", "latency p50 / p99, ms"), rows)]


def _shape(shape: Sequence[int | None]) -> str:
    return "×".join("rows" if size is None else str(size) for size in shape)


def _training(figures: Mapping[str, Any]) -> Section:
    training = section(figures, "training")
    settings = section(training, "settings")
    options = section(settings, "training")
    rows = [
        ("family", section(settings, "model").get("family")),
        ("optimizer", options.get("optimizer")),
        ("learning rate", options.get("learning_rate")),
        ("batch size", options.get("batch_size")),
        ("epochs", training.get("epochs")),
        ("seed", settings.get("seed")),
    ]
    return Section("Training", (), ("", ""), tuple((key, str(value)) for key, value in rows if value is not None))


def _use(name: str, record: Mapping[str, Any]) -> Section:
    arguments = section(record, "arguments")
    examples = {"float": "[1.0]", "int": "[1]", "string": '["text"]', "image": '[open("image.png", "rb").read()]'}
    given = ", ".join(
        f'"{arguments[column["name"]]}": tf.constant({examples.get(column["dtype"], "[...]")})'
        for column in (record.get("columns") or ())[:3]
        if column["name"] in arguments
    )
    more = ", ..." if len(arguments) > 3 else ""
    code = (
        "import tensorflow as tf\n\n"
        'model = tf.saved_model.load("PATH")\n'
        f'model.signatures["serving_raw"](**{{{given}{more}}})'
    )
    text = (
        "The preprocessing is inside: give raw values, NaN or an empty text for a missing one.",
        "What it is meant for, and for whom it must not decide, was not stated in its recipe.",
    )
    return Section("Use", text, code=code)


def _environment(record: Mapping[str, Any]) -> Section:
    rows = tuple((key, str(value)) for key, value in section(record, "environment").items() if value)
    return Section("Made with", (), ("", ""), rows)


def as_markdown(name: str, version: str, sections: Sequence[Section]) -> str:
    """Renders the card as Markdown."""
    lines = [f"# {_markdown(name)}, version {version}", ""]
    for part in sections:
        lines += [f"## {part.title}", ""]
        for sentence in part.text:
            lines += [_markdown(sentence), ""]
        if part.rows:
            lines += ["| " + " | ".join(part.header) + " |", "|" + " --- |" * len(part.header)]
            lines += ["| " + " | ".join(map(_markdown, row)) + " |" for row in part.rows] + [""]
        if part.code:
            lines += ["```python", part.code, "```", ""]
    return "\n".join(lines)


def as_html(name: str, version: str, sections: Sequence[Section]) -> str:
    """Renders the card as one HTML page that needs nothing else."""
    parts = []
    for part in sections:
        parts.append(f"<h2>{html.escape(part.title)}</h2>")
        parts += [f"<p>{html.escape(sentence)}</p>" for sentence in part.text]
        if part.rows:
            head = "".join(f"<th>{html.escape(title)}</th>" for title in part.header)
            body = "".join(
                "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in part.rows
            )
            table = f"<table>{f'<tr>{head}</tr>' if any(part.header) else ''}{body}</table>"
            parts.append(f'<div tabindex="0" role="region" aria-label="{html.escape(part.title)}">{table}</div>')
        if part.code:
            parts.append(f"<pre>{html.escape(part.code)}</pre>")
    title = html.escape(f"{name}, version {version}")
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>{''.join(parts)}</body></html>"
    )


def _markdown(text: str) -> str:
    """Keeps names of columns and classes from being read as markup."""
    for character in "\\`*_[]<>|#":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
