"""The model gate: everything that a model must be before it goes into production, each part with its figure."""

from kerasline.components.gating.component import ModelGate

__all__ = ["ModelGate"]
