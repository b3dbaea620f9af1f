"""The hyperparameter search: its step is :class:`ConfigSearch`, and TFX calls ``tuner.tuner_fn`` by its dotted path.

The names load late: a recipe is checked without TensorFlow.
"""

import lazy_loader

# Other rooms use what __init__.pyi lists, and nothing else; each name loads its module when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
