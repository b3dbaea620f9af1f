"""Why a model answers as it does: what it leans on, what it looks at, and where it goes wrong.

The names load late: rows and pictures are read without TensorFlow.
"""
