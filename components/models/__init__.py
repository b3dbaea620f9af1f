"""The Keras model families: one file each, the same models under every Keras backend.

A model is called with a dict of tensors keyed by :attr:`InputSpec.name` and gives one float32 tensor
(batch, units). Image inputs are float32 in [0, 1]; what else a network wants of its pixels happens inside the
model. Importing this package imports no Keras; :func:`build_model` does.
"""

import lazy_loader

# Other rooms use what __init__.pyi lists, and nothing else; each name loads its module when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
