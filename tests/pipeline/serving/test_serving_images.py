"""Images over HTTP: what a client sends is read as the files that the model was fitted on."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kerasline.components.registry import push_version
from kerasline.pipeline.serving.json_body import BadRequest
from tests.pipeline.serving.serving_process import Running

PREDICT = "/v1/models/corner:predict"
RECORD: dict[str, Any] = {
    "recipe": "corner",
    "task": "regression",
    "classes": None,
    "arguments": {"image": "image"},
    "columns": [{"name": "image", "dtype": "image", "shape": [16, 32, 1], "missing": 0, "unit": None}],
    "label": {"name": "light", "columns": ["light"]},
    "reading": {},
    "main_metric": "mae",
}


def save_corner(path: Path) -> Path:
    """Saves a model whose ``value`` is the mean of the upper left quarter of a grey image."""
    import tensorflow as tf

    def light(content: tf.Tensor) -> tf.Tensor:
        pixels = tf.io.decode_image(content, channels=1, expand_animations=False)
        return tf.reduce_mean(tf.cast(pixels[:8, :16], tf.float32))

    class Corner(tf.Module):
        @tf.function(input_signature=[{"image": tf.TensorSpec([None], tf.string, name="image")}])
        def serving_raw(self, columns: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            return {"value": tf.map_fn(light, columns["image"], fn_output_signature=tf.float32)}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serving_default(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
            raw = tf.io.parse_example(examples, {"image": tf.io.FixedLenFeature([], tf.string)})
            return self.serving_raw(raw)

    module = Corner()
    signatures = {"serving_raw": module.serving_raw, "serving_default": module.serving_default}
    tf.saved_model.save(module, str(path), signatures=signatures)
    return path


@pytest.fixture(scope="module")
def corner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("corner")
    push_version(folder / "workspace" / "models" / "corner", save_corner(folder / "model"), RECORD, keep=5)
    server = Running(folder / "workspace")
    yield server
    server.stop()


def photograph(form: str, mode: str = "L", orientation: int = 1, **options: Any) -> bytes:
    """A picture with a bright upper left quarter; turned ones are stored as a camera held upright stores them."""
    picture = Image.new("L", (32, 16), 20)
    picture.paste(220, (0, 0, 16, 8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = picture.transpose(Image.Transpose.ROTATE_90) if orientation == 6 else picture
    stream = io.BytesIO()
    stored.convert(mode).save(stream, form, exif=exif, **options)
    return stream.getvalue()


RAW = {"signature_name": "serving_raw"}
PNG = base64.b64encode(photograph("PNG")).decode()


@pytest.mark.parametrize("signature", ["serving_raw", "serving_default"])
@pytest.mark.parametrize(
    "content",
    [
        photograph("PNG"),
        photograph("JPEG", orientation=6),
        photograph("JPEG", "CMYK"),
        photograph("WEBP", "RGB", 6, quality=95),
        photograph("TIFF", "L", 6),
        photograph("AVIF", "RGB", quality=95),
        photograph("BMP"),
        photograph("GIF"),
    ],
    ids=["png", "turned jpeg", "cmyk jpeg", "turned webp", "turned tiff", "avif", "bmp", "gif"],
)
def test_images_are_read_as_files_are(corner: Running, content: bytes, signature: str) -> None:
    code, answer = corner.ask(PREDICT, {"signature_name": signature, "instances": [{"b64": sent(content, signature)}]})
    assert code == 200, answer
    assert answer["predictions"] == [pytest.approx(220, abs=6)]


def sent(content: bytes, signature: str) -> str:
    """Writes an image as a request has it, by itself or in a tf.Example."""
    import tensorflow as tf

    if signature == "serving_default":
        example = tf.train.Example()
        example.features.feature["image"].bytes_list.value.append(content)
        content = example.SerializeToString()
    return base64.b64encode(content).decode()


@pytest.mark.parametrize("written", [base64.encodebytes, base64.urlsafe_b64encode, base64.b64encode])
def test_base64_in_lines_for_addresses_and_without_its_end_is_read(corner: Running, written: Any) -> None:
    content = photograph("PNG") + b"\xff\xfe>?"  # so that all letters, and signs to fill up, are in it
    text = written(content).decode()
    assert "\n" in text or "_" in text or "=" in text
    code, answer = corner.ask(PREDICT, {"signature_name": "serving_raw", "instances": [{"b64": text.rstrip("=")}]})
    assert (code, answer) == (200, {"predictions": [220]})


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"instances": [{"b64": PNG}]}, "example 0: expected a serialized .* images among them, take .*serving_raw"),
        ({**RAW, "instances": [{"b64": PNG}, {"b64": ""}]}, "the image of row 1 cannot be used: empty file"),
        ({**RAW, "instances": [{"b64": PNG[:100]}]}, "the image of row 0 cannot be used: cannot be decoded"),
        (
            {**RAW, "instances": [{"b64": PNG[:-8]}]},
            r"row 0 cannot be used: cannot be decoded \(image file is truncated\)",
        ),
        (
            {**RAW, "instances": [PNG]},
            "not an image.; it is text in base64, and an image is sent as .*b64.: its file in",
        ),
        ({**RAW, "instances": [f"data:image/png;base64,{PNG}"]}, "it is text in base64, and an image is sent as"),
        ({**RAW, "instances": [[[[0, 0, 0]]]]}, "expecting shape .None,. but got: .1, 1, 1, 3.; an image is sent as"),
    ],
)
def test_what_is_no_image_is_refused(corner: Running, request_: dict[str, Any], message: str) -> None:
    code, answer = corner.ask(PREDICT, request_)
    assert code == 400 and re.search(message, answer["error"]), answer


def test_a_class_is_not_told_by_scores_that_are_no_numbers() -> None:
    from kerasline.pipeline.serving.inferring import _check_scores

    _check_scores({"scores": np.ones((3, 2)), "class": np.array([b"a"] * 3)})
    _check_scores({"value": np.array([np.nan])})
    with pytest.raises(BadRequest, match="row 1: the model answers with a number that is not finite"):
        _check_scores({"scores": np.array([[0.5, 0.5], [0.5, np.nan]])})
