"""Folders of images as they are found: every kind of damage is listed, none of it stops or crashes."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets import infer_task
from kerasline.components.datasets.images import image_check
from kerasline.components.datasets.images.png import encode_png


def image(number=0, size=(6, 5), mode="RGB", form="PNG", **options) -> bytes:
    values = np.random.default_rng(number).integers(0, 256, (*size, 4), np.uint8)
    out = io.BytesIO()
    if mode == "I;16":
        Image.fromarray(values[..., 0].astype(np.uint16) * 257).save(out, form)
        return out.getvalue()
    Image.fromarray(values).convert("RGB" if mode in ("P", "CMYK") else "RGBA").convert(mode).save(out, form, **options)
    return out.getvalue()


@pytest.fixture
def folder(write):
    """Writes cats and dogs, twenty each."""
    for number in range(20):
        write(f"pets/cat/{number:02d}.png", image(number))
        write(f"pets/dog/{number:02d}.png", image(100 + number))
    return write


def test_class_folders(resolve, rows, folder):
    dataset = resolve(images={"path": "pets"})
    assert (dataset.kind, dataset.rows, dataset.columns[0].shape) == ("image", 40, (6, 5, 3))
    assert dataset.label.classes == ("cat", "dog") and infer_task(dataset.label) == "binary"
    found = rows(dataset)
    assert found[3] == {"image": image(3), "label": "cat"} and found[-1] == {"image": image(119), "label": "dog"}
    assert dataset.skipped == () and dataset.notes == ()


@pytest.mark.parametrize("names", [("FAUX", "VRAI"), ("False", "True"), ("false", "true")])
def test_folders_lists_and_arrays_named_by_truth_are_their_own_classes(resolve, rows, write, tmp_path, names):
    listed = []
    for number in range(40):
        write(f"answers/{names[number % 2]}/{number:02d}.png", image(number))
        listed.append(f"{names[number % 2]}/{number:02d}.png,{names[number % 2]}\n")
    write("answers.csv", "".join(["file,said\n", *listed]).encode())
    of_folders = resolve(images={"path": "answers"})
    assert of_folders.label.classes == names
    assert {row["label"] for row in rows(of_folders)} == set(names)
    listing = {"path": "answers", "labels_csv": "answers.csv", "path_column": "file", "label_column": "said"}
    np.savez(tmp_path / "a.npz", x=np.arange(40, dtype=np.float32), y=np.array(names * 20))
    for dataset in (resolve(images=listing), resolve(npz={"path": "a.npz"})):
        assert {row[dataset.label.name] for row in rows(dataset)} == set(dataset.label.classes)


def test_everything_that_cannot_be_used_is_listed(resolve, rows, folder, tmp_path):
    good, jpeg = image(), image(7, (64, 64), "RGB", "JPEG")
    corrupt = bytearray(image(9, (64, 64)))
    corrupt[200:260] = bytes(60)
    folder("pets/cat/truncated.jpg", jpeg[: len(jpeg) // 2])
    folder("pets/cat/truncated.png", good[:-40])
    folder("pets/cat/corrupt.png", bytes(corrupt))
    folder("pets/cat/empty.png", b"")
    folder("pets/cat/text.png", b"<html>not found</html>")
    folder("pets/cat/other.png", image(1, form="PPM"))
    folder("pets/cat/notes.txt", b"hello")
    folder("pets/cat/.DS_Store", b"")
    folder("pets/cat/more/deep.png", good)
    folder("pets/readme.md", b"hello")
    folder("outside/secret.png", good)
    (tmp_path / "pets/cat/link.png").symlink_to(tmp_path / "outside/secret.png")
    (tmp_path / "pets/cat/within.png").symlink_to(tmp_path / "pets/cat/00.png")
    (tmp_path / "pets/foreign").symlink_to(tmp_path / "outside")
    dataset = resolve(images={"path": "pets"})
    assert dataset.rows == 41 and dataset.label.classes == ("cat", "dog")
    listed = dict(line.split(": ", 1) for line in dataset.skipped)
    assert set(listed) == {
        *(f"cat/{name}" for name in ("truncated.jpg", "truncated.png", "corrupt.png", "empty.png", "text.png",
                                     "other.png", "notes.txt", "more", "link.png")),
        "readme.md",
        "foreign",
    }  # fmt: skip
    assert "truncated" in listed["cat/truncated.jpg"] and "cannot be decoded" in listed["cat/truncated.png"]
    assert "cannot be decoded" in listed["cat/corrupt.png"]
    assert listed["cat/empty.png"] == "empty file"
    assert listed["cat/text.png"] == "cannot be decoded (not an image)"
    assert listed["cat/other.png"] == "is PPM; save it as PNG or JPEG"
    assert listed["cat/notes.txt"] == "not an image by its name"
    assert listed["cat/more"] == "a folder within a class folder; 1 image in it is not read"
    assert listed["readme.md"] == "not in a class folder"
    assert listed["cat/link.png"] == listed["foreign"] == "a link that leads out of the data folder"
    assert [row["image"] for row in rows(dataset)].count(image(0)) == 2


def bomb(width: int, height: int) -> bytes:
    """A small PNG file that claims to be huge."""
    plain = encode_png(np.zeros((1, 1), np.uint8))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    return plain[:12] + chunk + struct.pack(">I", zlib.crc32(chunk)) + plain[33:]


@pytest.mark.parametrize("check", ["decode", "header"])
def test_zip_bombs_of_pixels_are_listed_and_not_decoded(resolve, folder, check):
    folder("pets/cat/bomb.png", bomb(60_000, 60_000))
    folder("pets/cat/large.png", bomb(8_000, 7_000))
    dataset = resolve(images={"path": "pets", "check": check})
    assert dataset.rows == 40
    assert dataset.skipped == (
        "cat/bomb.png: more pixels than the limit of 50 megapixels",
        "cat/large.png: 8000×7000 pixels, above the limit of 50 megapixels",
    )


def test_many_bad_files_are_counted(resolve, folder):
    for number in range(130):
        folder(f"pets/dog/bad{number:03d}.png", b"x")
    skipped = resolve(images={"path": "pets"}).skipped
    assert len(skipped) == 101 and skipped[-1] == "... and 30 more"


def test_an_empty_class_folder_is_an_error_or_listed(resolve, folder, tmp_path):
    (tmp_path / "pets/fish").mkdir()
    with pytest.raises(ConfigError, match="Class folder .*fish has no usable image; fill it, remove it, or set"):
        resolve(images={"path": "pets"})
    dataset = resolve(images={"path": "pets", "empty_classes": "skip"})
    assert dataset.skipped == ("fish: class folder without a usable image",) and dataset.label.classes == ("cat", "dog")


def test_kinds_sizes_and_channels(resolve, rows, folder):
    folder("pets/cat/grey.jpg", image(1, (9, 30), "L", "JPEG"))
    folder("pets/cat/alpha.png", image(2, mode="RGBA"))
    folder("pets/cat/moving.gif", image(3, mode="P", form="GIF"))
    folder("pets/cat/old.bmp", image(4, mode="RGB", form="BMP"))
    folder("pets/cat/UPPER.PNG", image(5, mode="I;16"))
    dataset = resolve(images={"path": "pets"})
    assert dataset.rows == 45 and dataset.columns[0].shape == (6, 5, 3)
    assert dataset.notes == (
        "images differ in size (height × width): from 6×5 to 9×30",
        "images differ in channels: grey, colour, colour with alpha",
    )
    starts = {row["image"][:4] for row in rows(dataset)}
    assert starts == {b"\x89PNG", b"\xff\xd8\xff\xe0"}
    pixels = [np.asarray(Image.open(io.BytesIO(row["image"]))) for row in rows(dataset)]
    expected = np.asarray(Image.open(io.BytesIO(image(4))))
    assert any(p.shape == expected.shape and (p == expected).all() for p in pixels)


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("RGBA", 4), ("LA", 1), ("P", 3)])
def test_channels_where_all_images_agree(resolve, write, mode, channels):
    for number in range(12):
        for label in ("a", "b"):
            write(f"i/{label}/{number}.png", image(number + ord(label), mode=mode))
    assert resolve(images={"path": "i"}).columns[0].shape == (6, 5, channels)


def test_train_test_and_validation_folders(resolve, split_rows, write):
    for split, count in (("train", 10), ("test", 4), ("Validation", 3)):
        for label in ("a", "b"):
            for number in range(count):
                write(f"i/{split}/{label}/{number}.png", image(number + 100 * ord(label) + 10_000 * count))
    dataset = resolve(images={"path": "i"})
    assert dataset.split.fractions == {"train": 1.0, "eval": 0.0, "test": 0.0}
    assert {split: len(rows) for split, rows in split_rows(dataset).items()} == {"train": 20, "eval": 6, "test": 8}
    with pytest.raises(ConfigError, match="The source brings its own eval set, so split.eval 0.2 cannot be kept"):
        resolve(images={"path": "i"}, split={"eval": 0.2})
    write("i/test/c/1.png", image())
    with pytest.raises(
        ConfigError, match="Class 'c' is in the test or eval images of .* but not in those for training"
    ):
        resolve(images={"path": "i"})


def test_train_and_validation_folders_leave_a_test_part_to_take(resolve, split_rows, write):
    for number in range(100):
        write(f"i/train/{'ab'[number % 2]}/{number}.png", image(number))
    for number in range(10):
        write(f"i/val/{'ab'[number % 2]}/{number}.png", image(200 + number))
    found = split_rows(resolve(images={"path": "i"}))
    assert len(found["eval"]) == 10 and len(found["train"]) + len(found["test"]) == 100
    assert 3 <= len(found["test"]) <= 20


def test_real_photographs(resolve, rows, shared_data):
    photos = shared_data / "photos10"
    by_folder = resolve(data_dir=photos, images={"path": "."})
    by_path = resolve(data_dir=photos, images={"path": "train", "test_path": "test"})
    assert by_folder.rows == by_path.rows == 2000
    assert by_folder.label.classes == (
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    )  # fmt: skip
    tests = [shard for shard in by_path.shards if shard.get("split") == "test"]
    assert sum(shard["rows"] for shard in tests) == 500
    assert [row["label"] for row in rows(by_folder)].count("bird") == 200


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pets/only.png", "pets has no class folders; put the images into one folder a class .* It has images"),
        ("pets/test/cat/1.png", "pets has test but no train folder"),
        ("elsewhere/1.png", "File not found: .*pets"),
    ],
)
def test_other_layouts_are_refused(resolve, write, name, message):
    write(name, image())
    with pytest.raises(ConfigError, match=message):
        resolve(images={"path": "pets"})


def test_images_that_come_or_go_after_resolving_are_noticed(resolve, rows, folder, tmp_path):
    dataset = resolve(images={"path": "pets"})
    folder("pets/cat/later.png", image())
    with pytest.raises(ConfigError, match=r"The images in .*cat changed while the run was reading them; run again"):
        rows(dataset)
    (tmp_path / "pets/cat/later.png").unlink()
    assert len(rows(dataset)) == 40


def test_fingerprint_follows_content_names_and_not_the_place(resolve, folder, tmp_path):
    first = resolve(images={"path": "pets"})
    (tmp_path / "pets").rename(tmp_path / "moved")
    assert resolve(images={"path": "moved"}).fingerprint == first.fingerprint
    (tmp_path / "moved/cat/00.png").rename(tmp_path / "moved/dog/cat00.png")
    assert resolve(images={"path": "moved"}).fingerprint != first.fingerprint


def test_limit_takes_some_of_every_class(resolve, rows, folder):
    dataset = resolve(images={"path": "pets"}, limit=20)
    assert [row["label"] for row in rows(dataset)] == ["cat"] * 10 + ["dog"] * 10


def test_a_table_of_paths_and_labels(resolve, rows, split_rows, folder, tmp_path):
    lines = [f"cat/{n:02d}.png,{n / 2},p{n % 5}" for n in range(20)] + [
        f"dog/{n:02d}.png,{n + 30},p{n}" for n in range(20)
    ]
    folder("pets/cat/broken.png", b"x")
    folder("secret.png", image())
    bad = ["cat/broken.png,1,p1", "dog/0.png,2,p1", "../secret.png,3,p1", "dog/01.png,,p1"]
    folder("pets/labels.csv", "file,age,owner\n" + "\n".join(lines + bad) + "\n")
    options = {"path": "pets", "labels_csv": "labels.csv", "path_column": "file", "label_column": "age"}
    dataset = resolve(images=options, split={"method": "group", "column": "owner", "seed": 3})
    assert infer_task(dataset.label) == "regression" and (dataset.label.minimum, dataset.label.maximum) == (0.0, 49.0)
    assert [line.split(", ", 1)[1].split(";")[0] for line in dataset.skipped] == [
        "cat/broken.png: cannot be decoded (not an image)",
        f"dog/0.png: File not found: {tmp_path}/pets/dog/0.png",
        "../secret.png: outside of the data folder",
        "dog/01.png: row without a label",
    ]
    assert rows(dataset)[3] == {"image": image(3), "age": 1.5}
    assert all(set(row) == {"image", "age"} for row in split_rows(dataset)["train"])
    assert len(rows(resolve(images=options, limit=10))) == 10


def test_a_table_without_usable_images(resolve, folder):
    folder("pets/labels.csv", "path,label\ncat/99.png,a\n")
    with pytest.raises(ConfigError, match=r"No image of .*labels.csv can be used; .* The first: labels.csv line 2"):
        resolve(images={"path": "pets", "labels_csv": "labels.csv"})
    with pytest.raises(ConfigError, match="has no column 'name' of image paths"):
        resolve(images={"path": "pets", "labels_csv": "labels.csv", "path_column": "name"})


def test_tensorflow_decodes_every_kind_with_the_channels_that_were_found(tmp_path):
    tf = pytest.importorskip("tensorflow")
    kinds = [(mode, "PNG") for mode in ("1", "L", "LA", "I;16", "P", "RGB", "RGBA")]
    kinds += [("L", "JPEG"), ("RGB", "JPEG"), ("CMYK", "JPEG"), ("RGB", "MPO"), ("P", "GIF"), ("L", "GIF")]
    kinds += [(mode, "BMP") for mode in ("1", "L", "P", "RGB", "RGBA")]
    for mode, form in kinds:
        content = image(1, mode=mode, form=form)
        checked = image_check.examine(content, True, 5e7)
        (tmp_path / "image").write_bytes(content)
        given = image_check.plain_bytes(tmp_path / "image")
        decoded = tf.io.decode_image(given, channels=checked.shape[2], expand_animations=False)
        assert (tuple(decoded.shape), checked.problem) == (checked.shape, ""), (mode, form)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("transparent", [False, True])
def test_pixels_of_few_bits_are_seen_through_only_where_the_file_says_so(bits, transparent):
    tf = pytest.importorskip("tensorflow")
    picture = Image.fromarray((np.arange(30).reshape(6, 5) % 2**bits).astype(np.uint8), "P")
    picture.putpalette([value % 256 for value in range(0, 3 * 37 * 2**bits, 37)])
    out = io.BytesIO()
    picture.save(out, "PNG", bits=bits, **({"transparency": 1} if transparent else {}))
    assert out.getvalue()[24] == bits
    given = tf.io.decode_png(image_check.plain_image(out.getvalue()), channels=4).numpy()
    np.testing.assert_array_equal(given, np.asarray(Image.open(out).convert("RGBA")))


def test_any_bytes_give_a_reason_and_no_exception(tmp_path):
    rng = np.random.default_rng(0)
    originals = [image(1), image(2, mode="L", form="JPEG"), image(3, mode="P", form="GIF"), image(4, form="BMP")]
    for number in range(200):
        content = bytearray(originals[number % 4])
        for _ in range(int(rng.integers(1, 20))):
            content[int(rng.integers(len(content)))] = int(rng.integers(256))
        checked = image_check.examine(bytes(content[: int(rng.integers(1, len(content) + 1))]), True, 5e7)
        assert (checked.shape is None) == bool(checked.problem)


@pytest.mark.parametrize(
    ("labels", "values"),
    [
        ([f"{n * 37 + 900:,}" for n in range(16)], [900.0, 937.0, 974.0, 1011.0]),
        ([f"{n},5" for n in range(16)], [0.5, 1.5, 2.5, 3.5]),
        ([f"{n / 2}%" for n in range(16)], [0.0, 0.5, 1.0, 1.5]),
        (["True", "false"] * 8, ["true", "false", "true", "false"]),
    ],
)
def test_labels_of_a_table_of_images_are_read_by_evidence(resolve, rows, tmp_path, labels, values):
    lines = []
    for n, label in enumerate(labels):
        Image.new("L", (4, 4), n).save(tmp_path / f"{n}.png")
        lines.append(f'{n}.png,"{label}"\n')
    (tmp_path / "labels.csv").write_text("path,label\n" + "".join(lines))
    dataset = resolve(images={"path": ".", "labels_csv": "labels.csv"})
    assert [row["label"] for row in rows(dataset)[:4]] == values
    assert (dataset.label.classes is None) is isinstance(values[0], float)
