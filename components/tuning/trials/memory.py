"""Lets go of what TensorFlow keeps of models that nobody needs any more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tensorflow.python.framework import ops

_PREFIX = "CustomGradient-"


@contextmanager
def forgetting() -> Iterator[None]:
    """Drops the gradients that were registered within, and with them the graphs of the models that were fitted.

    TensorFlow registers a function for every custom gradient that it meets while it traces a graph, under a name of its
    own, and never drops it: each fit would leave its graph behind, over a megabyte of a small model.
    """
    registered = getattr(ops.gradient_registry, "_registry", {})
    before = set(registered)
    try:
        yield
    finally:
        for name in [name for name in registered if name.startswith(_PREFIX) and name not in before]:
            del registered[name]
