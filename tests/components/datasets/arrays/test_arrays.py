"""Data sets in memory: bundled, IDX, NPZ, generated."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets import infer_task
from kerasline.components.datasets.images.png import encode_png


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def idx(values: np.ndarray, magic: int | None = None) -> bytes:
    head = struct.pack(">I", (0x0800 | values.ndim) if magic is None else magic)
    return head + struct.pack(f">{values.ndim}I", *values.shape) + values.astype(np.uint8).tobytes()


IMAGES = np.arange(60 * 4 * 5).reshape(60, 4, 5) % 251
LABELS = np.arange(60) % 10


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 2), (4, 5, 3), (4, 5, 4)])
def test_png_is_lossless(shape):
    values = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert (pixels(encode_png(values)) == values.squeeze()).all()


def test_digits_are_images_of_sixteen_levels_times_fifteen(resolve, rows):
    from sklearn.datasets import load_digits

    dataset = resolve(dataset="digits")
    assert (dataset.kind, dataset.rows, dataset.columns[0].shape) == ("image", 1797, (8, 8, 1))
    assert dataset.label.classes == tuple("0123456789") and infer_task(dataset.label) == "multiclass"
    found = rows(dataset)
    original = load_digits()
    assert (pixels(found[7]["image"]) == original.images[7] * 15).all()
    assert [row["label"] for row in found] == original.target.tolist()
    assert "Alpaydin" in dataset.source and dataset.licence == "CC BY 4.0"


@pytest.mark.parametrize(
    ("name", "count", "columns", "task", "label"),
    [
        ("iris", 150, 4, "multiclass", {"species": "setosa"}),
        ("wine", 178, 13, "multiclass", {"cultivar": "class_0"}),
        ("breast_cancer", 569, 30, "binary", {"diagnosis": "malignant"}),
        ("diabetes", 442, 10, "regression", {"progression": 151.0}),
    ],
)
def test_bundled_tables(resolve, rows, name, count, columns, task, label):
    dataset = resolve(dataset=name)
    assert (dataset.rows, len(dataset.columns), infer_task(dataset.label)) == (count, columns, task)
    first = rows(dataset)[0]
    assert label.items() <= first.items()
    assert all(type(value) in (int, float) for key, value in first.items() if key not in label)


def test_units_of_bundled_tables(resolve, rows):
    iris, diabetes = resolve(dataset="iris"), resolve(dataset="diabetes")
    assert {c.unit for c in iris.columns} == {"cm"}
    assert {c.name: c.unit for c in diabetes.columns}["bmi"] == "kg/m²"
    first = rows(diabetes)[0]
    assert (first["age"], first["sex"], first["bmi"]) == (59.0, 2, 32.1)


def test_resolving_twice_gives_the_same_json(resolve):
    assert resolve(dataset="wine").to_json() == resolve(dataset="wine").to_json()
    assert resolve(dataset="wine").fingerprint != resolve(dataset="iris").fingerprint


def write_idx(write, folder="idx", packed=True, **replaced):
    files = {
        "train-images-idx3-ubyte": idx(IMAGES),
        "train-labels-idx1-ubyte": idx(LABELS),
        "t10k-images-idx3-ubyte": idx(IMAGES[:20]),
        "t10k-labels-idx1-ubyte": idx(LABELS[:20]),
    }
    for name, content in {**files, **{key.replace("_", "-"): value for key, value in replaced.items()}}.items():
        if content is not None:
            write(f"{folder}/{name}{'.gz' if packed else ''}", gzip.compress(content) if packed else content)


@pytest.mark.parametrize("packed", [True, False])
def test_idx(resolve, rows, split_rows, write, packed):
    write_idx(write, packed=packed)
    dataset = resolve(idx={"path": "idx"})
    assert (dataset.rows, dataset.columns[0].shape, dataset.split.method) == (80, (4, 5, 1), "source")
    found = rows(dataset)
    assert (pixels(found[33]["image"]) == IMAGES[33]).all() and found[33]["label"] == 3
    assert [row["label"] for row in split_rows(dataset)["test"]] == LABELS[:20].tolist()


def test_idx_with_class_names_and_without_a_test_set(resolve, rows, write):
    names = [f"class {n}" for n in range(10)]
    write_idx(write, t10k_images_idx3_ubyte=None, t10k_labels_idx1_ubyte=None)
    dataset = resolve(idx={"path": "idx", "class_names": names})
    assert dataset.label.classes == tuple(names) and dataset.split.method == "hash"
    assert rows(dataset)[13]["label"] == "class 3"
    with pytest.raises(ValueError, match="expected different names in 'class_names', got one twice"):
        resolve(idx={"path": "idx", "class_names": ["a"] * 10})
    with pytest.raises(ConfigError, match="has label 9, but class_names ends at 4; name every class"):
        resolve(idx={"path": "idx", "class_names": names[:5]})


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"train_labels_idx1_ubyte": None}, "File not found: .*train-labels-idx1-ubyte.gz"),
        ({"train_images_idx3_ubyte": idx(IMAGES.reshape(60, 2, 2, 5))}, "has the shape .60, 2, 2, 5., but images must"),
        ({"train_images_idx3_ubyte": idx(IMAGES.reshape(60, 1, 4, 5))}, "Their channels come first; write them last"),
        ({"train_images_idx3_ubyte": idx(np.zeros((60, 0, 5)))}, "the rows of 'image' are empty"),
        ({"t10k_labels_idx1_ubyte": None}, "has test images but no test labels"),
        (
            {"train_images_idx3_ubyte": idx(IMAGES)[:-7]},
            "is truncated: its header promises 1200 bytes of data, it has 1193",
        ),
        ({"train_images_idx3_ubyte": idx(IMAGES)[:9]}, "is truncated: it ends within its header"),
        ({"train_images_idx3_ubyte": idx(IMAGES) + b"x"}, "is too long"),
        ({"train_images_idx3_ubyte": b""}, "is not an IDX file: expected two zero bytes first, got nothing"),
        ({"train_images_idx3_ubyte": b"<html>"}, "is not an IDX file: .* got 3c 68 74 6d"),
        ({"train_images_idx3_ubyte": idx(LABELS)}, "magic number 0x00000801, but 0x00000803 or 0x00000804 is needed"),
        ({"train_images_idx3_ubyte": idx(IMAGES, 0x0D03)}, "magic number 0x00000d03.* is needed; it holds floats"),
        ({"train_labels_idx1_ubyte": idx(LABELS[:-1])}, "has 60 rows of 'image' but 59 labels"),
        ({"t10k_images_idx3_ubyte": idx(IMAGES[:20, :3])}, "differ in size"),
        ({"train_images_idx3_ubyte": idx(IMAGES[:0]), "train_labels_idx1_ubyte": idx(LABELS[:0])}, "has no rows"),
    ],
)
def test_bad_idx(resolve, write, replaced, message):
    write_idx(write, **replaced)
    with pytest.raises(ConfigError, match=message):
        resolve(idx={"path": "idx"})


def test_truncated_gzip_of_idx(resolve, write, tmp_path):
    write_idx(write)
    path = tmp_path / "idx/train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(
        ConfigError, match="The gzip file .*train-images-idx3-ubyte.gz ends too early; copy or download"
    ):
        resolve(idx={"path": "idx"})


def test_mnist_from_a_folder(resolve, rows, write, tmp_path):
    write_idx(write, folder="mnist")
    write_idx(write, folder="fashion_mnist", train_labels_idx1_ubyte=idx(9 - LABELS))
    for data_dir in (tmp_path, tmp_path / "mnist"):
        dataset = resolve(data_dir=data_dir, dataset="mnist")
        assert dataset.rows == 80 and rows(dataset)[1]["label"] == 1
    dataset = resolve(data_dir=tmp_path, dataset="fashion_mnist")
    assert dataset.label.classes[:2] == ("T-shirt/top", "Trouser") and rows(dataset)[1]["label"] == "Bag"


def test_a_folder_of_the_other_mnist_is_not_taken(resolve, write, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr("kerasline.components.datasets.named.keras_files.import_module", lambda name: 1 / 0)
    write_idx(write, folder="mnist")
    with pytest.raises(ConfigError, match="Data set fashion_mnist is not on this machine"):
        resolve(data_dir=tmp_path / "mnist", dataset="fashion_mnist")


def test_mnist_without_files_says_what_to_do(resolve, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))

    class Offline:
        @staticmethod
        def load_data():
            raise Exception("URL fetch failure on https://storage.googleapis.com/mnist.npz: None")

    monkeypatch.setattr("kerasline.components.datasets.named.keras_files.import_module", lambda name: Offline)
    with pytest.raises(ConfigError) as caught:
        resolve(data_dir=tmp_path, dataset="mnist")
    message = str(caught.value)
    assert "could not be downloaded (URL fetch failure" in message
    assert "put the files train-images-idx3-ubyte[.gz], train-labels-idx1-ubyte[.gz]" in message
    assert str(tmp_path) in message


def test_mnist_as_keras_downloads_it(resolve, rows, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    images, labels = IMAGES.astype(np.uint8), LABELS.astype(np.uint8)

    class Online:
        @staticmethod
        def load_data():
            (tmp_path / "keras/datasets").mkdir(parents=True)
            np.savez(
                tmp_path / "keras/datasets/mnist.npz",
                x_train=images, y_train=labels, x_test=images[:20], y_test=labels[:20],
            )  # fmt: skip

    monkeypatch.setattr("kerasline.components.datasets.named.keras_files.import_module", lambda name: Online)
    dataset = resolve(dataset="mnist")
    assert (dataset.rows, dataset.label.name, dataset.split.method) == (80, "label", "source")
    row = rows(dataset)[12]
    assert (pixels(row["image"]) == IMAGES[12]).all() and row["label"] == 2


def test_real_mnist(resolve, shared_data):
    dataset = resolve(data_dir=shared_data / "mnist", dataset="mnist")
    assert dataset.rows == 70_000 and dataset.columns[0].shape == (28, 28, 1)
    assert [shard["rows"] for shard in dataset.shards].count(4096) == 16 and len(dataset.shards) == 18
    assert sum(shard["rows"] for shard in dataset.shards if shard.get("split") == "test") == 10_000


def save_npz(tmp_path, name="a.npz", **arrays):
    np.savez_compressed(tmp_path / name, **arrays)


def test_npz_columns_arrays_and_labels(resolve, rows, tmp_path):
    n = np.arange(50)
    save_npz(
        tmp_path, age=n, word=np.array([f"n{i}" for i in n]), series=n[:, None] * np.ones((50, 6)),
        target=np.where(n == 3, np.nan, n / 7),
    )  # fmt: skip
    dataset = resolve(npz={"path": "a.npz", "features": ["age", "word", "series"], "label": "target"})
    assert [(c.name, c.dtype, c.shape) for c in dataset.columns] == [
        ("age", "int", ()),
        ("word", "string", ()),
        ("series", "array", (6,)),
    ]
    assert dataset.kind == "array" and dataset.skipped == ("a.npz: 1 row whose 'target' is not a finite number",)
    row = rows(dataset)[4]
    assert (row["age"], row["word"], row["target"]) == (5, "n5", 5 / 7)
    assert row["series"].dtype == np.float32 and row["series"].tolist() == [5.0] * 6


def test_npz_arrays_that_are_no_numbers(resolve, tmp_path):
    for values, shown in ((np.zeros((60, 3), complex), "complex128"), (np.full((60, 3), "a"), "<U1")):
        save_npz(tmp_path, x=values, y=np.arange(60) % 2)
        with pytest.raises(ConfigError, match=rf"Array 'x' of .* is {shown} \(60, 3\); save it as numbers"):
            resolve(npz={"path": "a.npz"})


def test_npz_train_and_test_images_with_one_hot_labels(resolve, rows, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (40, 6, 6, 3), np.uint8)
    labels = np.eye(4)[np.arange(40) % 4]
    save_npz(tmp_path, x_train=images, y_train=labels, x_test=images[:8], y_test=labels[:8])
    dataset = resolve(npz={"path": "a.npz"})
    assert (dataset.kind, dataset.label.classes, dataset.split.method) == ("image", ("0", "1", "2", "3"), "source")
    row = rows(dataset)[5]
    assert (pixels(row["x"]) == images[5]).all() and row["y"] == 1
    assert resolve(npz={"path": "a.npz", "images": False}).columns[0].dtype == "array"


def test_npz_multilabel(resolve, rows, tmp_path):
    labels = np.array([[0, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 1]] * 10)
    save_npz(tmp_path, x=np.arange(40.0), y=labels)
    dataset = resolve(npz={"path": "a.npz"})
    assert (dataset.label.dtype, dataset.label.classes) == ("multi", ("y_0", "y_1", "y_2"))
    assert rows(dataset)[0]["y"].tolist() == [0.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("names", "options"),
    [
        (("X_train", "y_train", "X_val", "y_val", "X_test", "y_test"), {}),
        (("train_images", "train_labels", "val_images", "val_labels", "test_images", "test_labels"),
         {"features": "images", "label": "labels"}),
        (("a", "b", "a_valid", "b_valid", "a_test", "b_test"), {"features": "a", "label": "b"}),
    ],
)  # fmt: skip
def test_npz_splits_by_the_names_of_arrays(resolve, split_rows, tmp_path, names, options):
    images, labels = (np.arange(960) // 4).astype(np.uint8).reshape(60, 4, 4), (np.arange(60) % 3)[:, None, None]
    sizes = (60, 60, 9, 9, 6, 6)
    both = [values[:size] for values, size in zip([images, labels] * 3, sizes, strict=True)]
    save_npz(tmp_path, **dict(zip(names, both, strict=True)), names=np.array(["a", "b", "c"]))
    dataset = resolve(npz={"path": "a.npz", **options})
    assert {split: len(found) for split, found in split_rows(dataset).items()} == {"train": 60, "eval": 9, "test": 6}
    assert dataset.notes == ("arrays of a.npz that are not used: names",)
    assert dataset.label.classes == ("0", "1", "2")
    own = resolve(npz={"path": "a.npz", **options}, split={"eval": 0.2})
    assert {split: len(found) for split, found in split_rows(own).items()}["test"] == 6
    assert own.split.fractions["eval"] == 0.2
    assert own.notes == (f"arrays of a.npz that are not used: {names[2]}, {names[3]}, names",)


@pytest.mark.parametrize(("shape", "noted"), [((60, 3, 8, 8), True), ((60, 8, 8, 2), False), ((60, 8, 8, 5), False)])
def test_npz_bytes_of_which_no_image_can_be_made_are_arrays(resolve, tmp_path, shape, noted):
    save_npz(tmp_path, x=np.random.default_rng(0).integers(0, 256, shape, np.uint8), y=np.arange(60) % 2)
    dataset = resolve(npz={"path": "a.npz"})
    assert (dataset.columns[0].dtype, dataset.columns[0].shape) == ("array", shape[1:])
    assert any("put their channels last: numpy.moveaxis(x, 1, -1)" in note for note in dataset.notes) == noted


def test_npz_words_in_bytes(resolve, rows, tmp_path):
    words = np.array(["é".encode(), b"b"])[np.arange(60) % 2]
    save_npz(tmp_path, x=np.arange(60), word=words, y=words)
    dataset = resolve(npz={"path": "a.npz", "features": ["x", "word"]})
    assert dataset.label.classes == ("b", "é") and rows(dataset)[0] == {"x": 0, "word": "é", "y": "é"}


def test_what_is_no_npz_is_named(resolve, tmp_path):
    np.save(tmp_path / "a.npy", np.arange(9))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x", "hello")
        archive.writestr("y", "hello")
    with pytest.raises(ConfigError, match="is a single array .*save inputs and labels in one file"):
        resolve(npz={"path": "a.npy"})
    with pytest.raises(ConfigError, match="'x' of .*a.npz is no array of NumPy"):
        resolve(npz={"path": "a.npz"})


_OF_TWO_KINDS = {
    "x_train": np.ones((9, 4, 4), np.uint8), "y_train": np.arange(9),
    "x_test": np.ones((9, 4, 4)), "y_test": np.arange(9).astype(str),
}  # fmt: skip


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ({"x": np.arange(5), "z": np.arange(5)}, {}, "has no array 'y'; its arrays are x, z"),
        ({"x": np.arange(5), "y": np.arange(4)}, {}, "has 5 rows of 'x' but 4 labels"),
        ({"x": np.array([{}, []], dtype=object), "y": np.arange(2)}, {}, "holds pickled objects, which could run code"),
        ({"x": np.ones((9, 4, 4)), "y": np.arange(9)}, {"images": True}, "images must be uint8"),
        ({"x": np.arange(9), "y": np.array(3)}, {}, "Array 'y' of .*a.npz is a single value; save an array with one"),
        ({"x": np.arange(9), "y": np.arange(9)}, {"test_features": ["a", "b"]}, "npz.test_features has 2 keys"),
        ({"x": np.arange(9), "y": np.arange(9)}, {"features": ["x", "y"]}, "lists 'y', which is the label"),
        ({"x": np.arange(9), "y": np.zeros((9, 2, 2))}, {}, "Labels 'y' of .*a.npz have the shape .9, 2, 2."),
        ({"x": np.arange(9), "y": np.array([b"\xff"] * 9)}, {}, "Array 'y' of .* holds bytes that are no UTF-8"),
        ({"x": np.zeros((9, 0)), "y": np.arange(9)}, {}, "the rows of 'x' are empty"),
        (_OF_TWO_KINDS, {}, "Train and test rows of 'x' in .* are not alike: uint8 .9, 4, 4. and float64"),
        ({**_OF_TWO_KINDS, "x_test": _OF_TWO_KINDS["x_train"]}, {}, "Train and test labels in .* are not alike: int64"),
    ],
)
def test_bad_npz(resolve, tmp_path, arrays, options, message):
    save_npz(tmp_path, **arrays)
    with pytest.raises(ConfigError, match=message):
        resolve(npz={"path": "a.npz", **options})


def test_truncated_npz(resolve, write, tmp_path):
    save_npz(tmp_path, x=np.arange(5), y=np.arange(5))
    write("a.npz", (tmp_path / "a.npz").read_bytes()[:-40])
    with pytest.raises(ConfigError, match="is not a complete .npz archive"):
        resolve(npz={"path": "a.npz"})


def test_npz_that_promises_what_it_does_not_hold(resolve, tmp_path):
    def header(rows):
        text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({rows}, 9), }}".ljust(117) + "\n"
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()

    for content, sentence in (
        (header(10**15), "does not fit into memory"),
        (header(10), "is damaged"),
        (header(10**5) + bytes(8 * 9 * 10**4), "is damaged"),
    ):
        with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.npy", content)
            archive.writestr("y.npy", content)
        with pytest.raises(ConfigError, match=sentence):
            resolve(npz={"path": "a.npz"})


def test_surface_lies_where_the_workshop_has_it(shared_data):
    from kerasline.components.datasets.named.surface import surface

    for name in ("train", "test"):
        x1, x2, y = np.loadtxt(shared_data / f"regression_surface/dataRegression_{name}.csv", delimiter=",").T
        assert surface(x1, x2) == pytest.approx(y, abs=1e-6)


def test_generated_surface(resolve, rows):
    from kerasline.components.datasets.named.surface import surface

    still = resolve(dataset="regression_surface", options={"size": 200, "noise": 0})
    assert infer_task(still.label) == "regression"
    found = rows(still)
    assert all(row["y"] == pytest.approx(surface(row["x1"], row["x2"])) for row in found) and len(found) == 200
    noisy = rows(resolve(dataset="regression_surface", options={"size": 2000, "noise": 0.5}))
    errors = np.array([row["y"] - surface(row["x1"], row["x2"]) for row in noisy])
    assert errors.std() == pytest.approx(0.5, rel=0.1)
    other = resolve(dataset="regression_surface", seed=1, options={"size": 200, "noise": 0})
    assert other.fingerprint != still.fingerprint
    assert resolve(dataset="regression_surface", options={"size": 200, "noise": 0}).to_json() == still.to_json()


@pytest.mark.parametrize("options", [{"size": 5}, {"size": "many"}, {"noise": -1}, {"noise": True}, {"seed": -1}])
def test_impossible_surfaces(resolve, options):
    with pytest.raises(ConfigError, match=rf"data.options.{next(iter(options))} must be a"):
        resolve(dataset="regression_surface", options=options)


def test_whole_labels_of_another_split_may_be_fractions(resolve, tmp_path):
    x, y = np.arange(120.0).reshape(40, 3), np.arange(40) % 2
    save_npz(tmp_path, x_train=x, y_train=y, x_test=x[:10], y_test=y[:10].astype(np.float32))
    dataset = resolve(npz={"path": "a.npz"})
    assert (dataset.label.classes, dataset.rows) == (("0", "1"), 50)
