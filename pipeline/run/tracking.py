"""What a run leaves for other tools: logs for TensorBoard, and a run in MLflow (``report.mlflow: URI``).

An MLflow run has the config as parameters, the figures and the curves as metrics, the report as artifact, and a pushed
version as a model that MLflow can serve. MLflow is an extra (``make setup MLFLOW=1``), imported here and nowhere else.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kerasline.components.core import ConfigError, copy_folder, first_line, load_saved_model
from kerasline.pipeline.config import flatten
from kerasline.pipeline.workspace import section

_BATCH = 100  # parameters, and 1,000 metrics: what MLflow takes at once
_LONGEST = 6000  # characters of a parameter
_STATUS = {"failed": "FAILED", "data_rejected": "FAILED"}
# A server that is away shall not hold up a run for minutes, and nobody but it is told of the run.
_MANNERS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
_LONGEST_ERROR = 300
_TYPES = {"float32": "double", "int64": "long", "string": "string"}
_MODEL_CODE = Path(__file__).with_name("mlflow_model.py")


def check_tracking(uri: str | None) -> None:
    """Makes sure that runs can be logged at all, before anything runs; no server is asked.

    Raises:
      ConfigError: MLflow is not installed, or keeps no runs in such a place.
    """
    if uri is None:
        return
    if importlib.util.find_spec("mlflow") is None:
        raise ConfigError(
            f"report.mlflow: expected MLflow for {uri}, but it is not installed; install it with: make setup MLFLOW=1, "
            "or leave the key out"
        )
    is_folder = urlsplit(uri).scheme in ("", "file") and uri != "databricks"
    if is_folder and os.environ.get("MLFLOW_ALLOW_FILE_STORE", "").lower() not in ("true", "1"):
        raise ConfigError(
            f"report.mlflow: expected a database or a server, got the folder {uri}, in which MLflow keeps no runs any "
            "more; use sqlite:///mlflow.db, or set MLFLOW_ALLOW_FILE_STORE=true"
        )


def keep_logs(figures: Mapping[str, Any], folder: Path) -> bool:
    """Puts TensorBoard's logs of a run's fit beside its report.

    Args:
      figures: behind the report.
      folder: of the report.

    Returns:
      Whether there are any.
    """
    from kerasline.components.training import LOG_FOLDER

    model_run = section(figures, "artifacts").get("model_run")
    if model_run is None or not Path(model_run, LOG_FOLDER).is_dir():
        return False
    copy_folder(Path(model_run, LOG_FOLDER), folder / LOG_FOLDER, exist_ok=True)
    return True


def log_run(
    uri: str, folder: Path, figures: Mapping[str, Any], result: Mapping[str, Any], command: str
) -> dict[str, Any]:
    """Logs a run that has ended.

    The run is what it is whether or not it could be logged, so no error leaves this function.

    Args:
      uri: MLflow's tracking URI.
      folder: of the report.
      figures: behind the report.
      result: the fields of ``--json``.
      command: that started the run.

    Returns:
      ``uri`` with MLflow's ``experiment_id`` and ``run_id``, or with ``error``, a line.
    """
    for name, value in _MANNERS.items():
        os.environ.setdefault(name, value)
    try:
        return {"uri": uri, **_log(uri, folder, figures, result, command)}
    except Exception as error:
        first = first_line(error)
        return {"uri": uri, "error": f"not logged: {first[:_LONGEST_ERROR]}"}


def _log(uri: str, folder: Path, figures: Mapping[str, Any], result: Mapping[str, Any], command: str) -> dict[str, str]:
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=uri)
    known = client.get_experiment_by_name(result["recipe"])
    experiment_id = known.experiment_id if known else client.create_experiment(result["recipe"])
    ended = time.time()
    started = ended - result["seconds"]["total"]
    tags = _tags(figures, result, command)
    run = client.create_run(experiment_id, round(started * 1000), tags, result["run_id"])
    run_id = run.info.run_id
    try:
        _log_figures(client, run_id, figures, result, round(ended * 1000))
        client.log_artifacts(run_id, str(folder), "report")
        client.log_dict(run_id, dict(figures["experiment"]), "recipe.yaml")
        client.log_dict(run_id, dict(result), "run.json")
        if result["model"]:
            _log_model(uri, run_id, Path(result["model"]["path"]))
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, _STATUS.get(result["status"], "FINISHED"), round(ended * 1000))
    return {"experiment_id": experiment_id, "run_id": run_id}


def _tags(figures: Mapping[str, Any], result: Mapping[str, Any], command: str) -> dict[str, str]:
    return {
        "mlflow.note.content": result["message"] or figures.get("description") or "",
        "mlflow.source.name": command,
        "kerasline.run_id": result["run_id"],
        "kerasline.status": result["status"],
        "kerasline.version": str(section(result, "model").get("version", "")),
        "kerasline.data_fingerprint": result["data_fingerprint"],
    }


def _log_figures(client: Any, run_id: str, figures: Mapping[str, Any], result: Mapping[str, Any], when: int) -> None:
    """Logs config and metrics, in as many calls as a server wants; ``when`` is in milliseconds."""
    from mlflow.entities import Metric, Param

    params = [Param(key, value) for key, value in dict(_parameters(figures)).items()]
    for start in range(0, len(params), _BATCH):
        client.log_batch(run_id, params=params[start : start + _BATCH])
    metrics = [Metric(key, value, when, step) for key, value, step in _metrics(figures, result)]
    for start in range(0, len(metrics), 10 * _BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + 10 * _BATCH])


def _parameters(figures: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Gives the config as it was trained: what a search found stands in place of what the recipe says."""
    training = section(figures, "training")
    settled = section(training, "settings")
    config = {key: value for key, value in figures["experiment"].items() if value is not None}
    config |= {key: settled[key] for key in ("model", "training") if key in settled}
    for key, value in (flatten(config) | training.get("features", {})).items():
        text = value if isinstance(value, str) else json.dumps(value)
        yield _allowed(key), text[:_LONGEST]


