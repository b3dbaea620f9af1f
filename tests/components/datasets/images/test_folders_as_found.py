"""Folders of images as people have them: what systems leave in them, and classes that are not where they belong."""

from __future__ import annotations

import io
import unicodedata

import numpy as np
import pytest
from PIL import Image

from kerasline.components.core import ConfigError
from kerasline.components.datasets.images.png import encode_png
from kerasline.components.profiling.sampling.images import sample_images


def image(number: int = 0) -> bytes:
    return encode_png(np.random.default_rng(number).integers(0, 256, (5, 6, 3), np.uint8))


@pytest.fixture
def folder(write):
    """Writes folders of six images each."""

    def call(*names: str) -> None:
        for place, name in enumerate(names):
            for number in range(6):
                write(f"pets/{name}/{number}.png", image(10 * place + number))

    return call


def test_what_systems_leave_is_passed_over(resolve, rows, folder, write):
    folder("cat", "dog")
    for name in ("__MACOSX/cat/._0.png", "Thumbs.db", "cat/Thumbs.db", "cat/desktop.ini", "cat/._0.png", ".DS_Store",
                 "@eaDir/cat/0.png", "$RECYCLE.BIN/1.png", "__pycache__/a.pyc"):  # fmt: skip
        write(f"pets/{name}", b"\0\5\x16\7")
    dataset = resolve(images={"path": "pets"})
    assert dataset.label.classes == ("cat", "dog") and len(rows(dataset)) == 12
    assert dataset.skipped == ()


def test_a_folder_without_images_beside_train_and_test_is_listed(resolve, folder, write):
    folder("train/cat", "train/dog", "test/cat", "test/dog")
    write("pets/docs/read.txt", b"x")
    dataset = resolve(images={"path": "pets"})
    assert dataset.label.classes == ("cat", "dog") and dataset.split.method == "source"
    assert dataset.skipped == ("docs: neither train, test nor eval, and without images",)


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("all/pets/cat", "all/pets/dog"), {None}),
        (("data/train/cat", "data/train/dog", "data/val/dog"), {None, "eval"}),
        (("Training_Set/all/cat", "Training_Set/all/dog", "test-data/dog", "dev/cat"), {None, "test", "eval"}),
    ],
)
def test_folders_around_classes_and_names_of_splits(resolve, rows, folder, write, names, splits):
    folder(*names)
    write("pets/README.md", b"about the images")
    dataset = resolve(images={"path": "pets"})
    assert dataset.label.classes == ("cat", "dog") and len(rows(dataset)) == 6 * len(names)
    assert {shard.get("split") for shard in dataset.shards} == splits
    assert dataset.skipped == ("README.md: not in a class folder",)


def test_a_table_beside_folders_of_images_is_told_by_a_first_look(folder, write, tmp_path):
    folder("all/cat", "all/dog")
    write("pets/train.csv", "id,label\n0,cat\n")
    told = "train.csv beside the folders is not read; if it has the labels, name it under images.labels_csv"
    assert told in sample_images(tmp_path / "pets").remarks


def test_masks_among_images_are_noted(resolve, folder, write):
    folder("cat", "Masks")
    write("pets/cat/0_mask.png", image())
    notes = resolve(images={"path": "pets"}).notes
    assert "the folder Masks seems to hold masks of the images, not images of a class" in notes
    assert any("1 image seems to be a mask of one beside it, such as 0_mask.png; move" in note for note in notes)


def test_folders_that_are_links_to_elsewhere_are_told(resolve, folder, tmp_path):
    folder("cat", "dog")
    (tmp_path / "linked").mkdir()
    for name in ("cat", "dog"):
        (tmp_path / "linked" / name).symlink_to(tmp_path / "pets" / name)
    with pytest.raises(ConfigError, match="linked has no class folders; cat: a link that leads out of the data folder"):
        resolve(images={"path": "linked"})


def test_a_class_may_be_called_train(resolve, folder):
    folder("train", "bus")
    assert resolve(images={"path": "pets"}).label.classes == ("bus", "train")


def test_a_class_is_one_however_its_letters_are_composed(resolve, rows, folder):
    composed, apart = (unicodedata.normalize(form, "müsli") for form in ("NFC", "NFD"))
    folder(f"train/{composed}", "train/dog", f"test/{apart}", "test/dog")
    dataset = resolve(images={"path": "pets"})
    assert dataset.label.classes == ("dog", composed)
    assert [row["label"] for row in rows(dataset)].count(composed) == 12


def test_classes_that_differ_in_capitals_alone_are_noted(resolve, folder):
    folder("Cat", "cat", "dog")
    notes = resolve(images={"path": "pets"}).notes
    assert any(note.startswith("classes 'Cat' and 'cat' differ in capitals or spaces alone") for note in notes)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("train/cat", "test/cat", "cat", "dog"),
         r"pets has folders of splits \(test, train\) and folders of images beside them \(cat, dog\), so it is open"),
        (("all/cat", "all/dog", "bus"), r"all has no usable image.* It has folders \(cat, dog\), not images.*/all"),
        (("test/cat", "test/dog"), "pets has test but no train folder; add one"),
        (("seg_train/cat", "seg_test/cat"), r"seg_test has no usable image.* It has folders \(cat\), not images"),
        (("train/Cat", "train/dog", "test/cat", "test/dog"), "Class 'cat' is in the test .* Did you mean 'Cat'"),
        (("train/cat", "train/dog", "test"), "test has no class folders.* move test elsewhere for now"),
        (("cat",), "pets has images of only one class, 'cat', so there is nothing to learn; add a folder"),
    ],
)  # fmt: skip
def test_classes_that_are_not_where_they_belong_are_told(resolve, folder, names, message):
    folder(*names)
    with pytest.raises(ConfigError, match=message):
        resolve(images={"path": "pets"})


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("0.heic", b"", r"1 of its files end in \.heic, but only \.png, .* are read; convert or rename them"),
        ("0", image(), r"have no ending such as \.png"),
        (
            "0.jpg",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n",
            r"a pointer of Git LFS .* git lfs pull",
        ),
        ("0.jpg", b"\0\0\0\x18ftypheic" + bytes(40), "it is a HEIC or AVIF image"),
        ("0.png", b"<?xml version='1.0'?><svg></svg>", "it is an SVG drawing"),
        ("0.png", b"", "The first of its images, 0.png: empty file"),
    ],
)
def test_a_class_without_an_image_says_why(resolve, folder, write, name, content, message):
    folder("cat", "dog")
    write(f"pets/cow/{name}", content)
    with pytest.raises(ConfigError, match=f"cow has no usable image; fill it.*{message}"):
        resolve(images={"path": "pets"})


def test_images_that_are_turned_in_a_folder_with_capitals_are_read(resolve, rows, folder, write):
    folder("cat", "dog")
    turned, out = Image.Exif(), io.BytesIO()
    turned[0x0112] = 6
    Image.new("RGB", (6, 5)).save(out, "JPEG", exif=turned)
    write("pets/cat/PHOTO 1.JPG", out.getvalue())
    dataset = resolve(images={"path": "pets"})
    assert len(rows(dataset)) == 13 and "1 image is turned as EXIF data says" in " ".join(dataset.notes)
