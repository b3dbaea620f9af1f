"""Formats beside the SavedModel: Keras' own, LiteRT (float and int8) and ONNX. ``component`` has the step that makes
them, ``kinds`` says what there is without loading TensorFlow."""
