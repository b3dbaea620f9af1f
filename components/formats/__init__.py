"""Formats beside the SavedModel: Keras' own, LiteRT (float and int8) and ONNX. ``component`` has the step that makes
them, ``kinds`` says what there is without loading TensorFlow."""

import lazy_loader

# Other rooms use what __init__.pyi lists, and nothing else; each name loads its module when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
