"""The pushed versions of a model on disk, and the pointer that says which one is in production.

``MODELS/NAME/VERSION/`` is a SavedModel as TensorFlow Serving expects it, with ``version.json`` (the record) inside;
``MODELS/NAME/current.json`` is the pointer and ``MODELS/NAME/history.jsonl`` has a line for each move of it, and for
each version that began to challenge it or was dropped; ``challenger.json`` names the one that does. A version
is written beside its place and renamed, and so is the pointer: a crash leaves the old state or the new one, and the
next push removes what it left beside them.

Two locks, which the operating system drops with their process: one push at a time for a model, and one move of its
pointer at a time.

Only files of this room are opened here, and no library beside filelock is loaded.
"""

import lazy_loader

# Other rooms use what __init__.pyi lists, and nothing else; each name loads its module when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
