"""The one fit that the Trainer and the Tuner share: rows, compiling, callbacks, checkpoints, devices and backends.

The names load late: options and places are read without Keras or TensorFlow, which :func:`fit` loads.
"""

import lazy_loader

# Other rooms use what __init__.pyi lists, and nothing else; each name loads its module when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
