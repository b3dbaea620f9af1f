"""How much one column alone says of the label: what stops a run at the gate, and what a first recipe drops."""

from __future__ import annotations

from kerasline.components.leaks.copies import FEWEST_ROWS
from kerasline.components.leaks.measuring import strongest_sign
from kerasline.components.leaks.values import Column

__all__ = ["FEWEST_ROWS", "Column", "strongest_sign"]
