"""How buckets are named, and the folders that stand for them in a step's file system, on Vertex AI and Kubeflow."""

from __future__ import annotations

from kerasline.components.core import ConfigError

# Source: kubeflow/pipelines backend/src/v2/component/launcher_v2.go, LocalPathForURI; Vertex AI has the first alone.
BUCKETS = {"gs://": "/gcs/", "s3://": "/s3/", "minio://": "/minio/"}


def mount_of(pipeline_root: str) -> str:
    """Says which folder a step must have mounted to reach a pipeline root: the bucket's, or the path itself."""
    for uri, folder in BUCKETS.items():
        if pipeline_root.startswith(uri):
            return folder + pipeline_root.removeprefix(uri).split("/")[0]
    return pipeline_root.rstrip("/")


def check_reachable(pipeline_root: str, target: str, option: str = "--pipeline-root") -> None:
    """Raises ConfigError for a root that the steps of a target (``vertex``, ``kubeflow``) cannot reach as a folder."""
    if target == "vertex" and not pipeline_root.startswith("gs://"):
        raise ConfigError(f"{option}: expected a bucket's URI such as gs://BUCKET/PATH, got {pipeline_root!r}")
    if not pipeline_root.startswith(("/", *BUCKETS)):
        raise ConfigError(
            f"{option}: expected {', '.join(BUCKETS)} or an absolute path of a volume, which Kubeflow's steps reach as "
            f"folders, got {pipeline_root!r}"
        )
