"""What is told of a recipe before anything is loaded: files, columns, families, functions and weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets import DataOptions, Places, infer_task, resolve
from kerasline.components.datasets.named.catalog import DATASETS
from kerasline.pipeline.config.experiment import load_experiment
from kerasline.pipeline.plan.first_checks import WHOLE_BYTES, check_first, check_whole

RECIPE = "name: flats\ndata: {csv: {path: flats.csv, label: rent}}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a table, a recipe and a module beside it, in which nothing of Keras' lies."""
    rows = [f"{n},{'abc'[n % 3]},{n * 10.5 + n % 7},{n % 2}" for n in range(60)]
    (tmp_path / "flats.csv").write_text("area,district,rent,sold\n" + "\n".join(rows) + "\n")
    (tmp_path / "flats.yaml").write_text(RECIPE)
    (tmp_path / "mine.py").write_text("raise RuntimeError\ndef build_model(config, inputs, output): ...\nother = 3\n")
    (tmp_path / "stars.py").write_text("from os.path import *\n")
    (tmp_path / "broken.py").write_text("def build_model(:\n")
    (tmp_path / "weights.h5").write_bytes(b"")
    (tmp_path / "weights.txt").write_bytes(b"")
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path


def check(folder: Path, *changes: str) -> None:
    """Checks the recipe as ``validate`` does."""
    experiment, base_dir = load_experiment(str(folder / "flats.yaml"), changes)
    found = check_first(experiment, base_dir, None, folder / "workspace")
    assert found.bytes is not None and found.bytes < WHOLE_BYTES
    check_whole(experiment, base_dir, None, folder / "workspace")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("data.csv.path=flat.csv",
         "File not found: {folder}/flat.csv; correct the path or --data-dir. Did you mean 'flats.csv'?"),
        ("data.csv.path='*.tsv'", "No file matches {folder}/*.tsv"),
        ("data.csv.label=rnt",
         "no label column 'rnt'; its columns are area, district, rent, sold. Did you mean 'rent'?"),
        ("data.csv.drop=[are]", "no column of 'drop' 'are'"),
        ("data.split={method: group, column: street}", "no split.column 'street'"),
        ("features={distrct: drop}",
         "features.distrct: expected a column of {folder}/flats.csv (area, district, rent, sold), "
         "got 'distrct'. Did you mean 'district'?"),
        ("features={both: {cross: [area, city]}}", "features.both.cross: expected a column of"),
        ("features={area: {encode: bag, kind: text}, district: {kind: image}}",
         "features.district.kind: expected numeric,"),
        ("run.beam=[--runner=Flunk]", "run.beam: expected a runner of Beam, got 'Flunk'"),
        ("training.sample_weight=weight", "training.sample_weight: expected a column of"),
        ("training.sample_weight=district", "training.sample_weight: expected a column of numbers"),
        ("evaluation.slices=[[district, town]]", "evaluation.slices: expected a column of"),
        ("evaluation.slice_thresholds={town: {mae: {max: 3}}}",
         "evaluation.slice_thresholds.town: expected a column of"),
        ("validation.drift.columns={town: 0.1}", "validation.drift.columns: expected columns of the data, got 'town'."),
        ("evaluation.metrics=[accuracy]",
         "evaluation.metrics: expected metrics of a regression task (mae, mse, rmse, r2)"),
        ("training.loss=dice", "training.loss 'dice' does not suit task regression"),
        ("training.class_weights=balanced", "training.class_weights: expected a task with one class for each row"),
        ("tuning={objective: val_auc}", "tuning.objective: expected what is computed for task regression"),
        ("model={family: cnn}", "model.family: expected a family that reads tables (mlp, sequence or custom)"),
        ("model={family: transfer, weights: none}", "got transfer, which reads images; use mlp"),
        ("model={family: sequence}", "model.family sequence takes one array or tokens input"),
        ("model={augmentation: {flip: both}}", "model.augmentation changes images, but the data has only dense inputs"),
        ("model={family: custom, build: 'mine:build'}",
         "model.build: expected a function build in {folder}/mine.py, but it "
         "defines build_model. Did you mean 'build_model'?"),
        ("model={family: custom, build: 'mien:build_model'}",
         "model.build: expected a module mien that Python can find"),
        ("model={family: custom, build: 'mine.inner:build'}", "model.build: expected a module mine.inner that Python"),
        ("model={family: custom, build: 'json.nothing:build'}",
         "model.build: expected a module json.nothing that Python"),
        ("model={family: custom, build: 'broken:build_model'}",
         "expected Python in {folder}/broken.py, line 1, but it does not"),
    ],
)  # fmt: skip
def test_what_the_recipe_names_and_the_data_has_not(folder: Path, change: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(folder, change)
    assert expected.format(folder=folder) in str(caught.value)
    assert not (folder / "workspace").exists()


@pytest.mark.parametrize(
    "change",
    [
        "seed=1",
        "features={district: drop, both: {cross: [district, sold]}}",
        "evaluation.slices=[district]",
        "data.csv.label=[sold]",
        "model={family: custom, build: 'mine:build_model'}",  # the module is read, and not run
        "model={family: custom, build: 'mine:other'}",
        "model={family: custom, build: 'stars:anything'}",
        "model={family: custom, build: 'json:JSONEncoder'}",
        "model={family: custom, build: 'json.decoder:JSONDecoder'}",
    ],
)
def test_what_is_there_is_not_refused(folder: Path, change: str) -> None:
    check(folder, change)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("{family: transfer, base: squeezenet}",
         "SqueezeNet's ImageNet weights are not at {folder}/keras/models/squeezenet"),
        ("{family: transfer, weights: nope.h5}", "NAME@VERSION, but 'nope.h5' does not exist"),
        ("{family: transfer, weights: '{folder}/weights.txt'}",
         "must end in .h5, .weights.h5 or .keras, got 'weights.txt'"),
        ("{family: transfer, weights: flats@3}", "model.weights: "),
    ],
)  # fmt: skip
def test_weights_that_are_not_there(folder: Path, model: str, expected: str) -> None:
    (folder / "pics" / "a").mkdir(parents=True)
    model = model.replace("{folder}", str(folder))
    experiment, base_dir = load_experiment(
        str(folder / "flats.yaml"), ["data={images: {path: pics}}", f"model={model}"]
    )
    with pytest.raises(ConfigError) as caught:
        check_first(experiment, base_dir, None, folder / "workspace")
    assert expected.replace("{folder}", str(folder)) in str(caught.value)


