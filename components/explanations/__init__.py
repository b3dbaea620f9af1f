"""Why a model answers as it does: what it leans on, what it looks at, and where it goes wrong.

The names load late: rows and pictures are read without TensorFlow.
"""

import lazy_loader

# Other rooms use what __init__.pyi lists, and nothing else; each name loads its module when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
