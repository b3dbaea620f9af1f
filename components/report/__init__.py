"""The report of a run: one HTML file, and its figures as JSON. The doors are :func:`Report` and :func:`write_report`.

The names load late: figures are read without TensorFlow.
"""
