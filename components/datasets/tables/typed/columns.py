"""Takes in typed tables by the column: what :class:`TypedScan` learns from values one by one, for many at once.

Numbers and, once a column has shown to be no numbers in disguise, text are taken in here. Everything else goes value by
value, as text does whose evidence for numbers is still open.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kerasline.components.datasets.tables.typed.scan import TypedScan
from kerasline.components.datasets.tables.typed.values import is_plain, plain_array
from kerasline.components.datasets.values import are_booleans

if TYPE_CHECKING:
    from pyarrow import Array


def take_values(scan: TypedScan, values: Array, words: Sequence[str] | None) -> bool:
    """Takes in a batch as ``TypedScan.add`` does.

    Args:
      scan: what is known of the column.
      values: of the column.
      words: its own for a missing value, or None.

    Returns:
      Whether that was possible; if not, nothing was taken in.
    """
    import pyarrow as pa

    is_text = scan.dtype == "string"
    if not is_plain(values.type, scan.dtype) or (is_text and not scan.evidence.given_up):
        return False
    if pa.types.is_uint64(values.type) and scan.dtype == "int":
        return False  # which may be larger than 64 bits with a sign hold
    plain = plain_array(values, scan.dtype, words)
    present = plain.drop_null()
    scan.missing += plain.null_count
    if is_text:
        scan.booleans = scan.booleans and are_booleans(present.unique().to_pylist())
    elif len(present):
        _measure(scan, present)
    if scan.counts is not None:
        found = present.value_counts()
        scan.count(dict(zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True)))
    return True


def usable_rows(labels: Sequence[TypedScan], columns: Sequence[Array], words: Sequence[Sequence[str] | None]) -> Array:
    """Returns which rows have a finite value in every label, or None where that has to be asked value by value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    keep = None
    for scan, values, own in zip(labels, columns, words, strict=True):
        if not is_plain(values.type, scan.dtype) or pa.types.is_uint64(values.type):
            return None
        plain = plain_array(values, scan.dtype, own)
        here = pc.is_valid(plain)
        if pa.types.is_floating(plain.type):
            here = pc.and_(here, pc.invert(pc.fill_null(pc.is_inf(plain), False)))
        keep = here if keep is None else pc.and_(keep, here)
    return keep


def _measure(scan: TypedScan, present: Array) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    finite = present.filter(pc.is_finite(present)) if pa.types.is_floating(present.type) else present
    scan.infinite += len(present) - len(finite)
    if len(finite):
        found = pc.min_max(finite)
        scan.minimum = min(scan.minimum, found["min"].as_py())
        scan.maximum = max(scan.maximum, found["max"].as_py())
