"""The rules for single rows, asked of many at once.

By the column it is only told which rows may break a rule; :func:`make_judge` then decides row by row, and words it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kerasline.components.datasets.description import Dataset
from kerasline.components.example_gen.row_rules import ColumnRule, Fault, RowRules, make_judge

_TYPES = {"float": pa.float64(), "int": pa.int64(), "string": pa.string()}
# Other casts depend on how Python reads and writes numbers.
_CASTS = {("int", "float"), ("int", "string")}
_LARGEST_EXACT = 1 << 53  # of the whole numbers that a float holds


def may_judge_columns(rules: RowRules, dataset: Dataset) -> bool:
    """Says whether all that rules do to a table's columns can be done by the column."""
    types = {column.name: column.dtype for column in dataset.columns} | {dataset.label.name: dataset.label.dtype}
    return all((types.get(name), cast) in _CASTS for name, cast in rules.casts().items() if name in types)


def judge_columns(rules: RowRules, rows: pa.RecordBatch) -> Iterator[tuple[int, dict[str, Any], Fault]]:
    """Finds the rows that break a rule.

    Args:
      rules: Rules whose casts :func:`may_judge_columns` allows.
      rows: Columns of type int64, double and string.

    Yields:
      The place of the row in the batch, its values and its fault.
    """
    judge = make_judge(rules)
    if judge is None:
        return
    suspects = np.zeros(rows.num_rows, bool)
    for rule in rules.columns:
        if rule.name in rows.schema.names:
            suspects |= _suspects(rule, rows.column(rule.name))
        elif rule.required:
            suspects[:] = True
    for values in rows.columns if rules.finite else ():
        if pa.types.is_floating(values.type):
            suspects |= _true(pc.invert(pc.is_finite(values)))
    for place in suspects.nonzero()[0].tolist():
        (row,) = rows.slice(place, 1).to_pylist()
        fault = judge(row)
        if fault is not None:
            yield place, row, fault


def cast_columns(rules: RowRules, rows: pa.RecordBatch) -> pa.RecordBatch:
    """Returns rows that break no rule with the types that the rules give them."""
    casts = rules.casts()
    arrays = [rows.column(name).cast(_TYPES[casts[name]], safe=False) if name in casts else rows.column(name)
              for name in rows.schema.names]  # fmt: skip
    return pa.RecordBatch.from_arrays(arrays, rows.schema.names)


def _suspects(rule: ColumnRule, values: pa.Array) -> np.ndarray:
    """Returns the rows that may break a rule."""
    found = pc.is_null(values).to_numpy(zero_copy_only=False) if rule.required else np.zeros(len(values), bool)
    if pa.types.is_integer(values.type):
        found = found | _true(pc.greater(pc.abs(values), _LARGEST_EXACT))
    if rule.cast == "string" and not pa.types.is_string(values.type):
        values = values.cast(pa.string())
    is_text = pa.types.is_string(values.type)
    if rule.values is not None:
        allowed = pc.is_in(values, pa.array(rule.values, pa.string())) if is_text else pa.scalar(False)
        found = found | _true(pc.and_(pc.invert(allowed), pc.is_valid(values)))
    for limit, is_beyond in ((rule.minimum, pc.less), (rule.maximum, pc.greater)):
        if limit is not None:
            found = found | _true(
                pc.is_valid(values) if is_text else is_beyond(values.cast(pa.float64(), safe=False), limit)
            )
    return found


def _true(found: pa.Array) -> np.ndarray:
    return np.asarray(pc.fill_null(found, False).to_numpy(zero_copy_only=False))
