"""What reading all records of TFRecord files tells: their features, their rows, and those that are left out."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from kerasline.components.core import counted
from kerasline.components.datasets.arrays.feature_scan import MAX_DISTINCT, FeatureScan, Values, begins_like_image
from kerasline.components.datasets.files import size_of
from kerasline.components.datasets.images import examine

_MAX_PIXELS = 5e7  # as data.images.max_megapixels has it by default
_AT_ONCE, _THREADS = 256, 4
_SHARD = re.compile(r"(.*-)(\d{5})(-of-)(\d{5})(.*)")

Record = Mapping[str, Values]


@dataclass
class RecordSurvey:
    """What reading all records tells.

    Attributes:
      label: Name of the label's feature.
      decodes: Whether images are decoded, which finds damage behind their headers.
      images: Features without which, or with an image in them that cannot be used, a record is left out.
      scans: What is known of each feature of records that are rows, by its name.
      unlabelled: Names of the features of records without a label.
      shards: One for each file.
      skipped: In words, what is left out.
      records: How many there are.
      trained: Labels of the rows that the source does not keep for a test.
    """

    label: str
    decodes: bool
    images: list[str] = field(default_factory=list)
    scans: dict[str, FeatureScan] = field(default_factory=dict)
    unlabelled: set[str] = field(default_factory=set)
    shards: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    records: int = 0
    trained: set[Any] = field(default_factory=set)

    @property
    def rows(self) -> int:
        """Records that are rows, of all files."""
        return sum(shard["rows"] for shard in self.shards)

    def add(self, path: Path, split: str | None, records: Iterable[Record]) -> None:
        """Reads a file, whose rows follow those of the files of the same split before it."""
        rows = unlabelled = 0
        unusable: list[int] = []
        for number, features in enumerate(self._looked_at(records), start=1):
            self.records += 1
            if not has_label(features.get(self.label)):
                self.unlabelled.update(features)
                unlabelled += 1
                continue
            problem = self._problem(features)
            if problem:
                unusable.append(number)
                self.skipped.append(f"{path.name} record {number}: {problem}")
                continue
            rows += 1
            self._take(features, split)
        if unlabelled:
            self.skipped.append(f"{path.name}: {counted(unlabelled, 'record')} without {self.label!r}")
        first = sum(shard["rows"] for shard in self.shards if shard.get("split") == split)
        shard = {"path": str(path), "bytes": size_of(path), "first": first, "rows": rows}
        shard |= {"unusable": unusable} if unusable else {}
        self.shards.append(shard if split is None else {**shard, "split": split})

    def _take(self, row: Record, split: str | None) -> None:
        if split is None and len(self.trained) <= MAX_DISTINCT:
            self.trained.add(row[self.label].values[0])
        for name, found in row.items():
            self.scans.setdefault(name, FeatureScan(name)).add(found)

    def _problem(self, features: Record) -> str:
        """Says why a record has no image that can be used, empty where it has."""
        for name in self.images:
            found = features.get(name)
            if found is None:
                return f"no value in {name!r}"
            if found.checked is None:
                return f"{name!r} is not an image"
            if found.checked.shape is None:
                return f"{name!r}: {found.checked.problem}"
        return ""

    def _looked_at(self, records: Iterable[Record]) -> Iterator[Record]:
        """Yields records whose images were looked at, a few at a time."""
        remaining = iter(records)
        with ThreadPoolExecutor(_THREADS) as pool:
            while block := list(islice(remaining, _AT_ONCE)):
                yield from pool.map(self._look, block)

    def _look(self, record: Record) -> Record:
        return {
            name: found._replace(checked=examine(found.values[0], self.decodes, _MAX_PIXELS))
            if found.kind == "bytes" and name != self.label and begins_like_image(found.values[0])
            else found
            for name, found in record.items()
        }


def has_label(found: Values | None) -> bool:
    """Says whether a record has a value of its label."""
    if found is None:
        return False
    return bool(found.values[0].strip()) if found.kind == "bytes" else all(map(math.isfinite, found.values))


def absent_shards(paths: Sequence[Path]) -> list[str]:
    """Says which files of sets such as ``x-00000-of-00004`` are not there."""
    named = {match.group(1, 3, 4, 5) for path in paths if (match := _SHARD.fullmatch(path.name))}
    there = {path.name for path in paths}
    lines = []
    for begin, middle, count, end in sorted(named):
        names = (f"{begin}{number:05}{middle}{count}{end}" for number in range(int(count)))
        absent = [name for name in names if name not in there]
        if absent:
            more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
            lines.append(f"{absent[0]}{more}: not there, though the names of the other files count it")
    return lines
