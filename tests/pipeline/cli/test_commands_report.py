"""The commands runs, report, compare and ui over a workspace that is written by hand."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest
from typer.testing import CliRunner

from kerasline.components.core import progress
from kerasline.components.registry import push_version
from kerasline.pipeline.cli.commands.report import sparkline
from kerasline.pipeline.cli.entry import app
from kerasline.pipeline.reports.site import make_server
from kerasline.pipeline.workspace import Workspace, under_way


def write_run(workspace: Path, recipe: str, run_id: str, accuracy: float, guesses: list[int]) -> None:
    """Writes what a run leaves: its outcome, its figures and the predictions behind them."""
    folder, model_run = workspace / "reports" / recipe / run_id, workspace / "pipelines" / recipe / "train" / run_id
    folder.mkdir(parents=True)
    model_run.mkdir(parents=True)
    labels = np.array([0, 1, 0, 1, 1])
    np.savez(model_run / "predictions-eval.npz", labels=labels, predictions=np.eye(2, dtype=np.float32)[guesses])
    figures = {
        "recipe": recipe, "task": "multiclass", "main_metric": "accuracy", "blessed": accuracy > 0.5,
        "data": {"fingerprint": "f", "rows": 50, "splits": {"train": 40, "eval": 5}, "columns": [],
                 "label": {"classes": ["cat", "dog"]}},
        "metrics": {"accuracy": accuracy}, "test_metrics": None, "artifacts": {"model_run": str(model_run)},
        "experiment": {"training": {"epochs": len(guesses) if accuracy > 0.5 else 1}},
        "history": {"loss": [1.0, accuracy], "val_loss": [1.0, accuracy]},
    }  # fmt: skip
    (folder / "figures.json").write_text(json.dumps(figures))
    (folder / "index.html").write_text(f"<p>{run_id}</p>")
    outcome = {
        "run_id": run_id, "recipe": recipe, "status": "pushed", "main_metric": "accuracy",
        "metrics": {"accuracy": accuracy}, "model": {"version": 1}, "seconds": {"total": 12.3},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(outcome))


def push(workspace: Path, run_id: str) -> None:
    """Pushes a version of pets, of which only what was recorded matters here."""
    model = workspace / run_id
    model.mkdir()
    (model / "saved_model.pb").write_text(run_id)
    push_version(workspace / "models" / "pets", model, {"run_id": run_id, "pushed_at": "then"}, keep=5)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Two runs of pets and, between them, one of trees."""
    write_run(tmp_path, "pets", "20260101-000000", 0.4, [0, 0, 1, 1, 0])
    write_run(tmp_path, "trees", "20260102-000000", 0.7, [0, 1, 0, 1, 1])
    write_run(tmp_path, "pets", "20260103-000000", 0.8, [0, 1, 0, 1, 0])
    push(tmp_path, "20260101-000000")
    return tmp_path


