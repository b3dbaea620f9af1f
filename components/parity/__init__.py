"""The serving check: a fresh process loads the exported model and must answer as the trained model did."""

from kerasline.components.parity.component import ParityCheck

__all__ = ["ParityCheck"]
