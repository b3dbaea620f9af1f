"""Ingest: any resolved dataset becomes splits of tf.Examples. The door of the room is :func:`DatasetExampleGen`."""

from kerasline.components.example_gen.component import DatasetExampleGen

__all__ = ["DatasetExampleGen"]
