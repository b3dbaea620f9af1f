"""The report of a run: one HTML file, and its figures as JSON. The doors are :func:`Report` and :func:`write_report`.

The names load late: figures are read without TensorFlow.
"""

import lazy_loader

# Other rooms use what __init__.pyi lists, and nothing else; each name loads its module when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
