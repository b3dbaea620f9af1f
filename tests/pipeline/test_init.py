"""``kerasline init``: tables and folders as they are found become recipes that can be resolved as they are."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kerasline.components.datasets import resolve
from kerasline.components.features import plan_features
from kerasline.pipeline import cli
from kerasline.pipeline.config import Experiment, load_experiment

ROOT = Path(__file__).resolve().parents[2]
Init = Callable[..., tuple[int, str, str]]


@pytest.fixture
def init(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Init:
    """Runs the command in an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["kerasline", "init", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return call


def settle(recipe: Path) -> tuple[Experiment, Any]:
    """Resolves the data of a recipe and plans its features, as a run does before its graph."""
    experiment, base_dir = load_experiment(str(recipe))
    dataset = resolve(experiment.data, name=experiment.name, base_dir=base_dir, data_dir=None, seed=experiment.seed)
    task: Any = "regression" if dataset.label.classes is None else "multiclass"
    return experiment, plan_features(dataset, experiment.features, task)


def dirty_table(path: Path, rows: int = 400) -> None:
    """Writes a table with a BOM, semicolons, CRLF and columns of many kinds."""
    chooser = random.Random(3)
    lines = ["Kunden-ID;größe (cm);sign.up;fee;discount;constant;empty;features;label;code;has left?"]
    for i in range(rows):
        size = "" if i % 9 == 0 else str(150 + i % 40)
        fee = f"{chooser.random() * 90:.2f}".replace(".", ",")
        answer = "" if i % 50 == 1 else "yes" if chooser.random() < 0.2 else "no"
        lines.append(
            f'C{i:05d};{size};{1 + i % 28:02d}.{1 + i % 12:02d}.2023;"{fee}";{i % 50}%;x;;{"abc"[i % 3]};'
            f"{'pq'[i % 2]};{i % 7:04d};{answer}"
        )
    path.write_bytes("﻿".encode() + "\r\n".join(lines).encode() + b"\r\n")


def test_a_dirty_table_becomes_a_recipe_that_resolves(init: Init, tmp_path: Path) -> None:
    dirty_table(tmp_path / "Churn 2024.csv")
    code, out, err = init("Churn 2024.csv", "--label", "has left?")
    assert (code, err) == (0, "")
    assert "next    kerasline run churn_2024.yaml\n" in out
    recipe = yaml.safe_load((tmp_path / "churn_2024.yaml").read_text())
    table = recipe["data"]["csv"]
    assert (table["path"], table["label"], table["delimiter"]) == ("Churn 2024.csv", "has left?", ";")
    assert table["drop"] == ["Kunden-ID", "constant", "empty"]
    assert recipe["features"]["sign.up"] == {"kind": "date", "date_format": "dmy"}
    assert recipe["features"]["fee"] == {"kind": "numeric", "decimal": ","}
    assert "class_weights" not in recipe["training"], "the limits ask for what weights would spoil"
    text = (tmp_path / "churn_2024.yaml").read_text()
    assert "  # class_weights: balanced\n" in text and "at the price of more false alarms" in text
    assert list(recipe["evaluation"]["thresholds"]) == ["auc"]
    _, plan = settle(tmp_path / "churn_2024.yaml")
    kinds = {step.name: step.kind for step in plan.steps}
    assert kinds == {
        "größe (cm)": "numeric", "sign.up": "date", "fee": "numeric", "discount": "numeric",
        "features": "categorical", "label": "categorical", "code": "categorical",
    }  # fmt: skip


def test_without_a_label_the_columns_and_the_likeliest_are_named(init: Init, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Target,x\n1,2\n0,3\n")
    code, _, err = init("a.csv")
    assert code == 2
    assert "its columns are Target, x. The likeliest is 'Target': kerasline init a.csv --label Target" in err
    code, _, err = init("a.csv", "--label", "target")
    assert (code, err.endswith("Did you mean 'Target'?\n")) == (2, True)


def test_nothing_is_overwritten_unasked(init: Init, tmp_path: Path) -> None:
    dirty_table(tmp_path / "t.csv")
    (tmp_path / "t.yaml").write_text("mine")
    code, _, err = init("t.csv", "--label", "has left?")
    assert (code, (tmp_path / "t.yaml").read_text()) == (2, "mine")
    assert "t.yaml exists already; write elsewhere with -o FILE, or over it with --force" in err
    assert init("t.csv", "--label", "has left?", "--force")[0] == 0


@pytest.mark.parametrize(
    ("file", "name"),
    [("train.csv", "train_model"), ("Report.CSV", "report_model"), ("schema.tsv", "schema_model"),
     ("current.csv", "current"), ("con.csv", "con"), ("-größe 2.csv", "große_2".replace("ß", "")),
     ("x" * 80 + ".csv", "x" * 50), ("売上.csv", "my_data"), ("2024.csv", "2024")],
)  # fmt: skip
def test_every_table_finds_a_name_that_runs(init: Init, tmp_path: Path, file: str, name: str) -> None:
    (tmp_path / file).write_text("x,y\n" + "".join(f"{i * 7 % 97},{i % 2}\n" for i in range(300)))
    code, _, err = init("--label", "y", "--", file)
    assert (code, err) == (0, "")
    assert load_experiment(str(tmp_path / f"{name}.yaml"))[0].name == name


def test_a_recipe_is_written_where_files_can_be(init: Init, tmp_path: Path) -> None:
    dirty_table(tmp_path / "t.csv")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    for target, expected in {
        "/proc/t.yaml": "-o: expected a file that can be written, but /proc/t.yaml cannot be (",
        "folder.yaml": "-o: expected a file, but folder.yaml is a folder; name a file in it",
        "loop.yaml": "-o: expected a file that can be written, but loop.yaml cannot be (",
        "nowhere/t.yaml": f"-o: expected a file in a folder that exists, but {tmp_path / 'nowhere'} does not",
    }.items():
        code, out, err = init("t.csv", "--label", "has left?", "-o", target)
        assert (code, out, expected in err) == (2, "", True), err
        assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("label", "task"),
    [(lambda i: float(i % 2), "binary"), (lambda i: "yes" if i % 3 else "no", "binary"),
     (lambda i: i % 5, "multiclass"), (lambda i: f"{i * 0.37:.2f}", "regression")],
)  # fmt: skip
def test_tasks(init: Init, tmp_path: Path, label: Callable[[int], Any], task: str) -> None:
    lines = [f"{i * 7 % 97},{label(i)}" for i in range(300)]
    (tmp_path / "t.csv").write_text("x,y\n" + "\n".join(lines) + "\n")
    code, out, _ = init("t.csv", "--label", "y")
    assert (code, f"label 'y': {task}" in out) == (0, True)
    settle(tmp_path / "t.yaml")


def test_the_path_is_relative_to_the_recipe(init: Init, tmp_path: Path) -> None:
    for folder in ("data", "recipes"):
        (tmp_path / folder).mkdir()
    dirty_table(tmp_path / "data" / "t.csv")
    assert init("data/t.csv", "--label", "has left?", "-o", "recipes/t.yaml")[0] == 0
    assert load_experiment(str(tmp_path / "recipes/t.yaml"))[0].data.csv.path == "../data/t.csv"
    settle(tmp_path / "recipes" / "t.yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("x,y\n", "has a header but no rows"), ("", "is empty"),
     ("x,y\n" + "".join(f"{i},${i}.50\n" for i in range(99)), "holds numbers as text, such as '$0.50'"),
     ("x,y\n" + "".join(f"{i},word {i}\n" for i in range(99)), "holds text that hardly repeats")],
)  # fmt: skip
def test_what_cannot_be_learned_is_refused(init: Init, tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    code, _, err = init("t.csv", "--label", "y")
    assert (code, expected in err, (tmp_path / "t.yaml").exists()) == (2, True, False)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.npz", b"PK", "write the recipe by hand, with npz: {path: FILE} under data"),
        ("a.tfrecord", b"", "write the recipe by hand, with tfrecord: {path: FILES, label: FEATURE} under data"),
        ("train-images-idx3-ubyte.gz", b"", "write the recipe by hand, with idx: {path: FOLDER} under data"),
        ("t.csv.gz", gzip.compress(b"x,y\n" * 999, mtime=0)[:-9], "t.csv.gz ends too early; copy or download it again"),
        ("t.csv", b"y\n" + b"a\nb\n" * 40, "is left to learn from besides the label: it has no other"),
        ("/dev/zero", None, "Expected a file at /dev/zero, but it is a folder, a device or a pipe; name a file"),
        ("a" * 3000, None, "cannot be looked at: File name too long"),
    ],
)
def test_what_is_no_table_is_refused(
    init: Init, tmp_path: Path, name: str, content: bytes | None, expected: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    code, _, err = init(name, "--label", "y", "-o", "draft.yaml")
    assert (code, expected in err, (tmp_path / "draft.yaml").exists()) == (2, True, False), err
    assert len(err.splitlines()) == 1


def test_columns_that_no_reader_takes_are_named_where_nothing_is_left(init: Init, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"x": [[1, 2], [3]] * 30, "y": ["a", "b"] * 30}), tmp_path / "t.parquet")
    code, _, err = init("t.parquet", "--label", "y")
    assert (code, "besides the label: 'x': list<element: int64> cannot be an input" in err) == (2, True), err


