"""Keras' own data sets, from small files of the same form."""

from __future__ import annotations

import io
import pickle
import tarfile

import numpy as np
import pytest
from PIL import Image

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets import infer_task
from kerasline.components.datasets.named.restricted_pickle import load_pickle

NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


@pytest.fixture(autouse=True)
def offline(tmp_path, monkeypatch):
    """Keeps Keras' cache and download out of the tests."""

    class Offline:
        @staticmethod
        def load_data(**arguments):
            raise Exception("URL fetch failure")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr("kerasline.components.datasets.named.keras_files.import_module", lambda name: Offline)


def batch(start: int, count: int = 10, **extra) -> bytes:
    pixels = (np.arange(count * 3072).reshape(count, 3072) + start) % 256
    return pickle.dumps({"data": pixels.astype(np.uint8), **extra}, protocol=2)


def cifar10_files() -> dict[str, bytes]:
    files = {f"data_batch_{n}": batch(n, labels=list(range(10))) for n in range(1, 6)}
    meta = pickle.dumps({"label_names": NAMES}, protocol=2)
    return {**files, "test_batch": batch(9, labels=[9 - n for n in range(10)]), "batches.meta": meta}


def test_cifar10_from_a_folder_and_from_the_archive(resolve, rows, write, tmp_path):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in cifar10_files().items():
            write(f"one/cifar-10-batches-py/{name}", content)
            info = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    write("two/cifar-10-python.tar.gz", packed.getvalue())
    folder = resolve(data_dir=tmp_path / "one", dataset="cifar10")
    tar = resolve(data_dir=tmp_path / "two", dataset="cifar10")
    assert folder.fingerprint == tar.fingerprint and folder.label.classes == tuple(NAMES)
    assert (folder.rows, folder.columns[0].shape, folder.split.method) == (60, (32, 32, 3), "source")
    row = rows(tar)[13]
    planes = ((np.arange(3072) + 3 * 3072 + 2) % 256).reshape(3, 32, 32)
    assert row["label"] == "cat"
    assert (np.asarray(Image.open(io.BytesIO(row["image"]))) == planes.transpose(1, 2, 0)).all()
    assert rows(folder)[-1]["label"] == "airplane"


def test_cifar100_in_both_label_modes(resolve, rows, write, tmp_path):
    names = {"fine_label_names": [f"f{n}" for n in range(100)], "coarse_label_names": [f"c{n}" for n in range(20)]}
    write("cifar-100-python/meta", pickle.dumps(names, protocol=2))
    for name in ("train", "test"):
        content = batch(0, 40, fine_labels=[n * 2 for n in range(40)], coarse_labels=[n % 20 for n in range(40)])
        write(f"cifar-100-python/{name}", content)
    fine = resolve(data_dir=tmp_path, dataset="cifar100")
    coarse = resolve(data_dir=tmp_path, dataset="cifar100", options={"label_mode": "coarse"})
    assert (len(fine.label.classes), len(coarse.label.classes)) == (100, 20)
    assert (rows(fine)[7]["label"], rows(coarse)[27]["label"]) == ("f14", "c7")
    with pytest.raises(ConfigError, match=r"label_mode must be fine \(100 classes\) or coarse \(20\), got 'rough'"):
        resolve(data_dir=tmp_path, dataset="cifar100", options={"label_mode": "rough"})


def test_cifar_pickles_cannot_run_code(resolve, write, tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("ran",))

    for name, content in cifar10_files().items():
        write(f"cifar-10-batches-py/{name}", content)
    write("cifar-10-batches-py/data_batch_3", pickle.dumps({"data": Evil()}, protocol=2))
    with pytest.raises(ConfigError, match=r"data_batch_3 in .* not what it seems \(it asks for __builtin__.print\)"):
        resolve(data_dir=tmp_path, dataset="cifar10")
    write("cifar-10-batches-py/data_batch_3", b"\x80\x02garbage")
    with pytest.raises(ConfigError, match="data_batch_3 in .* is damaged"):
        resolve(data_dir=tmp_path, dataset="cifar10")


def test_pickled_arrays_load():
    values = [np.arange(6).reshape(2, 3), np.array([1.5]), np.array([[1, 2], [3]], dtype=object)]
    for protocol in (2, 4):
        loaded = load_pickle(io.BytesIO(pickle.dumps(values, protocol)), "test")
        assert [value.tolist() for value in loaded] == [value.tolist() for value in values]


def sequences(count: int) -> np.ndarray:
    texts = np.empty(count, dtype=object)
    texts[:] = [[1 + (n * 7 + k) % 30 for k in range(n + 1)] for n in range(count)]
    return texts


def test_imdb_follows_the_convention_of_keras(resolve, rows, tmp_path):
    texts, labels = sequences(40), np.arange(40) % 2
    np.savez(tmp_path / "imdb.npz", x_train=texts, y_train=labels, x_test=texts, y_test=labels)
    dataset = resolve(data_dir=tmp_path, dataset="imdb", options={"num_words": 20, "length": 6})
    column = dataset.columns[0]
    assert (dataset.kind, column.dtype, column.shape, column.vocabulary_size) == ("tokens", "tokens", (6,), 20)
    assert dataset.label.classes == ("negative", "positive") and dataset.split.method == "source"
    found = rows(dataset)
    assert found[1]["words"].tolist() == [1, 8 + 3, 9 + 3, 0, 0, 0] and found[1]["label"] == "positive"
    assert found[1]["words"].dtype == np.int64
    expected = [1] + [w + 3 if w + 3 < 20 else 2 for w in texts[30]]
    assert found[30]["words"].tolist() == expected[-6:]
    with pytest.raises(ConfigError, match="data.options.length must be a whole number of 2 or more, got 1"):
        resolve(data_dir=tmp_path, dataset="imdb", options={"length": 1})


