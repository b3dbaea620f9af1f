"""Makes null what stands for no value."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyarrow import Array


def null_where(mask: Array, values: Array) -> Array:
    """Returns values that are null where a mask is true.

    Arrow's own ``if_else`` returns broken text for a slice of an array (18.1), so a slice is copied first.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = pa.concat_arrays([values]) if values.offset else values
    return pc.if_else(mask, pa.scalar(None, values.type), whole)