def _metrics(figures: Mapping[str, Any], result: Mapping[str, Any]) -> Iterator[tuple[str, float, int]]:
    """Gives names, values and steps: epochs for the curves, 0 for the rest."""
    groups = {
        "eval": result["metrics"],
        "test": result["test_metrics"],
        "production": result["baseline"],
        "trivial": result["trivial"],
        "cost": result["cost"],
        "seconds": {step["id"]: step["seconds"] for step in result["steps"] if not step["cached"]},
    }
    for group, values in groups.items():
        for name, value in flatten(values or {}).items():
            if _is_number(value):
                yield _allowed(f"{group}/{name}"), float(value), 0
    yield from _curves(section(figures, "history"))


def _curves(history: Mapping[str, Sequence[Any]]) -> Iterator[tuple[str, float, int]]:
    """Gives names, values and epochs of what the fit measured."""
    for name, values in history.items():
        part = "validation" if name.startswith("val_") else "train"
        for epoch, value in enumerate(values, start=1):
            if _is_number(value):
                yield f"{part}/{name.removeprefix('val_')}", float(value), epoch


def _allowed(name: str) -> str:
    """Leaves of a name, in which a column's name may be, the characters that MLflow takes."""
    return re.sub(r"[^\w\-. :/]", "_", name)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _log_model(uri: str, run_id: str, version: Path) -> None:
    """Logs a pushed version as a model that MLflow loads and serves without kerasline."""
    from importlib import metadata

    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        with mlflow.start_run(run_id=run_id):
            mlflow.pyfunc.log_model(
                name="model",
                python_model=str(_MODEL_CODE),
                artifacts={"saved_model": str(version)},
                signature=_signature(version),
                pip_requirements=[f"{name}=={metadata.version(name)}" for name in ("tensorflow", "pandas", "numpy")],
            )
    finally:
        mlflow.set_tracking_uri(before)


def _signature(version: Path) -> Any:
    """Reads MLflow's signature off the SavedModel's own."""
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Array, ColSpec, DataType, Schema

    record = json.loads((version / "version.json").read_text(encoding="utf-8"))
    images = {column["name"] for column in record["columns"] if column["dtype"] == "image"}
    specs = load_saved_model(version).signatures["serving_raw"].structured_input_signature[1]
    columns = []
    for name, key in record["arguments"].items():
        kind: Any = DataType.binary if name in images else DataType[_TYPES[specs[key].dtype.name]]
        for _ in range(specs[key].shape.rank - 1):
            kind = Array(kind)
        columns.append(ColSpec(kind, name))
    return ModelSignature(inputs=Schema(columns))
