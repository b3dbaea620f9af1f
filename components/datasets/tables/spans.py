"""Data that arrives piece by piece: which spans there are, which are complete, and which a run uses."""

from __future__ import annotations

import glob
import re
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

from kerasline.components.core import ConfigError, address_of, is_address
from kerasline.components.datasets.description import SpanOptions
from kerasline.components.datasets.files import Places
from kerasline.components.datasets.remote import RemoteFile, fetch_listed, list_copies

_WAITING = ("perhaps still being copied", "yet")
_TOKENS = {"SPAN": r"\d+", "VERSION": r"\d+", "YYYY": r"\d{4}", "MM": r"\d{2}", "DD": r"\d{2}"}


@dataclass(frozen=True, order=True)
class Span:
    """One piece of the data.

    Attributes:
      key: its number, or its date.
      version: where the pattern has versions; the newest complete one.
      files: its files, sorted.
    """

    key: int | date
    version: int | None
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Spans:
    """What a pattern finds.

    Attributes:
      chosen: the spans that a run uses, oldest first.
      skipped: one line for each span or version that is not complete, and for each gap.
    """

    chosen: tuple[Span, ...]
    skipped: tuple[str, ...]


def find_spans(options: SpanOptions, places: Places, now_seconds: float | None = None) -> Spans:
    """Lists the spans that a run uses.

    A span is not complete, and waits for the next run, when a file is empty, when a file is younger than
    ``settle_seconds``, or when ``marker`` is set and not in the folder of each of its files. If a version is
    not complete, the one before it counts. The answer holds explicit files, so what appears later does not
    enter a run that began.

    Args:
      options: the ``spans:`` block.
      places: where relative patterns are looked for.
      now_seconds: seconds since 1970; default: now.

    Raises:
      ConfigError: the pattern names no span, or no span is complete.
    """
    expression = _expression(options.pattern)
    skipped: list[str] = []
    listed = _list_elsewhere(options) if is_address(options.pattern) else {}
    found = _find_files(options, places, expression, listed, skipped)
    if not found:
        where = places.candidates(options.pattern)[0]
        raise ConfigError(f"No file matches the spans {where}; correct spans.pattern or --data-dir.")
    now = time.time() if now_seconds is None else now_seconds
    chosen = _choose(options, found, "VERSION" in expression.groupindex, now, skipped, listed)
    fetch_listed([listed[path] for span in chosen for path in span.files if path in listed])
    return Spans(tuple(chosen), (*skipped, *_gaps([span.key for span in chosen], _usual_step(sorted(found)))))


def _find_files(
    options: SpanOptions,
    places: Places,
    expression: re.Pattern[str],
    listed: Mapping[Path, RemoteFile],
    skipped: list[str],
) -> dict[int | date, dict[int, list[Path]]]:
    """Returns the files of each span by version, those of the first place that has any.

    Args:
      options: The ``spans:`` block.
      places: Where relative patterns are looked for.
      expression: The pattern.
      listed: Files of a bucket, by their place here.
      skipped: Takes in a line for each file whose name says no date.
    """
    found: dict[int | date, dict[int, list[Path]]] = {}
    for names in _names(options.pattern, places, listed):
        for path, key, version in _matches(names, expression, skipped):
            if path.name != options.marker:
                found.setdefault(key, {}).setdefault(version, []).append(path)
        if found:
            break
    return found


def _choose(
    options: SpanOptions,
    found: Mapping[int | date, dict[int, list[Path]]],
    versioned: bool,
    now: float,
    skipped: list[str],
    listed: Mapping[Path, RemoteFile],
) -> list[Span]:
    """Returns the newest spans that are complete, as many as the window takes, oldest first.

    Args:
      options: The ``spans:`` block.
      found: Files of each span by version.
      versioned: Whether the pattern has versions.
      now: In seconds since 1970.
      skipped: Takes in a line for each span or version that is not complete.
      listed: Files of a bucket, by their place here.

    Raises:
      ConfigError: no span is complete.
    """
    wanted = _within_bounds(sorted(found), options)
    newest = (_newest_complete(key, found[key], versioned, options, now, skipped, listed) for key in wanted)
    complete = [span for span in newest if span is not None]
    if not complete:
        reason = f" The newest: {skipped[-1]}." if skipped else ""
        raise ConfigError(f"No span of {options.pattern} can be used yet; wait or change spans.first and last.{reason}")
    return complete[-options.window :] if options.window else complete


def _within_bounds(keys: Sequence[int | date], options: SpanOptions) -> list[int | date]:
    """Returns the spans from ``first`` to ``last``; there is one at least to look at."""
    first, last = _bound(options.first, keys[0], "first"), _bound(options.last, keys[0], "last")
    begin = 0 if first is None else bisect_left(keys, first)
    end = len(keys) if last is None else bisect_right(keys, last)
    return list(keys[begin:end])


def is_waiting(line: str) -> bool:
    """Says whether a line of :attr:`Spans.skipped` is of a span that may become complete."""
    return line.startswith("span ") and line.endswith(_WAITING)


def _expression(pattern: str) -> re.Pattern[str]:
    """Turns a pattern into a regular expression with a group for each token."""
    names = re.findall(r"\{([^{}]*)\}", pattern)
    _check_names(names, pattern)
    text, seen = "", set[str]()
    for piece in re.split(r"(\{[^{}]*\}|\*\*/|\*|\?)", pattern):
        name = piece[1:-1] if piece.startswith("{") else ""
        if name:
            text += f"(?P={name})" if name in seen else f"(?P<{name}>{_TOKENS[name]})"
            seen.add(name)
        else:
            text += {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}.get(piece, re.escape(piece))
    return re.compile(f"(?:.*/)?{text}$")


