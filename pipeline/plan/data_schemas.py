"""The curated schema of an experiment: a file beside the recipe that the user edits and commits.

The first run that passes the gate writes it, inferred from its data; later runs are checked against it. Repeating that
first run must find everything cached, so a note in the workspace says from which data the file was inferred: for this
very data the graph infers the schema again instead of reading the file, as long as nobody has edited it.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, write_at_once
from kerasline.components.datasets.description import Dataset
from kerasline.components.validation import VERDICT_FILE
from kerasline.pipeline.config import RECIPES

SUFFIX = ".schema.pbtxt"


@dataclass(frozen=True)
class SchemaFile:
    """Where the curated schema of an experiment is.

    Attributes:
      path: ``NAME.schema.pbtxt``, there or not.
      note: the workspace's note of where it came from.
    """

    path: Path
    note: Path


def find_schema_file(name: str, base_dir: Path, workspace: Path) -> SchemaFile:
    """Locates the curated schema: beside the recipe, or in the workspace for one that ships with kerasline.

    Args:
      name: of the experiment.
      base_dir: the recipe's folder.
      workspace: its root.
    """
    folder = workspace / "schemas"
    beside = base_dir / f"{name}{SUFFIX}"
    shipped = base_dir.resolve() == RECIPES.resolve()
    usable = beside.is_file() or not shipped and os.access(base_dir, os.W_OK)
    return SchemaFile(beside if usable else folder / f"{name}{SUFFIX}", folder / f"{name}.origin.json")


def curated_text(file: SchemaFile, dataset: Dataset) -> str:
    """Returns the schema that this data must be checked against, without comments.

    Args:
      file: of the experiment.
      dataset: the resolved data.

    Returns:
      Text; empty where the schema is to be inferred: there is no file, or this very data is what it was inferred from.

    Raises:
      ConfigError: the file is no schema.
    """
    if not file.path.is_file():
        return ""
    text = _canonical(_read(file.path), str(file.path))
    return "" if _read_note(file) == _note(text, dataset) else text


def write_first(file: SchemaFile, inferred: str, dataset: Dataset, name: str) -> bool:
    """Writes the schema of a first run that passed the gate; an existing file stays as it is.

    Args:
      file: of the experiment.
      inferred: the schema as text.
      dataset: that it was inferred from.
      name: of the experiment.

    Returns:
      Whether it was written.
    """
    if file.path.is_file():
        return False
    text = _canonical(inferred, "the inferred schema")
    header = (
        f"# What the data of {name} must look like, inferred from {dataset.rows} rows of "
        f"{dataset.title or dataset.name}.\n"
        "# Later runs are checked against it. Edit it and commit it; 'kerasline schema accept' widens it after a run\n"
        "# that it stopped.\n"
    )
    file.path.parent.mkdir(parents=True, exist_ok=True)
    write_at_once(file.path, header + text)
    file.note.parent.mkdir(parents=True, exist_ok=True)
    write_at_once(file.note, json.dumps(_note(text, dataset), indent=1))
    return True


def keep_gate_records(
    file: SchemaFile | None,
    dataset: Dataset,
    name: str,
    artifacts: Mapping[str, Mapping[str, Any]],
    error: BaseException | None,
    folder: Path,
) -> Path | None:
    """Keeps what the gate said beside the report, and writes the curated schema once a run has passed the gate.

    Args:
      file: where the curated schema is, None to write none.
      dataset: of the run.
      name: of the experiment.
      artifacts: step to output to artifact, of the finished steps.
      error: what ended the run; the gate's own has the verdict, for a step that failed leaves no artifacts.
      folder: of the report; gets ``verdict.json``.

    Returns:
      The curated schema, if this run wrote it.
    """
    gate = artifacts.get("validate")
    verdict = json.loads(_read(Path(gate["verdict"].uri, VERDICT_FILE))) if gate else getattr(error, "verdict", None)
    if verdict:
        folder.mkdir(parents=True, exist_ok=True)
        verdict = {**verdict, "schema_file": str(file.path) if file else None}
        write_at_once(folder / VERDICT_FILE, json.dumps(verdict, indent=1, ensure_ascii=False))
    if gate is None or file is None:
        return None
    inferred = _read(Path(artifacts["curated"]["schema"].uri, "schema.pbtxt"))
    return file.path if write_first(file, inferred, dataset, name) else None


def accept_findings(path: Path, reports: Path, name: str, columns: list[str]) -> str:
    """Writes what the last run found in contradiction to the curated schema into it.

    Args:
      path: of the curated schema.
      reports: the experiment's reports; each has its run's ``verdict.json``.
      name: of the experiment.
      columns: only these, or all for an empty list.

    Returns:
      The difference, as ``diff -u`` prints it.

    Raises:
      ConfigError: there is nothing to accept, or no such column in it.
    """
    run, accept = _last_verdict(reports, name)
    known = list(accept["columns"])
    for column in columns:
        if column not in known:
            raise ConfigError(
                f"--column: expected a column that contradicted the schema in run {run} ({', '.join(known)}), got "
                f"{column!r}"
            )
    if not path.is_file():
        raise ConfigError(
            f"expected the schema that run {run} was checked against, but {path} does not exist; run again to "
            "have it inferred from the data as it is"
        )
    before = _read(path)
    after = _leading_comments(before) + _take_columns(before, str(path), accept["schema"], set(columns or known))
    if _canonical(before, "") == _canonical(after, ""):
        raise ConfigError(f"expected something to accept, but {path} has what run {run} found already; run again")
    write_at_once(path, after)
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"{path} before", f"{path} now", lineterm="", n=4
    )
    return "\n".join(lines)


def last_schema_file(reports: Path) -> Path | None:
    """Returns the curated schema that the last run of an experiment was checked against, or None before any run.

    Args:
      reports: of the experiment.
    """
    for path in _verdicts(reports):
        known = json.loads(path.read_text(encoding="utf-8")).get("schema_file")
        return Path(known) if known else None
    return None


def _verdicts(reports: Path) -> list[Path]:
    """Lists what the gate said, newest run first."""
    return sorted(reports.glob(f"*/{VERDICT_FILE}"), key=lambda path: path.parent.name, reverse=True)


def _last_verdict(reports: Path, name: str) -> tuple[str, dict[str, Any]]:
    """Finds the newest run with a verdict; what an older one found may be long settled."""
    for path in _verdicts(reports):
        accept = json.loads(path.read_text(encoding="utf-8")).get("accept")
        if accept is None:
            raise ConfigError(
                f"expected contradictions to the schema in the last run of {name} ({path.parent.name}), but it found "
                "none; there is nothing to accept"
            )
        return path.parent.name, accept
    raise ConfigError(f"expected a run of {name} in {reports.parent.parent}, but there is none; run it first")


def _take_columns(text: str, origin: str, proposed: str, columns: set[str]) -> str:
    """Returns the schema with some columns as the proposal has them, added or removed."""
    from kerasline.components.validation import parse_schema, print_schema

    schema, wanted = parse_schema(text, origin), parse_schema(proposed, "the proposal")
    there = {feature.name: feature for feature in wanted.feature}
    result = type(schema)()
    result.CopyFrom(schema)
    del result.feature[:]
    for feature in schema.feature:
        if feature.name not in columns:
            result.feature.add().CopyFrom(feature)
        elif feature.name in there:
            result.feature.add().CopyFrom(there[feature.name])
    known = {feature.name for feature in schema.feature}
    for name, feature in there.items():
        if name in columns and name not in known:
            result.feature.add().CopyFrom(feature)
    return print_schema(result)


def _canonical(text: str, origin: str) -> str:
    from kerasline.components.validation import parse_schema, print_schema

    return print_schema(parse_schema(text, origin))


def _note(text: str, dataset: Dataset) -> dict[str, str]:
    data = dataset.fingerprint + dataset.split.model_dump_json()
    return {"schema": _sha256(text), "data": _sha256(data)}


def _read_note(file: SchemaFile) -> Any:
    try:
        return json.loads(file.note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _leading_comments(text: str) -> str:
    lines = []
    for line in text.splitlines(keepends=True):
        if not line.startswith("#"):
            break
        lines.append(line)
    return "".join(lines)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"expected a readable schema, but {path} cannot be read: {error}") from error


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