def call(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.output if result.exception is None else result.output + str(result.exception)


def test_runs_show_the_course_of_the_main_metric(workspace: Path) -> None:
    code, text = call("runs", "--workspace", str(workspace))
    lines = text.splitlines()
    assert code == 0
    assert "accuracy 0.4" in lines[1] and "▁" not in lines[1]
    assert "accuracy 0.8" in lines[3] and "▁█" in lines[3]


def test_no_runs_yet(tmp_path: Path) -> None:
    assert call("runs", "--workspace", str(tmp_path)) == (
        0,
        f"no runs in {tmp_path} yet; start one with: kerasline run digits_cnn\n",
    )


@pytest.mark.parametrize(
    ("values", "blocks"), [([], ""), ([1.0], ""), ([2.0, 2.0], ""), ([0.0, 0.5, 1.0], "▁▅█"), ([3.0, 1.0], "█▁")]
)
def test_sparkline(values: list[float], blocks: str) -> None:
    assert sparkline(values) == blocks


@pytest.mark.parametrize(
    ("reference", "run"),
    [([], "20260103-000000"), (["trees"], "20260102-000000"), (["20260101-000000"], "20260101-000000"),
     (["pets"], "20260103-000000"), (["pets/20260101-000000"], "20260101-000000"),
     (["pets@1"], "20260101-000000"), (["pets.yaml"], "20260103-000000"), (["me@work/pets.yaml"], "20260103-000000")],
)  # fmt: skip
def test_report_and_why_find_a_run_or_the_newest(
    workspace: Path, reference: list[str], run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace)
    (workspace / "me@work").mkdir()
    for file in (workspace / "pets.yaml", workspace / "me@work" / "pets.yaml"):
        file.write_text("name: pets\ndata: {dataset: digits}\n")
    code, text = call("report", *reference, "--workspace", str(workspace))
    assert code == 0 and text.strip().endswith(f"{run}/index.html")
    if reference:
        code, text = call("why", *reference, "--workspace", str(workspace))
        assert code == 0 and run in text.splitlines()[0]


def test_a_version_whose_report_is_gone_and_one_that_is_not_there(workspace: Path) -> None:
    push(workspace, "20250101-000000")
    for reference, said in (
        ("pets@2", "gone; what is known of the version says: kerasline why pets@2"),
        ("pets@3", "pets has no version 3"),
    ):
        code, text = call("report", reference, "--workspace", str(workspace))
        assert code != 0 and said in text


def test_report_of_a_run_that_is_not_there(workspace: Path) -> None:
    code, text = call("report", "pest", "--workspace", str(workspace))
    assert code != 0 and "got 'pest'. Did you mean 'pets'?" in text


def test_compare_shows_what_changed(workspace: Path, tmp_path: Path) -> None:
    words = ["compare", "20260101-000000", "pets", "--workspace", str(workspace), "--json", str(tmp_path / "out.json")]
    code, text = call(*words)
    assert code == 0
    assert "3 of 5 eval rows are answered differently: 2 for the better, 0 for the worse" not in text
    assert "2 of 5 eval rows are answered differently: 2 for the better, 0 for the worse" in text
    assert "training.epochs" in text
    assert "No clear difference: accuracy 0.8 in B instead of 0.4 in A, which may be luck" in text
    stored = json.loads((tmp_path / "out.json").read_text())
    assert stored["predictions"]["chance"] == 0.5 and "figures" not in stored["a"]
    page = (workspace / "comparisons" / "20260101-000000--20260103-000000.html").read_text()
    assert "label dog" in page and "not blessed" in page


def test_compare_needs_no_page(workspace: Path) -> None:
    (workspace / "comparisons").touch()
    code, text = call("compare", "pets", "--workspace", str(workspace))
    assert code == 0 and "No clear difference" in text and "page  not written (File exists): " in text


def test_compare_reads_a_moved_workspace_and_not_the_one_that_lies_where_it_was(workspace: Path) -> None:
    moved = workspace.with_name("moved")
    workspace.rename(moved)
    for run_id in ("20260101-000000", "20260103-000000"):
        write_run(workspace, "pets", run_id, 0.1, [1, 0, 1, 0, 0])
    code, text = call("compare", "20260101-000000", "pets", "--workspace", str(moved))
    assert code == 0
    assert "2 of 5 eval rows are answered differently: 2 for the better, 0 for the worse" in text


def test_compare_takes_the_run_before_it(workspace: Path) -> None:
    code, text = call("compare", "pets", "--workspace", str(workspace))
    assert code == 0
    assert text.index("A  pets, run 20260101-000000") < text.index("B  pets, run 20260103-000000")


def test_compare_says_that_there_is_no_run_before_it(workspace: Path) -> None:
    code, text = call("compare", "20260101-000000", "--workspace", str(workspace))
    assert code != 0 and "expected a run of pets before 20260101-000000" in text


@pytest.fixture
def site(workspace: Path) -> Iterator[str]:
    """The address of the site over the workspace."""
    server = make_server(workspace, 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_site_lists_runs_and_serves_reports(site: str) -> None:
    with urlopen(f"{site}/") as answer:
        page = answer.read().decode()
    assert "/reports/pets/20260103-000000/index.html" in page and "Nothing is in production." in page
    with urlopen(f"{site}/reports/pets/20260103-000000/index.html") as answer:
        assert answer.read() == b"<p>20260103-000000</p>"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/reports/pets/20260103-000000/run.json", "/pipelines", "/../x", "/reports/pets/%2e%2e/index.html"]
)
def test_the_site_serves_nothing_else(site: str, path: str) -> None:
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{site}{path}")
    assert refused.value.code == 404


def test_the_site_shows_a_run_that_is_under_way_and_leads_to_its_report_when_it_has_ended(
    site: str, workspace: Path
) -> None:
    home, run_id = Workspace(workspace), "20260105-000000"
    home.log(run_id).parent.mkdir(exist_ok=True)
    with under_way(home, "pets", run_id) as run:
        run.begin("train")
        address = f"{site}/running/{run_id}"
        assert "no fit has ended an epoch" in urlopen(address).read().decode()
        for epoch, loss in ((1, 0.9), (2, 0.5)):
            progress.report("epoch", epoch, 8, f"loss {loss}", figures={"loss": loss})
        page = urlopen(address).read().decode()
        assert "pets is running" in page and "is in step train." in page and "epoch 2/8  loss 0.5" in page
        assert "The training loss was best in epoch 2 of 2: 0.5" in page
        assert f'href="/running/{run_id}"' in urlopen(f"{site}/").read().decode()
        write_run(workspace, "pets", run_id, 0.9, [0, 1, 0, 1, 1])
    with urlopen(address) as answer:
        assert answer.url == f"{site}/reports/pets/{run_id}/index.html"
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{site}/running/20200101-000000")
    assert refused.value.code == 404 and refused.value.read() == b"there is no such run; / lists them"


def test_the_site_compares_any_two_runs_and_keeps_nothing(site: str, workspace: Path) -> None:
    page = urlopen(f"{site}/compare?a=pets/20260103-000000&b=pets/20260101-000000").read().decode()
    assert "accuracy 0.4 in B instead of 0.8 in A, which may be luck" in page
    assert "2 of 5 eval rows changed: 0 for the better, 2 for the worse" in page
    assert not (workspace / "comparisons").exists()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("", "expected two runs"),
        ("a=pets/20260103-000000", "expected two runs"),
        ("a=pets/20260103-000000&b=", "expected two runs"),
        ("a=pets/20260103-000000&b=../../x", "expected the id of a run"),
        ("a=pets/20260103-000000&b={file}", "expected two runs by their ids, and a file of a recipe came"),
        ("a=pets/20260103-000000&b={file}.yml", "expected two runs by their ids, and a file of a recipe came"),
    ],
)
def test_the_site_says_what_a_comparison_takes(site: str, tmp_path: Path, asked: str, said: str) -> None:
    file = tmp_path / "other.yaml"
    file.write_text("secret: hunter2\n")
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{site}/compare?{asked.format(file=file)}")
    told = refused.value.read().decode()
    assert refused.value.code == 400 and said in told and "secret" not in told


def test_the_site_answers_to_no_other_name(site: str) -> None:
    with pytest.raises(HTTPError) as refused:
        urlopen(Request(site, headers={"Host": "elsewhere.example"}))
    assert refused.value.code == 403
