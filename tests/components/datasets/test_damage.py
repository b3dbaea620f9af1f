"""With ``images.check: header`` a damaged image is met within the run: it is named, and what to do."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kerasline.components.datasets.damage import explain_damage, is_about_images
from kerasline.components.datasets.description.spec import Dataset
from kerasline.components.datasets.images.png import encode_png

ADVICE = "; images.check: decode finds such images before the run, leaves them out and lists them"
WHOLE = encode_png(np.arange(192, dtype=np.uint8).reshape(8, 8, 3))
PIXELS = b"IDATno pixels"
# Its parts are there to the last, and what should be pixels are none.
DAMAGED = WHOLE[:33] + struct.pack(">I", 9) + PIXELS + struct.pack(">I", zlib.crc32(PIXELS)) + WHOLE[-12:]


@pytest.fixture
def pets(write: Callable[..., Path]) -> Path:
    """Writes cats and dogs, one of them damaged behind its header."""
    for number in range(12):
        for kind in ("cat", "dog"):
            pixels = np.full((8, 8, 3), number * 7 + len(kind), np.uint8)
            pixels[0, 0] = 0 if kind == "cat" else 255
            write(f"pets/{kind}/{number:02d}.png", encode_png(pixels))
    return write("pets/dog/05.png", DAMAGED)


def test_the_image_of_a_folder_is_named(resolve: Callable[..., Dataset], pets: Path) -> None:
    dataset = resolve(images={"path": "pets", "check": "header"})
    assert dataset.rows == 24
    sentence = explain_damage(dataset)
    assert sentence.startswith(f"image {pets}: cannot be decoded (") and sentence.endswith(ADVICE)


def test_the_line_of_a_table_is_named(
    resolve: Callable[..., Dataset], pets: Path, write: Callable[..., Path], tmp_path: Path
) -> None:
    names = [f"{kind}/{number:02d}.png,{kind}" for number in range(12) for kind in ("cat", "dog")]
    write("pets.csv", "path,label\n" + "\n".join(names) + "\n")
    dataset = resolve(images={"path": "pets", "check": "header", "labels_csv": "pets.csv"})
    sentence = explain_damage(dataset)
    assert sentence.startswith(f"image 12 of {tmp_path}/pets.csv: cannot be decoded (") and sentence.endswith(ADVICE)


def test_where_none_is_found_it_says_so(resolve: Callable[..., Dataset], pets: Path) -> None:
    dataset = resolve(images={"path": "pets", "check": "header"})
    pets.unlink()
    assert explain_damage(dataset) == f"an image of the data cannot be decoded{ADVICE}"


@pytest.mark.parametrize(
    "content", [DAMAGED, b"\xff\xd8\xff\xe0" + bytes(40), b"GIF89a" + bytes(5), b"BM" + bytes(60), b"none", b""]
)
def test_what_tensorflow_says_of_an_image_is_recognised(content: bytes) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError) as refusal:
        tf.io.decode_image(content, channels=3, expand_animations=False)
    assert is_about_images(str(refusal.value))
    with pytest.raises(tf.errors.InvalidArgumentError) as refusal:
        tf.function(lambda image: tf.io.decode_image(image, channels=3, expand_animations=False))(tf.constant(content))
    assert is_about_images(str(refusal.value))


def test_other_errors_are_not_about_images() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError) as refusal:
        tf.reshape(tf.range(5), (2, 3))
    assert not is_about_images(str(refusal.value))
