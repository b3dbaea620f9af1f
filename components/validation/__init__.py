"""The data gate: decides whether the data may go on. Its steps are :func:`DataGate` and :func:`CuratedSchema`.

The names load late: the options of this room are read without TensorFlow.
"""

import lazy_loader

# Other rooms use what __init__.pyi lists, and nothing else; each name loads its module when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
