"""What a run leaves for TensorBoard and in MLflow. What needs MLflow runs where it is (``make setup MLFLOW=1``)."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.pipeline.config.experiment import load_experiment
from kerasline.pipeline.plan.planning import RunPlan, plan_run
from kerasline.pipeline.reports.reporting import report_parameters
from kerasline.pipeline.run import tracking
from kerasline.pipeline.run.tracking import check_tracking, log_run

HAS_MLFLOW = importlib.util.find_spec("mlflow") is not None
needs_mlflow = pytest.mark.skipif(not HAS_MLFLOW, reason="needs MLflow: make setup MLFLOW=1")
FIGURES: dict[str, Any] = {
    "description": "cats and dogs",
    "experiment": {"name": "pets", "model": {"units": [8]}, "training": {"epochs": 9}, "tuning": None, "features": {},
                   "evaluation": {"thresholds": {"accuracy": {"min": 0.5}}}},
    "training": {"settings": {"model": {"units": [16]}, "training": {"epochs": 2, "learning_rate": 0.01}, "seed": 1}},
    "history": {"loss": [0.5, 0.25], "val_loss": [0.6, math.nan]},
}  # fmt: skip
RESULT: dict[str, Any] = {
    "run_id": "20260101-000000", "recipe": "pets", "status": "not_blessed", "message": "Not blessed: accuracy 0.4",
    "metrics": {"accuracy": 0.4, "auc": None}, "test_metrics": {}, "baseline": None, "trivial": {"accuracy": 0.3},
    "cost": {"size_bytes": 1000, "latency (p99), ms": 2.5}, "model": None, "data_fingerprint": "f" * 64,
    "steps": [{"id": "ingest", "seconds": 1.0, "cached": True}, {"id": "train", "seconds": 3.5, "cached": False}],
    "seconds": {"import": 1.0, "total": 12.0},
}  # fmt: skip


@pytest.fixture
def report(tmp_path: Path) -> Path:
    folder = tmp_path / "reports" / "pets" / "20260101-000000"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("<p>the report</p>")
    return folder


def test_parameters_are_those_that_the_model_was_fitted_with() -> None:
    assert dict(tracking._parameters(FIGURES)) == {
        "name": "pets",
        "model.units": "[16]",
        "training.epochs": "2",
        "training.learning_rate": "0.01",
        "features": "{}",
        "evaluation.thresholds.accuracy.min": "0.5",
    }


def test_metrics_are_numbers_with_epochs_as_steps() -> None:
    assert list(tracking._metrics(FIGURES, RESULT)) == [
        ("eval/accuracy", 0.4, 0),
        ("trivial/accuracy", 0.3, 0),
        ("cost/size_bytes", 1000.0, 0),
        ("cost/latency _p99__ ms", 2.5, 0),
        ("seconds/train", 3.5, 0),
        ("train/loss", 0.5, 1),
        ("train/loss", 0.25, 2),
        ("validation/loss", 0.6, 1),
    ]


@pytest.mark.skipif(HAS_MLFLOW, reason="MLflow is installed")
def test_without_mlflow_nothing_runs_and_the_way_to_it_is_told() -> None:
    check_tracking(None)
    with pytest.raises(ConfigError, match="make setup MLFLOW=1"):
        check_tracking("sqlite:///mlflow.db")


@pytest.mark.parametrize("address", ["http://me:secret@host:5000", "", " "])
def test_an_address_tells_no_password(address: str) -> None:
    with pytest.raises(ConfigError, match=r"report\.mlflow.*MLFLOW_TRACKING_PASSWORD") as told:
        load_experiment("iris_mlp", [f"report.mlflow={json.dumps(address)}"])
    assert "secret" not in str(told.value)


def test_an_address_with_a_name_is_taken() -> None:
    experiment, _ = load_experiment("iris_mlp", ["report.mlflow=https://me@host:5000/mlflow"])
    assert experiment.report.mlflow == "https://me@host:5000/mlflow"


def test_where_a_run_is_logged_changes_nothing_about_it(tmp_path: Path) -> None:
    def plan(*changes: str) -> RunPlan:
        return plan_run(*load_experiment("iris_mlp", changes), None, tmp_path / "models" / "iris_mlp")

    plain, logged = plan(), plan("report.mlflow=sqlite:///mlflow.db")
    assert plain.key == logged.key
    assert report_parameters(plain) == report_parameters(logged)
    assert plain.fit_settings() == logged.fit_settings()


def test_the_report_can_ask_for_logs_of_the_fit(tmp_path: Path) -> None:
    experiment, base_dir = load_experiment("iris_mlp", ["report.tensorboard=true"])
    assert plan_run(experiment, base_dir, None, tmp_path / "models" / "iris_mlp").fit_settings().training.tensorboard


@needs_mlflow
def test_folders_are_refused_as_mlflow_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    for address in ("mlruns", f"file://{tmp_path}/mlruns"):
        with pytest.raises(ConfigError, match="sqlite:///mlflow.db"):
            check_tracking(address)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    for address in ("mlruns", "sqlite:///mlflow.db", "http://127.0.0.1:1", "databricks"):
        check_tracking(address)


@needs_mlflow
def test_a_run_that_was_not_blessed_is_logged(report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow

    monkeypatch.chdir(tmp_path)
    address = f"sqlite:///{tmp_path}/mlflow.db"
    logged = log_run(address, report, FIGURES, RESULT, "kerasline run pets.yaml")
    assert logged.get("error") is None
    client = mlflow.MlflowClient(tracking_uri=address)
    run = client.get_run(logged["run_id"])
    assert (run.info.run_name, run.info.status) == ("20260101-000000", "FINISHED")
    assert client.get_experiment(logged["experiment_id"]).name == "pets"
    assert run.data.params["model.units"] == "[16]" and run.data.metrics["eval/accuracy"] == 0.4
    assert [(m.step, m.value) for m in client.get_metric_history(logged["run_id"], "train/loss")] == [
        (1, 0.5),
        (2, 0.25),
    ]
    assert run.data.tags["kerasline.status"] == "not_blessed"
    assert run.data.tags["mlflow.note.content"] == "Not blessed: accuracy 0.4"
    assert {file.path for file in client.list_artifacts(logged["run_id"])} == {"report", "recipe.yaml", "run.json"}
    # The next run of the recipe goes into the same experiment.
    again = log_run(address, report, FIGURES, {**RESULT, "status": "failed"}, "kerasline run pets.yaml")
    assert again["experiment_id"] == logged["experiment_id"]
    assert client.get_run(again["run_id"]).info.status == "FAILED"


@needs_mlflow
def test_a_server_that_does_not_answer_costs_the_run_nothing(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    logged = log_run("http://127.0.0.1:9", report, FIGURES, RESULT, "kerasline run pets.yaml")
    assert logged["uri"] == "http://127.0.0.1:9" and "127.0.0.1" in logged["error"] and "run_id" not in logged
    assert "\n" not in logged["error"]


@needs_mlflow
@pytest.mark.slow
def test_a_pushed_version_answers_through_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run of the command; then MLflow alone, which needs nothing of kerasline."""
    import mlflow
    import pandas as pd

    from kerasline.pipeline import run

    monkeypatch.chdir(tmp_path)
    address = f"sqlite:///{tmp_path}/mlflow.db"
    changes = {"training.epochs": 20, "report.mlflow": address, "report.tensorboard": True}
    result = run("iris_mlp", changes, workspace=tmp_path / "workspace")
    assert result["status"] == "pushed" and "error" not in result["mlflow"]
    client = mlflow.MlflowClient(tracking_uri=address)
    logged = client.get_run(result["mlflow"]["run_id"])
    assert logged.data.metrics["eval/accuracy"] == pytest.approx(result["metrics"]["accuracy"])
    assert logged.data.params["training.epochs"] == "20"
    assert len(client.get_metric_history(logged.info.run_id, "train/loss")) == result["training"]["epochs"]
    logs = Path(result["report"]).parent / "tensorboard"
    assert sorted(path.name for path in logs.iterdir()) == ["train", "validation"]
    assert {"report/index.html", "report/tensorboard"} <= {
        file.path for file in client.list_artifacts(logged.info.run_id, "report")
    }

    mlflow.set_tracking_uri(address)
    model = mlflow.pyfunc.load_model(f"runs:/{logged.info.run_id}/model")
    flowers = pd.DataFrame(
        {"sepal_length": [6.4, 4.9], "sepal_width": [3.2, 3.1], "petal_length": [4.5, 1.5], "petal_width": [1.5, 0.1]}
    )
    answers = model.predict(flowers)
    assert list(answers["predicted_class"]) == ["versicolor", "setosa"]
    scores = answers[["score_setosa", "score_versicolor", "score_virginica"]]
    assert scores.sum(axis=1).to_numpy() == pytest.approx([1.0, 1.0], abs=1e-5)
    with pytest.raises(mlflow.exceptions.MlflowException, match="petal_width"):
        model.predict(flowers.drop(columns="petal_width"))
