"""The one fit that the Trainer and the Tuner share: rows, compiling, callbacks, checkpoints, devices and backends.

Importing this package imports neither Keras nor TensorFlow; ``kerasline.components.fitting.one_fit`` does.
"""

import lazy_loader

# Other rooms use what __init__.pyi lists, and nothing else; each name loads its module when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
