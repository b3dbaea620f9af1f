"""Rows and pictures without TensorFlow."""

from __future__ import annotations

import gzip
import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kerasline.components.explanations.showing.pictures import overlay, picture, thumbnail
from kerasline.components.explanations.showing.rows import read_rows, sample_records
from kerasline.components.explanations.showing.showing import show_row


def field(number: int, payload: bytes) -> bytes:
    """A length-delimited field of a protocol buffer, short ones only."""
    assert len(payload) < 128
    return bytes([number << 3 | 2, len(payload)]) + payload


def example(**columns: bytes) -> bytes:
    """A serialized tf.Example, written by hand as the wire format has it."""
    entries = b"".join(field(1, field(1, name.encode()) + field(2, value)) for name, value in columns.items())
    return field(1, entries)


def words(*values: str) -> bytes:
    return field(1, b"".join(field(1, value.encode()) for value in values))


def floats(*values: float) -> bytes:
    return field(2, field(1, struct.pack(f"<{len(values)}f", *values)))


def ints(*values: int) -> bytes:
    return field(3, field(1, bytes(values)))


def write(folder: Path, name: str, records: list[bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with gzip.open(folder / name, "wb") as file:
        for record in records:
            file.write(struct.pack("<Q", len(record)) + b"crc!" + record + b"crc!")


def test_a_sample_is_drawn_from_the_whole_split_and_the_same_each_time(tmp_path: Path) -> None:
    rows = [example(count=ints(number)) for number in range(100)]
    write(tmp_path / "Split-train", "data-00000-of-00002.gz", rows[:60])
    write(tmp_path / "Split-train", "data-00001-of-00002.gz", rows[60:])
    drawn = sample_records(tmp_path, "train", 20)
    assert len(drawn) == 20 and list(drawn) == sorted(drawn)
    assert all(rows[position] == record for position, record in drawn.items())
    assert min(drawn) < 30 and max(drawn) >= 70
    assert sample_records(tmp_path, "train", 20) == drawn
    assert list(sample_records(tmp_path, "train", 500)) == list(range(100))


def test_every_part_of_a_split_has_its_share_of_a_sample(tmp_path: Path) -> None:
    rows = [example(count=ints(number % 128)) * 40 for number in range(20_000)]  # of more than one chunk
    write(tmp_path / "Split-train", "data.gz", rows)
    drawn = sample_records(tmp_path, "train", 1000)
    assert len(drawn) == 1000
    assert all(rows[position] == record for position, record in drawn.items())
    tenths = np.bincount(np.array(list(drawn)) // 2000, minlength=10)
    assert tenths.min() > 65 and tenths.max() < 135, "100 give or take four standard deviations"


def test_rows_are_found_across_files_in_their_order(tmp_path: Path) -> None:
    rows = [example(town=words(town), size=floats(size), count=ints(number)) for number, (town, size) in enumerate(
        [("Ulm", 1.5), ("Köln", 2.5), ("Bonn", 3.5)], 1)]  # fmt: skip
    write(tmp_path / "Split-eval", "data-00001-of-00002.gz", rows[2:])
    write(tmp_path / "Split-eval", "data-00000-of-00002.gz", rows[:2])
    write(tmp_path / "Split-eval", ".half-written", [b"junk"])
    assert read_rows(tmp_path, "eval", [1, 2, 9]) == {
        1: {"town": ["Köln".encode()], "size": [2.5], "count": [2]},
        2: {"town": [b"Bonn"], "size": [3.5], "count": [3]},
    }


def test_rows_are_what_tensorflow_reads(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    message = tf.train.Example()
    message.features.feature["x"].float_list.value.extend([1.0, 2.0, 3.0])
    message.features.feature["id"].int64_list.value.append(-(2**40))
    path = str(tmp_path / "Split-eval" / "data.gz")
    (tmp_path / "Split-eval").mkdir()
    with tf.io.TFRecordWriter(path, tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
        writer.write(message.SerializeToString())
    assert read_rows(tmp_path, "eval", [0]) == {0: {"x": [1.0, 2.0, 3.0], "id": [-(2**40)]}}


def test_a_row_for_people() -> None:
    columns = [
        {"name": "town", "dtype": "string", "shape": [], "unit": None},
        {"name": "area", "dtype": "float", "shape": [], "unit": "m²"},
        {"name": "photo", "dtype": "image", "shape": [2, 2, 1], "unit": None},
    ]
    shown = show_row({"town": [b"Ulm" * 100], "area": [62.70000076], "photo": [b"broken"]}, columns)
    assert shown["image"] is None
    assert shown["values"][1] == ["area", "62.7 m²"]
    assert len(shown["values"][0][1]) == 120
    assert show_row({}, columns)["values"][0] == ["town", "missing"]


def test_large_images_become_small_ones() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (3000, 1500), "red").save(buffer, format="JPEG")
    png = thumbnail(buffer.getvalue())
    assert png is not None
    with Image.open(io.BytesIO(png)) as small:
        assert small.size == (160, 80) and small.getpixel((5, 5))[0] > 240


def test_small_images_keep_square_pixels() -> None:
    with Image.open(io.BytesIO(picture(np.array([[0.0, 1.0], [2.0, 4.0]])))) as image:
        assert image.size == (64, 64)
        assert [image.getpixel(place) for place in ((0, 0), (63, 0), (0, 63), (63, 63))] == [0, 64, 128, 255]


def test_heat_is_orange_over_grey() -> None:
    heat = np.zeros((2, 2))
    heat[0, 0] = 1.0
    with Image.open(io.BytesIO(overlay(np.full((64, 64, 1), 0.5), heat))) as image:
        red, _, blue = image.getpixel((0, 0))
        assert red > 2 * blue
        assert len(set(image.getpixel((63, 63)))) == 1


def test_what_is_no_image_is_none() -> None:
    assert thumbnail(b"") is None and thumbnail(b"\x89PNG\r\n\x1a\n broken") is None
