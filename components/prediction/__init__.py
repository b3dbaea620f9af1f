"""Batch inference: files in, the same rows with predictions out, by Beam, with the SavedModel alone.

The doors of the room are :func:`~kerasline.components.prediction.planning.plan_prediction`, which looks at the input,
and :func:`~kerasline.components.prediction.job.predict`, which runs it.
"""