@pytest.mark.parametrize("base", ["mobilenet_v2", "resnet50_v2", "efficientnet_v2_b0", "vgg16"])
def test_weights_that_keras_has_fetched_need_no_network(
    folder: Path, monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    files = {
        "mobilenet_v2": "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_96_no_top.h5",
        "resnet50_v2": "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "efficientnet_v2_b0": "efficientnetv2-b0_notop.h5",
        "vgg16": "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
    }
    monkeypatch.setattr("kerasline.components.models.description.suiting._DOWNLOADS", ("127.0.0.1", 9))
    changes = ["data={images: {path: pics}}", f"model={{family: transfer, base: {base}}}"]
    experiment, base_dir = load_experiment(str(folder / "flats.yaml"), changes)
    (folder / "pics").mkdir()
    with pytest.raises(ConfigError, match=f"expected ImageNet weights of {base} in {folder}/keras/models or a network"):
        check_first(experiment, base_dir, None, folder / "workspace")
    (folder / "keras" / "models").mkdir(parents=True)
    (folder / "keras" / "models" / files[base]).touch()
    check_first(experiment, base_dir, None, folder / "workspace")


def test_a_data_folder_that_is_none(folder: Path) -> None:
    experiment, base_dir = load_experiment(str(folder / "flats.yaml"))
    for path, there in ((folder / "nope", "does not exist"), (folder / "flats.csv", "is no folder")):
        with pytest.raises(ConfigError, match=f"--data-dir: expected a folder, but {path} {there}"):
            check_first(experiment, base_dir, path, folder / "workspace")


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast_cancer", "diabetes", "regression_surface"])
def test_the_task_of_a_data_set_by_name_is_that_of_its_label(name: str, tmp_path: Path) -> None:
    dataset = resolve(DataOptions(dataset=name), name=name, base_dir=tmp_path, data_dir=None)
    assert infer_task(dataset.label) == DATASETS[name].task


def test_a_command_without_the_option_does_not_name_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nope.csv; correct the path.$"):
        Places(tmp_path, None, "correct the path").find("nope.csv")
    with pytest.raises(ConfigError, match="--data-dir: expected a folder, but /nope does not exist"):
        resolve(DataOptions(dataset="mnist"), name="m", base_dir=tmp_path, data_dir=Path("/nope"))
