"""The room that turns the config's ``data:`` block into a resolved :class:`Dataset` and reads its rows.

:func:`resolve` describes the data before the graph exists, :func:`read_shard` gives a worker its rows. The registries,
``DATASETS`` and ``READERS``, are in the room ``named``; ``tables`` lists data that arrives piece by piece. Nothing here
imports TensorFlow, and pandas, pyarrow, scikit-learn and PIL only when a source needs them.
"""

import lazy_loader

# Other rooms use what __init__.pyi lists, and nothing else; each name loads its module when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
