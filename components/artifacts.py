"""The artifact types that TFX has no standard one for. Kubeflow wants their names shaped ``namespace.Name``."""

from tfx.types.artifact import Artifact


class Verdict(Artifact):
    """What the data gate decided: ``verdict.json``."""

    TYPE_NAME = "kerasline.Verdict"


class RunReport(Artifact):
    """A run's report: ``index.html``, and its figures in ``figures.json``."""

    TYPE_NAME = "kerasline.RunReport"
