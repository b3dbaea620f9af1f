"""The hyperparameter search. Its doors: ``tuner.tuner_fn``, ``component.ConfigSearch``, and for configs ``options``.

They are not imported here: a recipe is checked without TensorFlow.
"""
