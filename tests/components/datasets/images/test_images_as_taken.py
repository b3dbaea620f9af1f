"""Images as cameras and scanners write them: deep ones, turned ones, printed ones; and what only looks like a file."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kerasline.components.datasets.images.image_check import check, eight_bits, examine, plain_bytes, plain_image
from kerasline.components.features.column_options import ColumnOptions
from kerasline.components.features.plan import FeatureStep

RAMP = np.arange(48, dtype=np.uint16).reshape(6, 8)


def encoded(values: Any, form: str = "PNG", **options: Any) -> bytes:
    """Encodes an array or a PIL image."""
    stream = io.BytesIO()
    (values if isinstance(values, Image.Image) else Image.fromarray(values)).save(stream, form, **options)
    return stream.getvalue()


def turned(orientation: int, form: str = "JPEG") -> bytes:
    """A picture with a bright corner at the top left, stored as a camera held otherwise stores it."""
    upright = Image.new("L", (32, 16), 20)
    upright.paste(220, (0, 0, 16, 8))
    undo = {1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90,
            8: Image.Transpose.ROTATE_270}[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(upright if undo is None else upright.transpose(undo), form, exif=exif)


@pytest.fixture
def scans(write: Any) -> Any:
    """Writes grey images of 12 of 16 bits in two classes."""

    def call(scale: int = 85) -> None:
        for number in range(20):
            write(f"scans/a/{number}.png", encoded(RAMP * scale + np.uint16(number)))
            write(f"scans/b/{number}.png", encoded(RAMP[::-1].copy() * scale + np.uint16(number)))

    return call


@pytest.mark.parametrize(
    ("scale", "levels"), [(1, 255), (20, 1023), (85, 4095), (1300, 65535)], ids=["8", "10", "12", "16"]
)
def test_the_levels_of_deep_images_are_found(resolve: Any, scans: Any, scale: int, levels: int) -> None:
    scans(scale)
    dataset = resolve(images={"path": "scans"})
    assert (dataset.columns[0].levels, dataset.columns[0].shape) == (levels, (6, 8, 1))
    noted = any("40 images have 16 bits a channel; their pixels are divided by" in note for note in dataset.notes)
    assert noted == (levels < 65535)


def test_headers_alone_leave_all_sixteen_bits(resolve: Any, scans: Any) -> None:
    scans()
    assert resolve(images={"path": "scans", "check": "header"}).columns[0].levels == 65535


def test_colour_images_of_sixteen_bits(resolve: Any, write: Any) -> None:
    tf = pytest.importorskip("tensorflow")
    for number in range(20):
        pixels = np.stack([RAMP + np.uint16(number), RAMP * 2, RAMP * 80], axis=2)
        write(f"scans/{'ab'[number % 2]}/{number}.png", tf.io.encode_png(pixels).numpy())
    assert resolve(images={"path": "scans"}).columns[0].levels == 4095


@pytest.mark.parametrize("size", [(6, 8), (3, 4)])
def test_the_graph_sees_all_bits(size: tuple[int, int]) -> None:
    tf = pytest.importorskip("tensorflow")
    from kerasline.components.transform.images import decode_images

    deep, plain = RAMP * 85, (RAMP * 5).astype(np.uint8)
    step = FeatureStep(
        name="image", kind="image", dtype="image", shape=(*size, 1), levels=4095, options=ColumnOptions()
    )  # fmt: skip
    found = decode_images(tf.constant([encoded(deep), encoded(plain), encoded(plain, "JPEG", quality=100)]), step)
    found = found.numpy()[..., 0]
    if size == (6, 8):
        np.testing.assert_allclose(found[0], deep / 4095, rtol=1e-6)
        np.testing.assert_allclose(found[1], plain / 255, rtol=1e-6)
        np.testing.assert_allclose(found[2], plain / 255, atol=0.05)
    assert found[0].max() > 0.8 and len(np.unique(found[0])) == size[0] * size[1]


@pytest.mark.parametrize("levels", [None, 4095])
def test_images_without_alpha_among_those_with_it_are_opaque(levels: int | None) -> None:
    tf = pytest.importorskip("tensorflow")
    from kerasline.components.transform.images import decode_images

    colours = Image.new("RGB", (8, 6), (200, 60, 20))
    step = FeatureStep(
        name="image", kind="image", dtype="image", shape=(6, 8, 4), levels=levels, options=ColumnOptions()
    )  # fmt: skip
    contents = [encoded(colours, form) for form in ("JPEG", "PNG")] + [encoded(colours.convert("RGBA"))]
    found = decode_images(tf.constant(contents), step).numpy()
    np.testing.assert_allclose(found, np.broadcast_to([200 / 255, 60 / 255, 20 / 255, 1], found.shape), atol=0.02)


@pytest.mark.parametrize("lost", [1, 12, 20])
def test_a_png_without_its_end_is_damaged_as_tensorflow_has_it(lost: int) -> None:
    tf = pytest.importorskip("tensorflow")
    content = encoded(RAMP * 85)[:-lost]
    with Image.open(io.BytesIO(content)) as image:
        image.load()  # which Pillow reads
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.io.decode_image(content)
    for decode in (True, False):
        assert examine(content, decode, 1e6).problem == "cannot be decoded (image file is truncated)"
    assert not examine(encoded(RAMP * 85) + b"more", True, 1e6).problem


def test_deep_images_are_turned_where_they_are_grey() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(RAMP * 85, exif=exif)
    checked = examine(content, True, 1e6)
    assert (checked.shape, checked.turned, checked.levels) == ((8, 6, 1), True, 4095)
    with Image.open(io.BytesIO(plain_image(content))) as image:
        np.testing.assert_array_equal(np.asarray(image), np.rot90(RAMP * 85, -1))
    colours = np.stack([RAMP * 85] * 3, axis=2)
    tf = pytest.importorskip("tensorflow")
    deep = tf.io.encode_png(colours).numpy()
    with_exif = deep[:33] + content[33 : content.index(b"IDAT") - 4] + deep[33:]  # behind the header
    assert b"eXIf" in with_exif
    checked = examine(with_exif, True, 1e6)
    assert (checked.shape, checked.turned, plain_image(with_exif)) == ((6, 8, 3), False, with_exif)


def test_pictures_of_deep_images_are_not_white() -> None:
    with Image.open(io.BytesIO(encoded(RAMP * 85))) as image:
        assert np.asarray(eight_bits(image)).max() == 47 * 85 * 255 // 4095


@pytest.mark.parametrize("orientation", [1, 2, 3, 6, 8])
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_images_are_turned_as_their_camera_was(tmp_path: Path, orientation: int, form: str) -> None:
    (tmp_path / "x").write_bytes(turned(orientation, form))
    checked = check(tmp_path / "x", tmp_path, True, 1e6)
    assert (checked.shape, checked.turned) == ((16, 32, 1), orientation != 1)
    content = plain_bytes(tmp_path / "x")
    assert (content == turned(orientation, form)) == (orientation == 1)
    with Image.open(io.BytesIO(content)) as image:
        pixels = np.asarray(image)
    assert pixels[:6, :14].min() > 200 and pixels[10:].max() < 40, "the bright corner is at the top left"


def test_turned_images_are_told_of(resolve: Any, rows: Any, write: Any) -> None:
    for number in range(12):
        write(f"pets/{'ab'[number % 2]}/{number}.jpg", turned(6 if number < 4 else 1))
    dataset = resolve(images={"path": "pets"})
    assert any(note.startswith("4 images are turned as EXIF data says") for note in dataset.notes)
    assert {Image.open(io.BytesIO(row["image"])).size for row in rows(dataset)} == {(32, 16)}


def test_cmyk_becomes_colour(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    colours = Image.new("RGB", (16, 16), (200, 60, 20))
    (tmp_path / "x").write_bytes(encoded(colours.convert("CMYK"), "JPEG", quality=95))
    for channels in (1, 3):
        pixels = tf.io.decode_image(plain_bytes(tmp_path / "x"), channels=channels).numpy()
        wanted = np.asarray(colours.convert("L" if channels == 1 else "RGB")).reshape(16, 16, channels)
        assert np.abs(pixels.astype(int) - wanted).max() <= 4


def test_pipes_devices_and_circles_are_listed_and_not_opened(resolve: Any, write: Any, tmp_path: Path) -> None:
    for number in range(40):
        write(f"pets/{'ab'[number % 2]}/{number}.png", encoded(RAMP.astype(np.uint8) + np.uint8(number)))
    os.mkfifo(tmp_path / "pets/a/fifo.png")
    (tmp_path / "pets/a/self.png").symlink_to("self.png")
    (tmp_path / "pets/a/gone.png").symlink_to("nothing.png")
    (tmp_path / "pets/a/zero.png").symlink_to("/dev/zero")
    (tmp_path / "pets/c").symlink_to("c")
    assert set(resolve(images={"path": "pets"}).skipped) == {
        "a/fifo.png: no file but a pipe or a device", "a/self.png: a link that leads in circles",
        "a/gone.png: a link to nothing", "a/zero.png: a link that leads out of the data folder",
        "c: not in a class folder",
    }  # fmt: skip
    table = "path,label\n" + "".join(f"{'ab'[n % 2]}/{n}.png,{'ab'[n % 2]}\n" for n in range(40))
    write("pets/t.csv", table + "a/fifo.png,a\na/self.png,b\na/nowhere.png,a\n")
    skipped = resolve(images={"path": "pets", "labels_csv": "t.csv"}).skipped
    assert [line.split(": ", 1)[1][:30] for line in skipped] == [
        "no file but a pipe or a device", "a link that leads in circles", f"File not found: {tmp_path}"[:30],
    ]  # fmt: skip


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("form", ["WEBP", "TIFF", "AVIF"])
def test_other_formats_become_upright_png(orientation: int, form: str) -> None:
    content = turned(orientation, form)
    assert examine(content, True, 1e6).shape[:2] == (16, 32)
    plain = plain_image(content)
    with Image.open(io.BytesIO(plain)) as image:
        assert image.format == "PNG"
        pixels = np.asarray(image.convert("L"))
    assert pixels[:6, :14].min() > 200 and pixels[10:].max() < 40, "the bright corner is at the top left"


@pytest.mark.parametrize("form", ["GIF", "WEBP", "TIFF"])
def test_the_first_of_several_frames_or_pages_is_taken(form: str) -> None:
    first, second = (Image.new("RGB", (8, 6), colour) for colour in ((250, 0, 0), (0, 250, 0)))
    lossless = {"lossless": True} if form == "WEBP" else {}
    plain = plain_image(encoded(first, form, save_all=True, append_images=[second], **lossless))
    with Image.open(io.BytesIO(plain)) as image:
        assert np.asarray(image.convert("RGB"))[0, 0].tolist() == [250, 0, 0]


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_scans_of_sixteen_bits_keep_them(resolve: Any, rows: Any, write: Any, order: str) -> None:
    deep = (RAMP * 85).astype(order)
    for number in range(12):
        write(f"scans/{'ab'[number % 2]}/{number:02}.tif", encoded(deep + np.array(number, order), "TIFF"))
    dataset = resolve(images={"path": "scans"})
    assert dataset.columns[0].levels == 4095
    with Image.open(io.BytesIO(rows(dataset)[0]["image"])) as image:
        assert image.format == "PNG"
        np.testing.assert_array_equal(np.asarray(image), deep)


def test_measurements_of_other_kinds_are_refused(resolve: Any, write: Any) -> None:
    for number in range(12):
        write(
            f"scans/{'ab'[number % 2]}/{number}.tiff", encoded((RAMP * 4).astype(np.uint8) + np.uint8(number), "TIFF")
        )
    write("scans/a/floats.tiff", encoded(RAMP.astype(np.float32), "TIFF"))
    write("scans/a/wide.tiff", encoded(RAMP.astype(np.int32), "TIFF"))
    dataset = resolve(images={"path": "scans"})
    advice = "save it as PNG of 8 or 16 bits"
    assert dataset.skipped == (
        f"a/floats.tiff: its pixels are of the kind F; {advice}",
        f"a/wide.tiff: its pixels are of the kind I; {advice}",
    )


def test_the_graph_sees_dark_images_of_sixteen_bits() -> None:
    tf = pytest.importorskip("tensorflow")
    from kerasline.components.transform.images import decode_images

    step = FeatureStep(
        name="image", kind="image", dtype="image", shape=(6, 8, 1), levels=255, options=ColumnOptions()
    )  # fmt: skip
    found = decode_images(tf.constant([encoded(RAMP)]), step).numpy()[0, ..., 0]
    np.testing.assert_allclose(found, RAMP / 255, rtol=1e-6)