def _check_names(names: Sequence[str], pattern: str) -> None:
    """Refuses a pattern whose tokens do not say which span a file is of."""
    unknown = [name for name in names if name not in _TOKENS]
    if unknown:
        raise ConfigError(
            f"spans.pattern has {{{unknown[0]}}}, but knows {{SPAN}}, {{YYYY}}, {{MM}}, {{DD}}, {{VERSION}}."
        )
    by_date = {"YYYY", "MM", "DD"} & set(names)
    if ("SPAN" in names) == bool(by_date) or (by_date and len(by_date) < 3):
        raise ConfigError(
            f"spans.pattern needs either {{SPAN}} or all of {{YYYY}}, {{MM}} and {{DD}}, got {pattern!r}; correct it."
        )


def _names(pattern: str, places: Places, listed: Mapping[Path, RemoteFile]) -> Iterator[list[str]]:
    """Yields the files of each place where the pattern may lead, the first choice first."""
    if is_address(pattern):
        yield [str(path) for path in listed]
        return
    for candidate in places.candidates(pattern):
        matches = glob.glob(re.sub(r"\{[^{}]*\}", "*", str(candidate)), recursive=True)
        yield sorted(name for name in matches if Path(name).is_file())


def _list_elsewhere(options: SpanOptions) -> dict[Path, RemoteFile]:
    """Lists what a bucket has for a pattern, and the markers; nothing is fetched before spans are chosen."""
    pattern = re.sub(r"\{[^{}]*\}", "*", options.pattern)
    markers = f"{pattern.rpartition('/')[0]}/{options.marker}" if options.marker else ""
    return {**list_copies(pattern), **(list_copies(markers) if markers else {})}


def _matches(
    names: Iterable[str], expression: re.Pattern[str], skipped: list[str]
) -> Iterator[tuple[Path, int | date, int]]:
    for name in names:
        matched = expression.match(address_of(name) or name)
        if matched is None:
            continue
        groups = matched.groupdict()
        version = int(groups.get("VERSION") or 0)
        if "SPAN" in groups:
            yield Path(name), int(groups["SPAN"]), version
            continue
        try:
            yield Path(name), date(int(groups["YYYY"]), int(groups["MM"]), int(groups["DD"])), version
        except ValueError:
            skipped.append(f"{name}: not a date")


def _newest_complete(
    key: int | date, versions: dict[int, list[Path]], versioned: bool, options: SpanOptions, now: float,
    skipped: list[str], listed: Mapping[Path, RemoteFile],
) -> Span | None:  # fmt: skip
    for version in sorted(versions, reverse=True):
        files = versions[version]
        problem = _incomplete(files, options, now, listed)
        if problem is None:
            return Span(key, version if versioned else None, tuple(files))
        shown = f"span {key}" + (f" version {version}" if versioned else "")
        skipped.append(f"{shown}: {problem}")
    return None


def _incomplete(files: list[Path], options: SpanOptions, now: float, listed: Mapping[Path, RemoteFile]) -> str | None:
    for path in files:
        if options.marker is not None:
            marker = path.parent / options.marker
            if not (marker in listed if listed else marker.exists()):
                return f"{path.parent} has no {options.marker} yet"
        size_bytes, changed = _facts(path, listed)
        if size_bytes == 0:
            return f"{path.name} is empty, perhaps still being copied"
        # Far in the future is another machine's clock, or one that has been set back, and would be waited for long.
        if abs(now - changed) < options.settle_seconds:
            return f"{path.name} changed {max(0, now - changed):.0f} s ago, perhaps still being copied"
    return None


def _facts(path: Path, listed: Mapping[Path, RemoteFile]) -> tuple[int, float]:
    """Returns a file's size in bytes and when it changed, in seconds since 1970."""
    if listed:
        return listed[path].size_bytes or 0, listed[path].changed_ns / 1e9
    status = path.stat()
    return status.st_size, status.st_mtime


def _bound(value: int | str | None, example: int | date, name: str) -> int | date | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(str(value)) if isinstance(example, date) else int(value)
    except ValueError:
        wanted = "a date such as 2024-01-31" if isinstance(example, date) else "a span's number"
        raise ConfigError(f"spans.{name} must be {wanted}, got {value!r}.") from None


def _later(key: int | date, by: int) -> int | date:
    return key + timedelta(days=by) if isinstance(key, date) else key + by


def _gaps(keys: Sequence[int | date], usual: int) -> list[str]:
    """Words the holes in a row of spans."""
    gaps = []
    for key, following in pairwise(keys):
        count = (_number(following) - _number(key)) // usual - 1
        if count > 0:
            begin, end = _later(key, usual), _later(key, usual * count)
            gaps.append(f"span {begin}: missing" if count == 1 else f"spans {begin} to {end}: missing")
    return gaps


def _usual_step(keys: Sequence[int | date]) -> int:
    """Numbers follow each other; days as closely as any two of them, so that weekly spans have no gaps."""
    if not isinstance(keys[0], date):
        return 1
    return min((_number(after) - _number(before) for before, after in pairwise(keys)), default=1)


def _number(key: int | date) -> int:
    return key.toordinal() if isinstance(key, date) else key
