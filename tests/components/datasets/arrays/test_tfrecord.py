"""TFRecords of tf.Examples; the only source that needs TensorFlow to be read."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from PIL import Image

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets import infer_task
from kerasline.components.datasets.arrays.feature_scan import FeatureScan, Values
from kerasline.components.datasets.images.png import encode_png
from kerasline.components.features import plan_features

tf = pytest.importorskip("tensorflow")


def example(**values) -> bytes:
    features = tf.train.Features()
    for name, value in values.items():
        listed = list(value) if isinstance(value, list | tuple) else [value]
        if isinstance(listed[0], bytes):
            features.feature[name].bytes_list.value.extend(listed)
        elif isinstance(listed[0], float):
            features.feature[name].float_list.value.extend(listed)
        else:
            features.feature[name].int64_list.value.extend(listed)
    return tf.train.Example(features=features).SerializeToString()


@pytest.fixture
def save(tmp_path):
    """Writes records, packed if the name says so."""

    def call(name, records):
        options = {".gz": "GZIP", ".zz": "ZLIB"}.get(name[-3:], "")
        with tf.io.TFRecordWriter(str(tmp_path / name), options) as writer:
            for record in records:
                writer.write(record)

    return call


def record(n, **more):
    return example(
        age=n, height=n / 2, word=f"w{n % 3}".encode(), series=[float(n), 1.0, 2.0], words=list(range(1, 2 + n % 4)),
        picture=encode_png(np.full((4, 6, 3), n, np.uint8)), y=n % 2, **more,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["a.tfrecord", "a.tfrecord.gz", "a.tfrecord.zz"])
def test_types_and_values(resolve, rows, save, name):
    save(name, [record(n) for n in range(40)])
    dataset = resolve(tfrecord={"path": name, "label": "y"})
    assert {c.name: (c.dtype, c.shape) for c in dataset.columns} == {
        "age": ("int", ()),
        "height": ("float", ()),
        "word": ("string", ()),
        "series": ("array", (3,)),
        "words": ("tokens", (4,)),
        "picture": ("image", (4, 6, 3)),
    }
    assert (dataset.kind, infer_task(dataset.label)) == ("image", "binary")
    assert {c.name: c.vocabulary_size for c in dataset.columns}["words"] == 5
    row = rows(dataset)[5]
    assert (row["age"], row["height"], row["word"], row["y"]) == (5, 2.5, "w2", 1)
    assert row["series"].tolist() == [5.0, 1.0, 2.0] and row["words"].tolist() == [1, 2, 0, 0]
    assert row["picture"] == encode_png(np.full((4, 6, 3), 5, np.uint8))


def test_missing_features_and_labels(resolve, rows, save):
    records = [example(x=n, z=1.5, y=n / 3) if n % 2 else example(x=n, y=n / 3) for n in range(30)]
    save("a.tfrecord", [*records, example(x=1), example(x=2, y=float("nan"))])
    save("t.tfrecord", [example(x=-1, y=0.5)] * 3)
    dataset = resolve(tfrecord={"path": "a.tfrecord", "test_path": "t.tfrecord", "label": "y"})
    assert dataset.rows == 33 and dataset.skipped == ("a.tfrecord: 2 records without 'y'",)
    assert {c.name: c.missing for c in dataset.columns} == {"x": 0, "z": 18}
    assert (dataset.label.minimum, infer_task(dataset.label)) == (0.0, "regression")
    assert [rows(dataset)[n].get("z") for n in (0, 1)] == [None, 1.5]


def test_chosen_features_and_limit(resolve, rows, save):
    save("a.tfrecord", [record(n) for n in range(40)])
    block = {"path": "a.tfrecord", "label": "y", "features": {"age": "float", "words": "tokens"}}
    found = rows(resolve(tfrecord=block, limit=20))
    assert len(found) == 20 and set(found[0]) == {"age", "words", "y"} and type(found[0]["age"]) is float
    dropped = resolve(tfrecord={"path": "a.tfrecord", "label": "y", "drop": ["age", "picture"]})
    assert {c.name for c in dropped.columns} == {"height", "word", "series", "words"}


@pytest.mark.parametrize(
    ("records", "options", "message"),
    [
        ([example(x=1, y=0)], {"label": "z"}, "has no feature 'z'; its features are x, y"),
        ([example(x=1.5, y=math.nan)], {}, "No record of .*a.tfrecord has a value of its label 'y'; name another"),
        ([example()], {}, "has no feature 'y'; its records have none"),
        ([example(x=1, y=0)], {"drop": ["w"]}, "has no feature 'w'; its features are x, y"),
        ([b"not an example"], {}, "Record 1 of .*a.tfrecord is not a tf.Example"),
        ([example(x=[1.0, 2.0], y=0), example(x=[1.0], y=1)], {}, "'x' has from 1 to 2 values a record, but an array"),
        ([example(x=b"\xff\xfe\x00", y=0)], {}, "'x' holds bytes that are neither text nor a PNG"),
        ([example(x=b"\x89PNG\r\n\x1a\nrest", y=0)], {}, "No image of feature 'x' can be used. The first: cannot be"),
        ([example(x=bytes(range(64)), y=0)], {}, "'x' holds bytes that are neither text nor a PNG"),
        ([example(x=[-1, 2], y=0), example(x=1, y=1)], {}, "'x' has the token id -1, but ids begin at 0"),
        ([example(x=1, y=b"\xff"), example(x=1, y=b"\xfe")], {}, "Label 'y' of .* holds bytes that are no text"),
        (
            [example(x=1, y=b"1"), example(x=1, y=1)],
            {},
            "Label 'y' of .* is text in some records and a number in others",
        ),
        (
            [example(x=1, y=0)],
            {"features": {"x": "int", "y": "int"}},
            "tfrecord.features lists 'y', which is the label",
        ),
        ([], {}, "a.tfrecord has no records; check that the right file was named"),
        ([example(x=1.5, y=0)], {"features": {"x": "int"}}, "'x' holds float values, which are not int"),
        ([example(x=[1, 2], y=0)], {"features": {"x": "int"}}, "up to 2 values a record, so it cannot be int"),
        ([example(x=1, y=[0, 1])], {}, "Label 'y' of .* has several values a record"),
        (
            [example(**{name: encode_png(np.zeros((2, 2), np.uint8)), "y": 0}) for name in "xz"],
            {},
            "No record of .*a.tfrecord has an image in each of [xz], [xz]; drop some of them",
        ),
    ],
)
def test_bad_records(resolve, save, records, options, message):
    save("a.tfrecord", records)
    with pytest.raises(ConfigError, match=message):
        resolve(tfrecord={"path": "a.tfrecord", "label": "y", **options})


def test_truncated_files(resolve, save, tmp_path):
    save("a.tfrecord", [record(n) for n in range(10)])
    path = tmp_path / "a.tfrecord"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ConfigError, match=r"a.tfrecord is damaged after record 9 \(.*\); copy or write it again"):
        resolve(tfrecord={"path": "a.tfrecord", "label": "y"})


def test_a_file_of_another_kind(resolve, write):
    write("a.tfrecord", "x,y\n1,2\n")
    with pytest.raises(ConfigError, match="a.tfrecord holds no record of a TFRecord file; check that the right file"):
        resolve(tfrecord={"path": "a.tfrecord", "label": "y"})


def test_sequences_are_refused_by_name(resolve, save):
    sequence = tf.train.SequenceExample()
    sequence.context.feature["y"].int64_list.value.append(1)
    sequence.feature_lists.feature_list["pulse"].feature.add().float_list.value.append(0.5)
    save("t.tfrecord", [record(1), sequence.SerializeToString()])
    with pytest.raises(ConfigError, match="Record 2 of .* is a SequenceExample with the feature lists pulse"):
        resolve(tfrecord={"path": "t.tfrecord", "label": "y"})


def test_deep_images_keep_their_levels(resolve, save):
    deep = [tf.io.encode_png(np.full((4, 4, 1), 1000 - n, np.uint16)).numpy() for n in range(30)]
    plain = [encode_png(np.full((4, 4), n, np.uint8)) for n in range(30)]
    save("t.tfrecord", [example(image=(deep if n % 2 else plain)[n], y=n % 2) for n in range(30)])
    assert resolve(tfrecord={"path": "t.tfrecord", "label": "y"}).columns[0].levels == 1023


def test_images_of_records_are_read_as_files_are(resolve, rows, save):
    picture = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8))
    upright = np.asarray(picture)
    stored = picture.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    for form, options in (("TIFF", {}), ("WEBP", {"lossless": True}), ("PNG", {})):
        stream = io.BytesIO()
        stored.save(stream, form, exif=exif, **options)
        save("t.tfrecord", [example(image=stream.getvalue(), n=n, y=n % 2) for n in range(30)])
        dataset = resolve(tfrecord={"path": "t.tfrecord", "label": "y"})
        assert next(c for c in dataset.columns if c.name == "image").dtype == "image"
        with Image.open(io.BytesIO(rows(dataset)[0]["image"])) as image:
            np.testing.assert_array_equal(np.asarray(image.convert("L")), upright)


def picture(n, **more):
    return Image.fromarray(np.full((6, 8 + n % 3, 3), 4 * n, np.uint8), **more)


def test_records_without_an_image_that_can_be_used_are_left_out(resolve, rows, save, tmp_path):
    def png(image):
        image.save(tmp_path / "x.png")
        return (tmp_path / "x.png").read_bytes()

    good = [png(picture(n) if n else picture(n).convert("L")) for n in range(40)]
    records = [example(image=content, n=n, y=n % 2) for n, content in enumerate(good)]
    records[3:7] = [example(image=good[3][:-20], n=3, y=1), example(image=b"", n=4, y=0), example(n=5, y=1),
                    example(image=b"GIF89a", n=6, y=0)]  # fmt: skip
    save("a.tfrecord", records)
    dataset = resolve(tfrecord={"path": "a.tfrecord", "label": "y"})
    column = next(column for column in dataset.columns if column.name == "image")
    assert (column.dtype, column.shape, column.missing) == ("image", (6, 8, 3), 0), "as of the same files in a folder"
    assert dataset.notes == (
        "images differ in size (height × width): from 6×8 to 6×10", "images differ in channels: grey, colour",
    )  # fmt: skip
    assert [row["n"] for row in rows(dataset)] == [0, 1, 2, *range(7, 40)]
    assert [line.split(": ", 1) for line in dataset.skipped] == [
        ["a.tfrecord record 4", "'image': cannot be decoded (image file is truncated)"],
        ["a.tfrecord record 5", "'image' is not an image"],
        ["a.tfrecord record 6", "no value in 'image'"],
        ["a.tfrecord record 7", "'image': cannot be decoded (not an image)"],
    ]


def test_shards_that_are_not_there_are_named(resolve, save):
    for shard in (0, 2):
        save(f"a.tfrecord-{shard:05}-of-00004", [example(x=n, y=n % 3 % 2) for n in range(shard, 120, 4)])
    dataset = resolve(tfrecord={"path": "a.tfrecord-*", "label": "y"})
    assert dataset.skipped == (
        "a.tfrecord-00001-of-00004 and 1 more: not there, though the names of the other files count it",
    )


def test_a_label_of_text_is_the_numbers_that_it_says(resolve, rows, save):
    save("a.tfrecord", [example(x=n, y=f"${n * 37 + 900:,}".encode()) for n in range(300)])
    dataset = resolve(tfrecord={"path": "a.tfrecord", "label": "y"})
    assert (dataset.label.dtype, dataset.label.minimum, dataset.label.maximum) == ("float", 900, 11_963)
    assert [row["y"] for row in rows(dataset)[:4]] == [900, 937, 974, 1011]
    save("b.tfrecord", [example(x=n, y=f"{n * 11 + 1_000:,}".encode()) for n in range(300)])
    with pytest.raises(ConfigError, match="in two ways: .* Write its numbers without marks between thousands"):
        resolve(tfrecord={"path": "b.tfrecord", "label": "y"})


def test_classes_and_columns_of_text_are_read_as_in_a_table(resolve, rows, save):
    said = [b"True", b"false", b"TRUE", b"FALSE"]
    makes = [b"BMW", b"BMW", b"Audi", b" ", b"Fiat"]
    records = [
        example(price=f"{n},{n % 10}".encode(), new=said[n % 4], make=makes[n % 5], sold=said[n % 4]) for n in range(80)
    ]
    save("a.tfrecord", records)
    dataset = resolve(tfrecord={"path": "a.tfrecord", "label": "sold"})
    assert dataset.label.classes == ("false", "true")
    assert [(row["sold"], row["new"]) for row in rows(dataset)[:2]] == [("true", "true"), ("false", "false")]
    steps = {step.name: step for step in plan_features(dataset, {}, "binary").steps}
    assert {name: step.kind for name, step in steps.items()} == {
        "price": "numeric", "new": "boolean", "make": "categorical",
    }  # fmt: skip
    assert steps["price"].number_form.decimal == ","
    by_make = resolve(tfrecord={"path": "a.tfrecord", "label": "make"})
    assert by_make.label.classes == ("Audi", "BMW", "Fiat")
    assert by_make.skipped == ("a.tfrecord: 16 records without 'make'",)


def test_text_with_a_stray_control_character_is_text(resolve, rows, save):
    words = [f"the words of row {n}".encode() + (b"\x1a" if n == 3 else b"\0\0") for n in range(40)]
    save("a.tfrecord", [example(x=word, y=n % 2) for n, word in enumerate(words)])
    dataset = resolve(tfrecord={"path": "a.tfrecord", "label": "y"})
    assert [column.dtype for column in dataset.columns] == ["string"]
    assert rows(dataset)[3]["x"] == "the words of row 3\x1a"
    assert rows(dataset)[4]["x"] == "the words of row 4\0\0", "as the model is given it by whoever asks it"


def test_zeros_alone_are_no_text(resolve, save):
    save("a.tfrecord", [example(x=n, y=n % 2, mask=bytes(8)) for n in range(40)])
    with pytest.raises(ConfigError, match="'mask' holds bytes that are neither text nor"):
        resolve(tfrecord={"path": "a.tfrecord", "label": "y"})


@pytest.mark.parametrize("turn", [1, -1])
def test_what_text_holds_does_not_depend_on_the_order_of_records(turn):
    scan = FeatureScan("x")
    for value in [b"ab\x01", *[b"7"] * 299][::turn]:
        scan.add(Values("bytes", [value]))
    assert scan.numbers.share == 299 / 300


def test_classes_of_the_test_files_alone_are_noted(resolve, save):
    save("train.tfrecord", [example(x=float(n), y=[b"cat", b"dog"][n % 2]) for n in range(40)])
    save("test.tfrecord", [example(x=float(n), y=[b"cat", b"eel"][n % 2]) for n in range(4)])
    dataset = resolve(tfrecord={"path": "train.tfrecord", "test_path": "test.tfrecord", "label": "y"})
    assert dataset.notes == ("eval or test rows alone are of 1 class that no model can learn: 'eel'",)
