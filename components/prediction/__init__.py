"""Batch inference: files in, the same rows with predictions out, by Beam, with the SavedModel alone.

:func:`~kerasline.components.prediction.reading.planning.plan_prediction` looks at the input, and
:func:`~kerasline.components.prediction.job.predict` runs it.
"""

import lazy_loader

# Other rooms use what __init__.pyi lists, and nothing else; each name loads its module when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
