"""``kerasline backfill``: past spans predicted with a chosen version, one file for each."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import filelock

from kerasline.components.core import ConfigError, KeraslineError, counted, file_facts, rate, write_at_once
from kerasline.components.datasets import Places
from kerasline.components.datasets.description import SpanOptions
from kerasline.components.datasets.tables import Span
from kerasline.components.prediction import OUTPUTS, PredictionPlan, plan_prediction
from kerasline.components.registry import read_record
from kerasline.pipeline.backtesting.past import choose_spans
from kerasline.pipeline.config import load_experiment
from kerasline.pipeline.console import Screen, format_seconds, screen_apart
from kerasline.pipeline.models import engine_of_recipe, find_version, load_predict, predicting
from kerasline.pipeline.workspace import open_workspace

_LEDGER = ".backfill.json"


@dataclass(frozen=True)
class Filling:
    """What is to be predicted.

    Attributes:
      reference: ``NAME@VERSION``, or ``NAME`` for what is in production.
      source: a recipe whose data comes in spans, or a pattern such as ``in/{YYYY}-{MM}-{DD}/*.csv``.
      folder: that the files are written into.
      first, last: spans; None for the oldest and the newest.
      keys: columns to repeat in the output; none for all.
      suffix: of the files: .parquet, .csv or .jsonl.
      on_unseen: whether rows with values that training has never shown are marked (warn) or rejected.
      changes: ``KEY=VALUE`` of the recipe.
      data_dir: ``--data-dir``.
    """

    reference: str
    source: str
    folder: Path
    first: str | None = None
    last: str | None = None
    keys: Sequence[str] = ()
    suffix: str = ".parquet"
    on_unseen: str = "warn"
    changes: Sequence[str] = ()
    data_dir: Path | None = None


def backfill(filling: Filling, workspace: Path, *, debug: bool = False) -> dict[str, Any]:
    """Predicts past spans with a version, span by span.

    ``.backfill.json`` in the folder says which files this command wrote, by which version and from what. A span that is
    done, whose files and options are the same, is passed over; one that was corrected is predicted again. A file that
    this command did not write, or that somebody changed, stops it before anything is predicted.

    Args:
      filling: what is to be predicted.
      workspace: that has the model.
      debug: whether tracebacks are shown.

    Returns:
      ``model``, ``version``, ``folder``, ``spans`` (by name ``rows``, ``rejected`` and ``seconds``), ``done_before``
      (names), ``failed`` (name to reason) and ``skipped`` (lines about spans that are not complete).

    Raises:
      ConfigError: no such version or span, or a file would be lost; nothing is written.
    """
    if filling.suffix not in OUTPUTS:
        raise ConfigError(f"--suffix: expected one of {', '.join(OUTPUTS)}, got {filling.suffix!r}")
    home = open_workspace(workspace)
    models, version = find_version(home.root / "models", filling.reference)
    name = f"{models.name}@{version}"
    spans, kind, skipped = _find_spans(filling)
    with _alone(filling.folder):
        ledger = _read_ledger(filling.folder, name)
        model = read_record(models, version).get("digest")
        digests = {span: _digest(span, filling, model) for span in spans}
        waiting = {span: digest for span, digest in digests.items() if digest != _done(ledger, span, filling)}
        _check_overwritten(waiting, ledger, filling)
        log = home.log(f"backfill-{datetime.now(UTC):%Y%m%d-%H%M%S}")
        told: dict[str, Any] = {"spans": {}, "failed": {}}
        with screen_apart(log) as screen:
            _announce(name, spans, waiting, skipped, log, screen)
            if waiting:
                engine = engine_of_recipe(home, models.name)
                run = partial(load_predict(engine, "run.beam", screen), beam_arguments=engine)
                plan = partial(_plan, filling, models / str(version), name, read_record(models, version), kind)
                for span, digest in waiting.items():
                    with _span(span, digest, ledger, filling, told, screen) as tell, predicting(log, debug):
                        tell(run(plan(span), _output(span, filling)))
    done = [str(span.key) for span in spans if span not in waiting]
    return {
        "model": models.name, "version": version, "folder": str(filling.folder), **told, "done_before": done,
        "skipped": list(skipped),
    }  # fmt: skip


def _plan(
    filling: Filling, model: Path, name: str, record: Mapping[str, Any], kind: str | None, span: Span
) -> PredictionPlan:
    output = _output(span, filling)
    return plan_prediction(span.files, model, name, record, output, filling.keys, kind, filling.on_unseen)


def _find_spans(filling: Filling) -> tuple[Sequence[Span], str | None, Sequence[str]]:
    """Finds the spans, of what format they are, and what is to be said of others."""
    kind, base_dir = None, Path.cwd()
    if "{" in filling.source:
        options: SpanOptions | None = SpanOptions(pattern=filling.source, label="")
    else:
        experiment, base_dir = load_experiment(filling.source, filling.changes)
        options = experiment.data.spans
        kind = options.format if options else None
    if options is None:
        raise ConfigError(
            f"a backfill predicts spans, and the data of {filling.source} has none; give a pattern instead, such as "
            "'data/{YYYY}-{MM}-{DD}/*.csv', or predict the files with: kerasline predict"
        )
    found, begin, end = choose_spans(options, Places(base_dir, filling.data_dir), filling.first, filling.last)
    return found.chosen[begin : end + 1], kind, found.skipped


def _alone(folder: Path) -> Any:
    """Makes the folder, and returns a lock of it.

    Raises:
      ConfigError: another command has it, or there can be none.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return filelock.FileLock(folder / ".backfill.lock", timeout=0).acquire()
    except filelock.Timeout:
        raise ConfigError(f"another command is filling {folder}; wait for it, or name another folder") from None
    except OSError as error:
        raise ConfigError(f"--output: {folder} cannot be a folder ({error.strerror or error}); name another") from None


def _read_ledger(folder: Path, name: str) -> dict[str, Any]:
    """Reads which files of a folder were written by this command.

    Raises:
      ConfigError: they were predicted by another version.
    """
    path = folder / _LEDGER
    ledger = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"version": name, "spans": {}}
    if ledger["version"] != name:
        raise ConfigError(
            f"--output: expected a folder for what {name} predicts, but {folder} has what {ledger['version']} "
            "predicted; name another folder"
        )
    return dict(ledger)


def _output(span: Span, filling: Filling) -> Path:
    return filling.folder / f"{span.key}{filling.suffix}"


def _digest(span: Span, filling: Filling, model: str | None) -> str:
    """Returns what changes with the files of a span, with the options, and with the files of the model."""
    # A model's number comes again where a registry begins anew.
    files = [(str(path), *file_facts(path)) for path in span.files]
    facts = [model, files, list(filling.keys), filling.suffix, filling.on_unseen]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _done(ledger: Mapping[str, Any], span: Span, filling: Filling) -> str | None:
    """Returns the digest of a span that is done, whose file is there as it was written; None of others."""
    known = ledger["spans"].get(_output(span, filling).name)
    is_there = known is not None and known["state"] is not None and known["state"] == _state(_output(span, filling))
    return known["digest"] if is_there else None


def _state(path: Path) -> list[int] | None:
    """Returns what changes when somebody writes a file."""
    return [(stat := path.stat()).st_size, stat.st_mtime_ns] if path.is_file() else None


def _check_overwritten(spans: Mapping[Span, str], ledger: Mapping[str, Any], filling: Filling) -> None:
    """Refuses to write over a file that this command did not write, or that was changed since."""
    for span in spans:
        path = _output(span, filling)
        known = ledger["spans"].get(path.name)
        for one in (path, path.with_name(f"{path.name}.rejected.jsonl")):
            is_changed = known and known["state"] and one == path and known["state"] != _state(one)
            if one.exists() and (known is None or is_changed):
                how = "was changed since this command wrote it" if known else "was not written by this command"
                raise ConfigError(f"--output: {one} is there and {how}; move it away, or name another folder")


def _announce(
    name: str, spans: Sequence[Span], waiting: Mapping[Span, str], skipped: Sequence[str], log: Path, screen: Screen
) -> None:
    first, last = spans[0].key, spans[-1].key
    screen.line(f"kerasline backfill  {name}  {counted(len(spans), 'span')} from {first} to {last}  log {log}")
    for line in skipped:
        screen.line(f"  note: {line}")
    if len(waiting) < len(spans):
        screen.line(f"  {counted(len(spans) - len(waiting), 'span')} of them done before")


@contextmanager
def _span(
    span: Span, digest: str, ledger: dict[str, Any], filling: Filling, told: dict[str, Any], screen: Screen
) -> Iterator[Callable[[Any], None]]:
    """Shows and notes what becomes of a span; one that cannot be predicted leaves the others as they are.

    Yields:
      What takes in the finished prediction.
    """
    key, output, started = str(span.key), _output(span, filling), time.monotonic()
    known: dict[str, Any] = {"digest": digest, "state": None}  # from now on what is there under this name is ours
    ledger["spans"][output.name] = known
    _write_ledger(filling.folder, ledger)

    def tell(done: Any) -> None:
        known["state"] = _state(output)
        _write_ledger(filling.folder, ledger)
        told["spans"][key] = {"rows": done.rows, "rejected": done.rejected, "seconds": round(done.seconds, 3)}
        screen.stop()
        screen.line(f"  {key:<12} {' '.join(_words(done, time.monotonic() - started))}")

    screen.start(f"  {key}")
    try:
        yield tell
    except KeraslineError as error:
        told["failed"][key] = str(error)
        screen.stop()
        screen.line(f"  {key:<12} failed: {error}")
    finally:
        screen.stop()


def _words(done: Any, seconds: float) -> Iterator[str]:
    yield f"{counted(done.rows, 'row')} in {format_seconds(seconds)}, {rate(done.rows / max(seconds, 1e-9))}"
    if done.rejected:
        yield f"({done.rejected:,} rejected, in {done.rejected_path.name})"


def _write_ledger(folder: Path, ledger: Mapping[str, Any]) -> None:
    write_at_once(folder / _LEDGER, json.dumps(ledger, indent=1))
