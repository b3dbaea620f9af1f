"""What a prediction of files was asked and answered, kept as a server keeps it, once for each row that it delivers.

Whoever predicts a shard writes its rows into a file beside the shard's part of the output. They come into the
workspace when the output is whole, under a name that the job decides, so a command that is repeated or that goes on
where another was killed keeps no row twice. Nothing here fails a prediction: it says what cannot be written.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasline.components.core import first_line, written_at_once
from kerasline.components.monitoring.reading import ANSWERED
from kerasline.components.monitoring.records import (
    BATCH,
    OUTPUTS,
    answer_columns,
    answers_folder,
    capture_of,
    columns_of_examples,
    columns_of_values,
    id_text,
    request_id_of,
    usual_columns,
)
from kerasline.components.monitoring.writing import check_room, clean, is_chosen

if TYPE_CHECKING:
    from kerasline.components.prediction import Block

logger = logging.getLogger("kerasline.capture")
_NOT_PREDICTED = 400  # the code of a row that cannot be predicted, as if it had been sent by itself


@dataclass(frozen=True)
class BatchCapture:
    """How the rows of a prediction are kept; goes to every worker.

    Attributes:
      folder: the workspace's ``captured``.
      name, version, record: of the version that predicts.
      share: of the rows that are kept; their ids decide which.
      ids: the column of the keys that has them.
    """

    folder: Path
    name: str
    version: int
    record: Mapping[str, Any]
    share: float
    ids: str

    def begin(self, path: Path) -> _Part:
        """Begins the file of a shard."""
        return _Part(self, path)

    def settle(self, paths: Sequence[Path], job: str) -> tuple[int, str]:
        """Brings the rows of all shards into the workspace.

        Args:
          paths: of the shards' files, as far as they are there.
          job: the same for the same rows of the same files: its first eight letters name the file, and are hexadecimal.

        Returns:
          How many rows there are now, and why there are no more; nothing where all came.
        """
        kept = 0
        try:
            for day, numbered in _by_day(paths).items():
                target = answers_folder(self.folder, self.name, self.version, day)
                target.mkdir(parents=True, exist_ok=True)
                first, last = min(numbered), max(numbered)
                name = f"{job[:8]}-{first:08d}-{last:08d}.parquet"
                kept += _join([numbered[number] for number in sorted(numbered)], target / name)
            clean(self.folder / self.name, capture_of(self.record)["keep_days"])
        except Exception as error:
            return kept, _reason(error)
        return kept, ""


class _Part:
    """The rows of one shard."""

    def __init__(self, capture: BatchCapture, path: Path) -> None:
        self._capture, self._path = capture, path
        self._temporary = path.with_name(f".{path.name}")
        self._at = time.time()  # of all rows, so that they lie in one day
        self._writer: Any = None
        self.rows, self.problem = 0, ""

    def add(self, block: Block, answer: Mapping[str, np.ndarray]) -> None:
        """Takes in the predicted rows of a block, those that it rejected, and the answers."""
        if self.problem:
            return
        try:
            self._add(block, answer)
        except Exception as error:  # the prediction goes on, whatever a record may hold
            self._give_up(error)

    def close(self) -> None:
        """Makes the file appear, if there are rows in it."""
        try:
            if self._writer is not None:
                self._writer.close()
                self._temporary.replace(self._path)
        except Exception as error:
            self._give_up(error)

    def _add(self, block: Block, answer: Mapping[str, np.ndarray]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        not_predicted = pa.table(self._usual(self._failed(block), _NOT_PREDICTED))
        answered = self._answered(*self._chosen(block, answer))
        table = pa.concat_tables([answered, not_predicted], promote_options="default")
        if not len(table):
            return
        check_room(self._path.parent)
        self._writer = self._writer or pq.ParquetWriter(self._temporary, table.schema, compression="zstd")
        self._writer.write_table(table)
        self.rows += len(table)

    def _failed(self, block: Block) -> list[str]:
        """Returns the ids of the rows that were not predicted and are kept."""
        ids = (_id(row["keys"].get(self._capture.ids)) for row in block.rejected)
        return [one for one in ids if is_chosen(one, self._capture.share)]

    def _chosen(
        self, block: Block, answer: Mapping[str, np.ndarray]
    ) -> tuple[Block, list[str], Mapping[str, np.ndarray]]:
        """Returns the predicted rows that are kept, their ids and the answers."""
        share, ids = self._capture.share, _ids(block, self._capture.ids)
        if share >= 1:
            return block, ids, answer
        chosen = np.array([row for row, one in enumerate(ids) if is_chosen(one, share)], np.int64)
        answers = {name: np.asarray(answer[name])[chosen] for name in OUTPUTS if name in answer}
        return block.take(chosen), [ids[row] for row in chosen], answers

    def _answered(self, block: Block, ids: Sequence[str], answer: Mapping[str, np.ndarray]) -> Any:
        import pyarrow as pa

        record = self._capture.record
        if block.examples is not None:
            inputs = columns_of_examples(block.examples, record)
        else:
            inputs = columns_of_values(block.columns, record)
        return pa.table(self._usual(ids, ANSWERED) | inputs | answer_columns(_with_class(answer, record)))

    def _usual(self, ids: Sequence[str], code: int) -> dict[str, Any]:
        times, codes, latencies = (np.full(len(ids), value) for value in (self._at, code, np.nan))
        return usual_columns(ids, self._capture.version, times, codes, latencies, BATCH)

    def _give_up(self, error: Exception) -> None:
        self.problem, self.rows = _reason(error), 0
        self._writer = None
        self._temporary.unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    """Says what is wrong; what nobody expects is logged, too."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    logger.error("predicted rows could not be captured", exc_info=error)
    return first_line(error)


