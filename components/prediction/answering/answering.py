"""Lets a SavedModel answer blocks of rows, and finds the rows that it cannot answer."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from kerasline.components.core import KeraslineError, first_line, load_saved_model
from kerasline.components.example_gen import encode_row
from kerasline.components.features import UNREADABLE
from kerasline.components.prediction.answering.reasons import plain_reason
from kerasline.components.prediction.answering.together import Together, answer_together
from kerasline.components.prediction.answering.unseen import (
    RAW,
    count_unseen,
    find_marker,
    first_unseen,
    name_unseen,
    news_only,
    values_by_column,
)
from kerasline.components.prediction.reading import Block

# The more rows in a call the less it costs for each, as long as what the layers hold in between fits the memory.
ROWS_PER_CALL, PLAIN_ROWS_PER_CALL = 2048, 16384


class ServedModel:
    """A pushed version, asked as a client would ask it."""

    def __init__(self, path: str, record: Mapping[str, Any], *, rejects_unseen: bool = False) -> None:
        self._record, self._rejects_unseen = record, rejects_unseen
        is_plain = all(column["dtype"] in ("float", "int", "string") for column in record["columns"])
        self._rows_per_call = PLAIN_ROWS_PER_CALL if is_plain else ROWS_PER_CALL
        self._output = "value" if record["classes"] is None else "scores"
        try:
            self._model = load_saved_model(path)
        except (OSError, ValueError, tf.errors.OpError) as error:
            raise KeraslineError(f"{path} does not load: {first_line(error)}") from error
        self._raw = self._together(RAW)
        self._can_mark = find_marker(self._model, record, RAW) is not None
        _, self._specs = self._model.signatures[RAW].structured_input_signature
        if is_plain:
            self._warm_up()

    @cached_property
    def _default(self) -> Together:
        """Answers tf.Examples, which most inputs are not, and it takes a while to prepare."""
        return self._together("serving_default")

    def _together(self, signature: str) -> Together:
        return answer_together(self._model, self._record, signature, [self._output])

    def _warm_up(self) -> None:
        """Asks for a row without values, since TensorFlow prepares a graph when it is first called."""
        row = {name: tf.zeros([1, *spec.shape[1:]], spec.dtype) for name, spec in self._specs.items()}
        with contextlib.suppress(tf.errors.OpError):
            self._raw(row)

    def answer(self, block: Block, origin: str) -> tuple[Block, dict[str, np.ndarray]]:
        """Predicts a block.

        Args:
          block: raw rows.
          origin: the file, for rows that are set aside.

        Returns:
          The rows that were predicted, and ``scores`` [rows, classes] or ``value`` [rows] for them; where there are
          any, ``unseen`` [rows] names the columns whose values training has never shown.
        """
        problems = self._missing(block)
        block = block.reject(problems, origin)
        marks = np.zeros((len(block), len(self._record.get("watched") or [])), np.int64)
        answers: list[dict[str, np.ndarray]] = []
        failed: dict[int, str] = {}
        for start in range(0, len(block), self._rows_per_call):
            rows = np.arange(start, min(start + self._rows_per_call, len(block)))
            self._answer_rows(block, rows, answers, marks, failed)
        marks = self._news(block, marks)
        name, classes = self._output, self._record["classes"]
        none = np.zeros((0,) if classes is None else (0, len(classes)), np.float32)
        joined = {name: np.concatenate([none, *(answer[name] for answer in answers)])}
        counted: dict[str, dict[str, Any]] = {}
        if marks.any():
            counted = count_unseen(self._record["watched"], marks, values_by_column(block))
            joined = self._tell_unseen(block, marks, joined, failed)
        block = block.reject(failed, origin)
        block.unseen = counted
        return block, joined

    def columns(self, block: Block) -> dict[str, np.ndarray] | None:
        """Lays a block out as plain columns, [rows, ...] by argument; None where these cannot hold its values."""
        signature, inputs = self._inputs(block)
        return {name: values.numpy() for name, values in inputs.items()} if signature == RAW else None

    def figures(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """Answers plain columns: float32 [rows, classes], or [rows, 1] of numbers."""
        rows = len(next(iter(columns.values())))
        parts = []
        for start in range(0, rows, self._rows_per_call):
            asked = {name: tf.constant(values[start : start + self._rows_per_call]) for name, values in columns.items()}
            parts.append(self._raw(asked)[0][self._output].numpy())
        return np.concatenate(parts).reshape(rows, -1)

    def _tell_unseen(
        self, block: Block, marks: np.ndarray, answer: dict[str, np.ndarray], failed: dict[int, str]
    ) -> dict[str, np.ndarray]:
        """Names the marked columns beside the answers, or takes marked rows out and adds them to the failed."""
        watched = self._record["watched"]
        kept = np.array([row for row in range(len(block)) if row not in failed], int)
        if not self._rejects_unseen:
            return {**answer, "unseen": name_unseen(watched, marks[kept])}
        values, bad = values_by_column(block), marks[kept].any(axis=1)
        failed |= {row: first_unseen(watched, marks[row], values, row) for row in kept[bad].tolist()}
        return {name: answered[~bad] for name, answered in answer.items()}

    def _answer_rows(
        self,
        block: Block,
        rows: np.ndarray,
        answers: list[dict[str, np.ndarray]],
        marks: np.ndarray,
        failed: dict[int, str],
    ) -> None:
        """Answers and marks some rows; where the graph fails, each half of them, down to the row that it fails for."""
        asked = block if len(rows) == len(block) else block.take_range(int(rows[0]), int(rows[-1]) + 1)
        try:
            answer, found = self._call(asked)
        except (tf.errors.OpError, ValueError, TypeError, OverflowError) as error:
            if len(rows) == 1:
                failed[int(rows[0])] = plain_reason(error)
                marks[rows] = self._marks_alone(asked)
                return
            for half in np.array_split(rows, 2):
                self._answer_rows(block, half, answers, marks, failed)
            return
        if found is not None:
            marks[rows] = found
        finite = np.isfinite(answer[self._output].reshape(len(rows), -1)).all(axis=1)
        for row in rows[~finite]:
            failed[int(row)] = "the model answers with a number that is not finite"
        answers.append({name: values[finite] for name, values in answer.items()})

    def _call(self, block: Block) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
        signature, inputs = self._inputs(block)
        answer, marks = (self._raw if signature == RAW else self._default)(inputs)
        return {self._output: answer[self._output].numpy()}, None if marks is None else marks.numpy()

    def _inputs(self, block: Block) -> tuple[str, dict[str, tf.Tensor]]:
        """Returns the signature that a block is asked by, and its arguments."""
        if block.examples is None and self._fits_raw(block):
            arguments = self._record["arguments"]
            return RAW, {arguments[name]: self._tensor(arguments[name], v) for name, v in block.columns.items()}
        examples = _encode(block) if block.examples is None else block.examples
        return "serving_default", {"examples": tf.constant(examples, tf.string)}

    def _marks_alone(self, row: Block) -> Any:
        """Marks a row that the model fails for: [1, watched columns], or 0 where its columns cannot be read either."""
        try:
            signature, inputs = self._inputs(row)
            marker = find_marker(self._model, self._record, signature)
            return marker(inputs.get("examples", inputs)).numpy() if marker else 0
        except (tf.errors.OpError, ValueError, TypeError, OverflowError):
            return 0

    def _news(self, block: Block, marks: np.ndarray) -> np.ndarray:
        """Corrects the graph's marks by what it is not told: int64 [rows, watched columns]."""
        if not self._can_mark:
            return marks
        for place, name in enumerate(self._record["watched"] if block.examples is None else ()):
            column = block.columns[name]
            if isinstance(column, np.ndarray) and column.dtype.kind == "f":
                marks[np.isinf(column), place] = UNREADABLE  # which the plain tensors take for missing
        return news_only(self._record, marks)

    def _fits_raw(self, block: Block) -> bool:
        """Says whether plain tensors can hold the block: whole numbers have no value that stands for none."""
        for column in self._record["columns"]:
            if column["dtype"] in ("int", "float") and self._is_whole(column["name"]):
                values = block.columns[column["name"]]
                if column["dtype"] == "float" or (isinstance(values, list) and None in values):
                    return False
        return True

    def _is_whole(self, name: str) -> bool:
        return bool(self._specs[self._record["arguments"][name]].dtype.is_integer)

    def _tensor(self, argument: str, values: Any) -> tf.Tensor:
        spec = self._specs[argument]
        if spec.dtype == tf.string:
            return tf.constant([b"" if value is None else value for value in values], tf.string)
        if isinstance(values, list) and spec.dtype.is_floating and not len(spec.shape) > 1:
            values = [np.nan if value is None else value for value in values]
        return tf.constant(np.asarray(values, spec.dtype.as_numpy_dtype))

    def _missing(self, block: Block) -> dict[int, str]:
        """Finds rows without a value in a column that cannot be imputed."""
        problems: dict[int, str] = {}
        for column in self._record["columns"] if block.examples is None else ():
            if column["dtype"] in ("image", "array", "tokens"):
                for row, value in enumerate(block.columns[column["name"]]):
                    if value is None:
                        problems.setdefault(row, f"no value in column {column['name']!r}")
        return problems


def _encode(block: Block) -> list[bytes]:
    """Writes raw columns as serialized tf.Examples, as ingest does; a column without a value is left out."""
    # Numbers of Python are encoded several times as fast as those of NumPy, one by one.
    columns = {
        name: values.tolist() if isinstance(values, np.ndarray) and values.ndim == 1 else values
        for name, values in block.columns.items()
    }
    return [
        encode_row({name: _without_nan(values[row]) for name, values in columns.items()}) for row in range(len(block))
    ]


def _without_nan(value: Any) -> Any:
    """Turns NaN into None: readers put it where a number has no value, and ingest leaves such a column out."""
    return None if isinstance(value, float) and math.isnan(value) else value
