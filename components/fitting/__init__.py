"""The one fit that the Trainer and the Tuner share: rows, compiling, callbacks, checkpoints, devices and backends.

Importing this package imports neither Keras nor TensorFlow; ``kerasline.components.fitting.fit`` does.
"""
