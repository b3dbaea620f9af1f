"""A CSV of images as people have it: paths from other folders on, Windows' slashes, ids, and rows that lead nowhere."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from kerasline.components.core import ConfigError
from kerasline.components.datasets.images import examine
from kerasline.components.datasets.images.listed_paths import place_problem
from kerasline.components.datasets.images.png import encode_png

BLOCK = {"path": "photos", "labels_csv": "labels.csv"}


def image(number: int = 0) -> bytes:
    return encode_png(np.random.default_rng(number).integers(0, 256, (5, 6, 3), np.uint8))


@pytest.fixture
def photos(write):
    """Writes twelve images, and a CSV of what is given for each of them."""

    def call(form: str, *more: str, ending: str = ".png", encoding: str = "utf-8") -> None:
        for number in range(12):
            write(f"photos/all/{number:02d}{ending}", image(number))
        lines = [f"{form.format(number)},{'ab'[number % 2]}" for number in range(12)]
        write("labels.csv", "\n".join(["path,label", *lines, *more, ""]).encode(encoding))

    return call


@pytest.mark.parametrize(
    "form",
    ["all/{:02d}.png", "./all/{:02d}.png", "photos/all/{:02d}.png", "./photos/all/{:02d}.png", "all\\{:02d}.png",
     "photos\\all\\{:02d}.png", "all/{:02d}", "photos/all/{:02d}", "/kaggle/input/x/all/{:02d}.png",
     "C:\\Users\\me\\all\\{:02d}.png", "D:/data/all/{:02d}"],
)  # fmt: skip
def test_the_images_are_found(resolve, rows, photos, form):
    photos(form)
    dataset = resolve(images=BLOCK)
    assert [(row["image"], row["label"]) for row in rows(dataset)] == [(image(n), "ab"[n % 2]) for n in range(12)]
    assert dataset.skipped == ()


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_letters_may_be_composed_in_another_way(resolve, rows, photos, write, forms):
    photos("all/{:02d}.png")
    in_folder, in_csv = (unicodedata.normalize(form, "Fähre") for form in forms)
    for number in range(12):
        write(f"photos/{in_folder}/{number:02d}.png", image(number))
    lines = [f"{in_csv}/{number:02d},{'ab'[number % 2]}" for number in range(12)]
    write("labels.csv", "\n".join(["path,label", *lines, ""]))
    dataset = resolve(images=BLOCK)
    assert len(rows(dataset)) == 12 and dataset.skipped == ()


def test_classes_that_differ_in_capitals_alone_are_noted(resolve, photos):
    photos("all/{:02d}.png", "all/00.png,B")
    assert any("classes 'b' and 'B' differ in capitals or spaces alone" in note for note in resolve(images=BLOCK).notes)


def test_both_kinds_of_slashes_in_one_csv(resolve, rows, photos):
    photos("all/{:02d}.png", *(f"all\\{number:02d}.png,c" for number in range(12)))
    assert len(rows(resolve(images=BLOCK))) == 24


def test_folders_of_another_machine_are_noted(resolve, photos, tmp_path):
    photos("/kaggle/input/x/all/{:02d}.png", "/kaggle/input/y/all/00.png,a")
    dataset = resolve(images=BLOCK)
    assert f"labels.csv names images from /kaggle/input/x on, which is taken for {tmp_path}/photos" in dataset.notes
    assert [line.split(": ")[-1] for line in dataset.skipped] == ["outside of the data folder"]
    photos("photos/all/{:02d}.png")
    assert not any("names images from" in note for note in resolve(images=BLOCK).notes)


def test_what_was_left_out_is_told_where_the_rest_cannot_be_learned(resolve, photos, write):
    photos("all/{:02d}.png")
    lines = [f"all/{number:02d}.png,{'ab'[number > 11]}" for number in range(20)]
    write("labels.csv", "\n".join(["path,label", *lines, ""]))
    with pytest.raises(
        ConfigError, match=r"only one class, 'a'.* Left out before: labels.csv line 14, .* \(and 7 more\)"
    ):
        resolve(images=BLOCK)


def test_endings_may_be_in_capitals(resolve, rows, photos):
    photos("all/{:02d}", ending=".JPG")
    assert len(rows(resolve(images=BLOCK))) == 12


def test_a_csv_of_a_spreadsheet_is_read(resolve, rows, photos):
    photos("all/{:02d}.png", encoding="utf-16")
    assert len(rows(resolve(images=BLOCK))) == 12


def test_rows_that_lead_to_no_image_are_listed(resolve, rows, photos, tmp_path):
    photos("all/{:02d}.png", ",a", "all,a", "https://x.y/1.png,a", "all/99.png,b", "all/00.png", "/etc/passwd,a")
    dataset = resolve(images=BLOCK)
    assert [line.split(", ", 1)[1] for line in dataset.skipped] == [
        ": no image is named",
        "all: a folder and no image",
        "https://x.y/1.png: an address of the network; fetch the images into the folder",
        f"all/99.png: File not found: {tmp_path}/photos/all/99.png",
        "/etc/passwd: outside of the data folder",
        "expected 2 cells",
    ]
    assert len(rows(dataset)) == 12


def test_images_that_are_listed_twice_or_not_at_all_are_noted(resolve, photos, write):
    photos("all/{:02d}.png", "all/00.png,a", "all/01.png,a")
    write("photos/all/forgotten.png", image(50))
    notes = resolve(images=BLOCK).notes
    assert "2 images are listed more than once in labels.csv, 1 of them with different labels" in notes
    assert "1 image beside those that labels.csv lists have no row there" in notes


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("{:02d}.png", r"File not found.*photos/00\.png\. There is .*photos/all/00\.png: name its folder under images"),
        ("{:02d}", r"There is .*photos/all/00\.png: name its folder"),
        ("C:\\data\\{:02d}.png", r"There is .*photos/all/00\.png"),
        ("all/{:02d}.PNG", r"File not found.*all/00\.PNG\. Did you mean '00\.png'"),
        ("/{:02d}.png", "outside of the data folder"),
    ],
)
def test_where_no_image_is_found_it_is_told_where_they_are(resolve, photos, form, message):
    photos(form)
    with pytest.raises(ConfigError, match=rf"No image of .*labels\.csv can be used; correct its paths.*{message}"):
        resolve(images=BLOCK)


def test_a_csv_without_rows_and_one_without_the_column_are_told(resolve, photos, write):
    photos("all/{:02d}.png")
    with pytest.raises(ConfigError, match=r"has no column 'file' of image paths.* Its columns are path, label\."):
        resolve(images={**BLOCK, "path_column": "file"})
    write("labels.csv", b"path,label\n")
    with pytest.raises(ConfigError, match=r"labels\.csv lists no image; check that the right file was named"):
        resolve(images=BLOCK)


def test_what_no_file_can_be_called_leads_nowhere(tmp_path):
    for cell in ("a\0b", "x" * 300):
        assert place_problem(cell, tmp_path / cell, tmp_path) == "no name that a file may have"
    assert examine(b"\0", True, 1e6).problem == "cannot be decoded (not an image)"
