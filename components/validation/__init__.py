"""The data gate: decides whether the data may go on. The door of the room is :func:`DataGate`."""

from components.validation.gate import DataGate

__all__ = ["DataGate"]