def test_doubled_names_ragged_lines_and_another_encoding(init: Init, tmp_path: Path) -> None:
    lines = [f"{i % 11},{i % 7},{'ä' if i % 2 else 'ö'},{i % 2}" for i in range(100)]
    lines[40] = "1,2"
    (tmp_path / "t.csv").write_bytes(("x,x,examples,y\n" + "\n".join(lines) + "\n").encode("cp1252"))
    assert init("t.csv", "--label", "y")[0] == 0
    table = yaml.safe_load((tmp_path / "t.yaml").read_text())["data"]["csv"]
    assert table["columns"] == ["x", "x_2", "examples", "y"]
    assert (table["encoding"], table["ragged_rows"]) == ("cp1252", "skip")
    settle(tmp_path / "t.yaml")


def test_a_folder_of_images(init: Init, tmp_path: Path) -> None:
    from PIL import Image

    for name, color in (("cat", 30), ("dog", 200)):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(20):
            Image.new("RGB", (40 + i, 50), (color, i, i)).save(tmp_path / "pets" / name / f"{i}.png")
    code, out, err = init("pets")
    assert (code, err) == (0, "")
    assert "pets: 40 images, 50×40 to 50×59 (height × width), colour" in out
    experiment, plan = settle(tmp_path / "pets.yaml")
    assert experiment.model.family == "cnn"
    assert plan.steps[0].shape == (48, 48, 3)


def test_the_command_loads_no_tensorflow(tmp_path: Path) -> None:
    dirty_table(tmp_path / "t.csv")
    script = (
        "import sys\nfrom kerasline.pipeline.cli import main\n"
        "try:\n    main()\nfinally:\n"
        "    print(sorted({'tensorflow', 'keras', 'tfx', 'apache_beam'} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "init", "t.csv", "--label", "has left?"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "[]\n")
