"""The units of a label that is a number: how what a network says becomes a number as the data has it."""

from __future__ import annotations

from typing import Any, NamedTuple

_LARGEST_LOG = 80.0  # float32 ends at the exponential of 88.7


class LabelUnits(NamedTuple):
    """What a label was scaled by.

    Attributes:
      scale: Deviation of the label, or of its logarithm, over the train rows.
      shift: Mean of it.
      is_log: Whether the label's logarithm was scaled: sign(x) * log(1 + |x|).
    """

    scale: float = 1.0
    shift: float = 0.0
    is_log: bool = False

    def restore(self, scaled: Any, library: Any) -> Any:
        """Gives numbers of the network the label's units.

        Args:
          scaled: An array or a tensor, float32 of any shape.
          library: What computes with it: ``numpy``, ``tf.math`` or ``keras.ops``.
        """
        if self == LabelUnits():
            return scaled
        values = scaled * self.scale + self.shift
        return from_log(values, library) if self.is_log else values


def from_log(values: Any, library: Any) -> Any:
    """Returns the numbers of which :func:`to_log` gives these logarithms, none of them infinite."""
    sizes = library.minimum(library.abs(values), _LARGEST_LOG)
    # Not expm1, which LiteRT has no operation for.
    return library.sign(values) * (library.exp(sizes) - 1.0)


def to_log(values: Any, library: Any) -> Any:
    """Returns the logarithm that ``is_log`` is about, of an array or a tensor."""
    return library.sign(values) * library.log1p(library.abs(values))
