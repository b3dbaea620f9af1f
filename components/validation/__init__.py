"""The data gate: decides whether the data may go on. The doors are ``gate.DataGate`` and ``curated.CuratedSchema``.

They are imported from their modules, so that the options of this room load without TensorFlow.
"""
