"""``kerasline init``: tables and folders as they are found become recipes that can be resolved as they are."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets import resolve
from kerasline.components.features.plan import plan_features
from kerasline.components.models import TabularOptions
from kerasline.pipeline.config.experiment import Experiment, load_experiment
from kerasline.pipeline.config.json_schema import recipe_schema

ROOT = Path(__file__).resolve().parents[3]
Init = Callable[..., tuple[int, str, str]]


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


def test_editors_are_told_the_schema_that_lies_beside_the_recipe(init: Init, tmp_path: Path) -> None:
    dirty_table(tmp_path / "t.csv")
    (tmp_path / "recipes").mkdir()
    assert init("t.csv", "--label", "has left?", "-o", "recipes/t.yaml")[0] == 0
    first, _, rest = (tmp_path / "recipes" / "t.yaml").read_text().partition("\n")
    told = first.removeprefix("# yaml-language-server: $schema=")
    schema = json.loads((tmp_path / "recipes" / told).read_text())
    assert schema == recipe_schema()
    jsonschema.validate(yaml.safe_load(rest), schema)
    assert init("t.csv", "--label", "has left?", "-o", "recipes/t.yaml", "--force")[0] == 0, "it is written anew"


def test_a_table_gets_the_family_of_tables_and_numbers_their_ranks(init: Init, tmp_path: Path) -> None:
    rows = "".join(f"{1 + i % 90},{10 ** (i % 7)},{'abc'[i % 3]},{i % 90 + i % 3}\n" for i in range(400))
    (tmp_path / "t.csv").write_text("age,pay,word,y\n" + rows)
    assert init("t.csv", "--label", "y")[0] == 0
    experiment, _ = load_experiment(str(tmp_path / "t.yaml"))
    assert isinstance(experiment.model, TabularOptions)
    assert experiment.training.optimizer == "adamw"
    assert experiment.training.early_stopping is not None
    assert experiment.training.early_stopping.patience >= 15
    assert experiment.training.refit and experiment.training.optimizer_arguments == {"use_ema": True}
    assert "fits all rows for as many (refit)" in (tmp_path / "t.yaml").read_text()
    assert "scale" not in (tmp_path / "t.yaml").read_text(), "the family's own scale takes large numbers, too"


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


def numbered(**changed: str) -> str:
    """A table of 1,001 lines, some of them replaced: ``l500`` is line 500 of the file."""
    found = ["n,word,y", *(f"{i * 7 % 97},{'abc'[i % 3]},{i % 2}" for i in range(1000))]
    for key, line in changed.items():
        found[int(key[1:]) - 1] = line
    return "\n".join(found) + "\n"


def test_stray_quotes_are_text_where_all_lines_are_rows(init: Init, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(numbered(l500='1,"a,0', l800='1,"b,0'))
    code, out, err = init("t.csv", "--label", "y")
    assert (code, err) == (0, "")
    assert (
        "csv.quoting: none (quotes are part of the text: The quote (\") that opens column 2 ('word') in line 500" in out
    )
    experiment, _ = load_experiment(str(tmp_path / "t.yaml"))
    dataset = resolve(experiment.data, name="t", base_dir=tmp_path, data_dir=None)
    assert (dataset.rows, dataset.skipped) == (1000, ())


def test_stray_quotes_beside_quoted_cells_are_refused(init: Init, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(numbered(l300='1,"b, c",0', l500='1,"a,0'))
    code, _, err = init("t.csv", "--label", "y")
    assert (code, len(err.splitlines()), (tmp_path / "t.yaml").exists()) == (2, 1, False)
    assert "in line 500 of t.csv is never closed and takes 501 more lines into its cell" in err
    (tmp_path / "t.yaml").write_text("name: t\ndata: {csv: {path: t.csv, label: y, ragged_rows: skip}}\n")
    with pytest.raises(ConfigError, match="in line 500 of .* is never closed and takes 501 more lines"):
        settle(tmp_path / "t.yaml")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("sep=;\nn;word;y\n", {"delimiter": ";"}),
        ("Report of June\nmade by: me, you\n\nn;word;y\n", {"delimiter": ";", "skip_lines": 3}),
        ("Report;;\n;;\nn;word;y\n", {"delimiter": ";", "skip_lines": 2}),
        ("n;word;y;\n", {"delimiter": ";"}),
        ('\ufeff"n";"word";"y"\n', {"delimiter": ";"}),
    ],
)
@pytest.mark.parametrize(
    ("encoding", "line_end"), [("utf-8", "\r\n"), ("utf-16", "\r\n"), ("utf-16-le", "\n"), ("cp1252", "\r")]
)
def test_tables_as_spreadsheets_save_them(
    init: Init, tmp_path: Path, content: str, expected: dict[str, Any], encoding: str, line_end: str
) -> None:
    if encoding == "cp1252":
        content = content.removeprefix("\ufeff")
    rows = "".join(f"{i * 7 % 97};{'äöü'[i % 3]};{i % 2}{';' if i % 5 == 0 else ''}\n" for i in range(200))
    (tmp_path / "t.csv").write_text(content + rows + "\n\n", encoding=encoding, newline=line_end)
    code, out, err = init("t.csv", "--label", "y")
    assert (code, err) == (0, "")
    experiment, _ = load_experiment(str(tmp_path / "t.yaml"))
    written = experiment.data.csv.model_dump()
    assert {key: written[key] for key in expected} == expected
    found = "utf-16" if encoding == "utf-16-le" and content[0] == "\ufeff" else encoding
    assert written["encoding"] == found
    assert encoding == "utf-8" or f"csv.encoding: {found} (the file is not UTF-8)" in out
    dataset = resolve(experiment.data, name="t", base_dir=tmp_path, data_dir=None)
    assert (dataset.rows, [column.name for column in dataset.columns]) == (200, ["n", "word"])


@pytest.mark.parametrize(
    "line", ["Total,,400", '"Grand Total",,400', ",Summe,400", "sum,,400\n\n", "Total,,400\n\nSource: office\n"]
)
def test_a_line_of_sums_is_noted(init: Init, tmp_path: Path, line: str) -> None:
    (tmp_path / "t.csv").write_text(numbered() + line + "\n")
    code, out, _ = init("t.csv", "--label", "y")
    assert (code, "note: a line at the end of t.csv begins with " in out) == (0, True)
    experiment, _ = load_experiment(str(tmp_path / "t.yaml"))
    notes = resolve(experiment.data, name="t", base_dir=tmp_path, data_dir=None).notes
    assert any(note.startswith("a line at the end of t.csv begins with ") for note in notes)


def test_links_and_pipes_are_not_waited_for(init: Init, tmp_path: Path) -> None:
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    (tmp_path / "gone.csv").symlink_to("nothing.csv")
    os.mkfifo(tmp_path / "fifo.csv")
    link = "is no file, or a link that leads to none"
    for name, expected in {"loop.csv": link, "gone.csv": link, "fifo.csv": "a pipe"}.items():
        code, _, err = init(name, "--label", "y")
        assert (code, expected in err, len(err.splitlines())) == (2, True, 1), err


@pytest.mark.parametrize("name", ["t.csv.bz2", "t.csv.xz", "t.csv.gz", "t.tsv"])
def test_packed_tables(init: Init, tmp_path: Path, name: str) -> None:
    pack: Any = {".bz2": bz2.compress, ".xz": lzma.compress, ".gz": gzip.compress}.get(Path(name).suffix, bytes)
    (tmp_path / name).write_bytes(pack(numbered().encode()))
    assert init(name, "--label", "y")[0] == 0
    assert settle(tmp_path / "t.yaml")[0].data.csv.path == name
    (tmp_path / name).write_bytes(pack(numbered().encode())[:-20])
    code, _, err = init(name, "--label", "y", "--force")
    assert (code, "ends too early; copy or download it again" in err) == ((0, False) if name == "t.tsv" else (2, True))


def test_nothing_steers_the_terminal(init: Init, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\x1b[31mred,y\n" + "".join(f"{i * 7 % 97},{i % 2}\n" for i in range(300)))
    code, out, err = init("t.csv", "--label", "x")
    assert (code, "\x1b" in err, "\\x1b[31mred" in err) == (2, False, True)
    code, out, err = init("t.csv", "--label", "y")
    assert (code, "\x1b" in out, "\\x1b[31mred" in out) == (0, False, True)


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
     ("x,y\n" + "".join(f"{i % 9},{'$€'[i % 2]}{i}.50\n" for i in range(99)), "it mixes '$' and '€'"),
     ("x,y\n" + "".join(f"{i},word {i}\n" for i in range(99)), "holds text that hardly repeats"),
     ("x,y\n" + "".join(f"{i},{i % 30}.4.2024\n" for i in range(1, 99) if i % 30), "holds dates (29 different values"),
     ("x,y\n" + "".join(f"{i},{i % 2}:{i % 60:02d}:30\n" for i in range(180)), "numbers, such as minutes")],
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
    (tmp_path / "pets" / "cat" / "phone.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    for within in ("june/first", ".ipynb_checkpoints", "@eaDir", "june/.thumbnails"):  # only the first is of a person
        (tmp_path / "pets" / "cat" / within).mkdir(parents=True)
        Image.new("RGB", (40, 50)).save(tmp_path / "pets" / "cat" / within / "0.png")
    code, out, err = init("pets")
    assert (code, err) == (0, "")
    text = " ".join((tmp_path / "pets.yaml").read_text().replace("\n#", "").split())
    assert "1 file is left out, for what ends in .heic is not read; save them as PNG or JPEG" in text
    assert "1 image in a folder within those of classes is not read; put them into the class's own" in text
    assert "pets: 40 images, 50×40 to 50×59 (height × width), colour" in out
    experiment, plan = settle(tmp_path / "pets.yaml")
    assert experiment.model.family == "cnn"
    assert plan.steps[0].shape == (48, 48, 3)


def test_folders_of_images_are_looked_at_as_a_run_reads_them(init: Init, tmp_path: Path) -> None:
    from PIL import Image

    for place in ("Train_set/c\u0327a", "Train_set/\u00e7a", "Train_set/dog", "dev/dog", "__MACOSX/dog", "@eaDir/dog"):
        (tmp_path / "pets" / place).mkdir(parents=True)
        for i in range(20):
            Image.new("L", (500, 2), 10 * i).save(tmp_path / "pets" / place / f"{i}.png")
    (tmp_path / "pets/dev/bird").mkdir()
    code, out, err = init("pets")
    assert (code, err) == (0, "")
    assert "label: binary, 2 classes: \u00e7a 50%, dog 50%" in out and "80 images" in out
    text = (tmp_path / "pets.yaml").read_text()
    assert "the folder brings its own train, eval" in text and "left out: dev/bird" in text
    _, plan = settle(tmp_path / "pets.yaml")
    assert plan.steps[0].shape == (2, 128, 1), "a strip stays a strip"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a/cat/1.png", "b/cat/1.png"), "but 0 folders have images; of a: it has folders (cat), not images"),
        (("cat/1", "dog/1"), "is a PNG image; put images, with endings such as .png, into one folder a class"),
        (
            ("1.png", "2.png"),
            "pets has no class folders; put the images into one folder a class or give images.labels_csv",
        ),
    ],
)
def test_folders_of_images_without_classes(init: Init, tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    for name in names:
        (tmp_path / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pets" / name).write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    code, _, err = init("pets")
    assert code == 2 and message in " ".join(err.split())


def test_the_command_loads_no_tensorflow(tmp_path: Path) -> None:
    dirty_table(tmp_path / "t.csv")
    script = (
        "import sys\nfrom kerasline.pipeline.cli.entry import main\n"
        "try:\n    main()\nfinally:\n"
        "    print(sorted({'tensorflow', 'keras', 'tfx', 'apache_beam'} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "init", "t.csv", "--label", "has left?"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "[]\n")
