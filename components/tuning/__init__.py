"""The hyperparameter search. Its doors: :func:`tuner_fn` and, for the graph, ``component.ConfigSearch``."""

from components.tuning.tuner import tuner_fn

__all__ = ["tuner_fn"]