def _ids(block: Block, column: str) -> list[str]:
    """Returns the ids of a block's rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = block.keys.column(column)
    if pa.types.is_string(values.type):
        trimmed = pc.utf8_trim_whitespace(values)
        if not values.null_count and not pc.any(pc.equal(trimmed, "")).as_py():
            return list(trimmed.to_pylist())
    return [_id(value) for value in values.to_pylist()]


def _id(value: Any) -> str:
    """Writes an id; where there is none, one is made."""
    return id_text(value) or request_id_of("")


def _with_class(answer: Mapping[str, np.ndarray], record: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Adds the class that a served version answers with, where it is one of several."""
    if record["classes"] is None or record["task"] == "multilabel":
        return dict(answer)
    return {"class": np.array(record["classes"], object)[answer["scores"].argmax(axis=1)], **answer}


def _by_day(paths: Sequence[Path]) -> dict[str, dict[int, Path]]:
    """Returns by day the files with rows, each by the number of its shard."""
    import pyarrow.parquet as pq

    found: dict[str, dict[int, Path]] = {}
    for number, path in enumerate(paths):
        if path.is_file():
            at = pq.ParquetFile(path).read_row_group(0, columns=["time"]).column("time")[0].as_py()
            found.setdefault(at.date().isoformat(), {})[number] = path
    return found


def _join(paths: Sequence[Path], target: Path) -> int:
    """Writes the rows of files that are alike into one file, and returns how many there are."""
    import pyarrow.parquet as pq

    check_room(target.parent)
    if len(paths) == 1:
        with written_at_once(target) as file, open(paths[0], "rb") as source:
            shutil.copyfileobj(source, file)
        return int(pq.ParquetFile(target).metadata.num_rows)
    rows = 0
    with (
        written_at_once(target) as file,
        pq.ParquetWriter(file, pq.read_schema(paths[0]), compression="zstd") as writer,
    ):
        for table in _groups(paths):
            writer.write_table(table)
            rows += len(table)
            check_room(target.parent)
    return rows


def _groups(paths: Sequence[Path]) -> Iterator[Any]:
    import pyarrow.parquet as pq

    for path in paths:
        file = pq.ParquetFile(path)
        for group in range(file.num_row_groups):
            yield file.read_row_group(group)
