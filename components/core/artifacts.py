"""The artifact types that TFX has no standard one for.

TFX's container entry point imports an artifact's class by its type name, which Kubeflow wants shaped ``package.Name``:
hence the names, and the late look-up in ``kerasline/__init__.py``.
"""

from tfx.types.artifact import Artifact


class Verdict(Artifact):
    """What the data gate decided: ``verdict.json``."""

    TYPE_NAME = "kerasline.Verdict"


class RunReport(Artifact):
    """A run's report: ``index.html``, and its figures in ``figures.json``."""

    TYPE_NAME = "kerasline.RunReport"


class Explanations(Artifact):
    """What a model leans on and looks at: ``explanations.json``, and its pictures in ``images/``."""

    TYPE_NAME = "kerasline.Explanations"