def test_reuters_is_one_pile_of_46_topics(resolve, rows, tmp_path):
    np.savez(tmp_path / "reuters.npz", x=sequences(92), y=np.arange(92) % 46)
    dataset = resolve(data_dir=tmp_path, dataset="reuters")
    assert len(dataset.label.classes) == 46 and dataset.split.method == "hash"
    assert rows(dataset)[3]["label"] == "earn"


def test_damaged_sequences(resolve, write, tmp_path):
    np.savez(tmp_path / "imdb.npz", x_train=np.arange(3))
    with pytest.raises(ConfigError, match="imdb.npz is damaged or lacks the array 'y_train'"):
        resolve(data_dir=tmp_path, dataset="imdb")
    write("imdb.npz", b"not a zip")
    with pytest.raises(ConfigError, match="imdb.npz is damaged"):
        resolve(data_dir=tmp_path, dataset="imdb")


def test_boston_housing_is_the_same_from_both_files(resolve, rows, shared_data, tmp_path):
    table = resolve(data_dir=shared_data, dataset="boston_housing")
    values = np.loadtxt(shared_data / "boston_housing/boston_housing.csv", delimiter=",", skiprows=1, quotechar='"')
    np.savez(tmp_path / "boston_housing.npz", x=values[:, :13], y=values[:, 13])
    archive = resolve(data_dir=tmp_path, dataset="boston_housing")
    assert infer_task(table.label) == "regression" and (table.label.name, table.label.unit) == ("medv", "$1000")
    assert table.columns == archive.columns and len(table.columns) == 13
    assert rows(table) == rows(archive) and len(rows(table)) == 506
    assert rows(table)[0]["chas"] == 0 and rows(table)[0]["medv"] == 24.0


def test_boston_housing_with_a_column_missing(resolve, write, tmp_path):
    write("boston_housing.csv", "crim,medv\n1,2\n2,3\n")
    with pytest.raises(ConfigError, match="boston_housing.csv lacks column 'age' of Boston housing"):
        resolve(data_dir=tmp_path, dataset="boston_housing")


def test_california_housing(resolve, rows, write, tmp_path, monkeypatch):
    from sklearn import datasets

    def fetch():
        raise OSError("no connection")

    monkeypatch.setattr(datasets, "fetch_california_housing", fetch)
    with pytest.raises(ConfigError, match=r"could not be downloaded \(no connection\); put california_housing.csv"):
        resolve(data_dir=tmp_path, dataset="california_housing")
    write(
        "california_housing.csv", "MedInc,HouseAge,MedHouseVal\n" + "".join(f"{n}.5,{n},{n / 7}\n" for n in range(50))
    )
    dataset = resolve(data_dir=tmp_path, dataset="california_housing")
    assert [(c.name, c.unit) for c in dataset.columns] == [("MedInc", "$10,000"), ("HouseAge", "years")]
    assert (dataset.label.unit, rows(dataset)[7]["MedHouseVal"]) == ("$100,000", 1.0)


def test_california_housing_from_scikit_learn_whatever_lies_in_the_data_folder(resolve, rows, tmp_path, monkeypatch):
    from sklearn import datasets
    from sklearn.utils import Bunch

    (tmp_path / "cal_housing_py3.pkz").write_bytes(b"a pickle is never loaded from there")

    def fetch():
        return Bunch(
            data=np.arange(60.0).reshape(30, 2), target=np.arange(30) / 3, feature_names=["MedInc", "Latitude"]
        )

    monkeypatch.setattr(datasets, "fetch_california_housing", fetch)
    dataset = resolve(data_dir=tmp_path, dataset="california_housing")
    assert str(tmp_path) not in dataset.to_json()
    found = rows(dataset)
    assert len(found) == 30 and found[2] == {"MedInc": 4.0, "Latitude": 5.0, "MedHouseVal": 2 / 3}


def test_iris_of_the_workshop(resolve, rows, shared_data, tmp_path):
    dataset = resolve(data_dir=shared_data, dataset="iris_csv")
    assert dataset.label.classes == ("setosa", "versicolor", "virginica")
    assert {c.unit for c in dataset.columns} == {"cm"} and dataset.split.method == "source"
    assert [shard["rows"] for shard in dataset.shards] == [120, 30]
    assert rows(dataset)[0] == {
        "sepal_length": 6.4, "sepal_width": 2.8, "petal_length": 5.6, "petal_width": 2.2, "species": "virginica",
    }  # fmt: skip
    with pytest.raises(ConfigError, match="iris_csv reads iris_training.csv and iris_test.csv, which are not there"):
        resolve(data_dir=tmp_path, dataset="iris_csv")


def test_the_workshops_surface_comes_before_the_generator(resolve, rows, shared_data):
    files = resolve(data_dir=shared_data, dataset="regression_surface")
    assert [shard["rows"] for shard in files.shards] == [110, 40]
    assert rows(files)[0] == {"x1": 0.48297004, "x2": 0.139294369, "y": 5.60111384}
    assert resolve(data_dir=shared_data, dataset="regression_surface", options={"size": 50}).rows == 50
