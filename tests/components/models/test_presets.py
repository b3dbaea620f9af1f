"""What is told of a preset of KerasHub by its JSON alone: which it is, and why one may not be loaded."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from kerasline.components.core import ConfigError
from kerasline.components.models import HubOptions, InputSpec, check_inputs, check_parts, preset_digest, read_preset

BERT = {"module": "keras_hub.src.models.bert.bert_backbone", "class_name": "BertBackbone"}
TOKENIZER = {"module": "keras_hub.src.models.bert.bert_tokenizer", "class_name": "BertTokenizer", "config": {}}
RESNET = {"module": "keras_hub.src.models.resnet.resnet_backbone", "class_name": "ResNetBackbone", "config": {}}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a preset as KerasHub 0.32 does, with empty weights."""

    def preset(**files: Any) -> Path:
        config = {**BERT, "config": {"vocabulary_size": 30, "max_sequence_length": 64}}
        contents = {"config": config, "tokenizer": TOKENIZER, **files}
        for name, content in contents.items():
            if content is not None:
                (tmp_path / f"{name}.json").write_text(json.dumps(content))
        with h5py.File(tmp_path / "model.weights.h5", "w") as file:
            file["vars"] = np.zeros(3)
        (tmp_path / "assets" / "tokenizer").mkdir(parents=True)
        (tmp_path / "assets" / "tokenizer" / "vocabulary.txt").write_text("[PAD]\n[UNK]\n")
        return tmp_path

    return preset


def test_a_preset_says_what_it_reads(write: Callable[..., Path]) -> None:
    found = read_preset(write())
    assert (found.kind, found.backbone, found.vocabulary_size, found.longest) == ("tokens", "BertBackbone", 30, 64)


def test_a_preset_of_images_says_how_pixels_are_scaled(write: Callable[..., Path]) -> None:
    converter = {"image_size": [16, 8], "scale": [0.1, 0.2, 0.3], "offset": None, "crop_to_aspect_ratio": False}
    found = read_preset(write(config=RESNET, tokenizer=None, image_converter={"config": converter}))
    assert (found.kind, found.image_size, found.scale, found.offset) == ("image", (16, 8), (0.1, 0.2, 0.3), (0.0,))
    assert found.resizing == {"crop_to_aspect_ratio": False}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"tokenizer": {**TOKENIZER, "class_name": "RobertaTokenizer"}}, "cut into word pieces .*got RobertaTokenizer"),
        ({"tokenizer": None}, "got no tokenizer.json"),
        ({"config": {"architectures": ["BertModel"], "vocab_size": 30}}, "it names no class; convert the model"),
        ({"config": {**RESNET, "module": "os"}}, "config.json asks for 'ResNetBackbone' of 'os', which would run code"),
        ({"task": {"layers": [{"module": "keras.layers", "class_name": "Lambda"}]}}, "task.json asks for 'Lambda'"),
    ],
    ids=["byte pairs", "no tokenizer", "of another library", "a foreign class", "a Lambda"],
)
def test_what_cannot_be_used_is_refused(write: Callable[..., Path], files: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_preset(write(**files))


def test_weights_in_other_files_are_refused(write: Callable[..., Path], tmp_path: Path) -> None:
    folder = write()
    with h5py.File(folder / "model.weights.h5", "w") as file:
        file["vars"] = h5py.ExternalLink("/etc/elsewhere.h5", "x")
    with pytest.raises(ConfigError, match="a link into another file"):
        read_preset(folder)
    (folder / "model.weights.h5").unlink()
    with pytest.raises(ConfigError, match="no model.weights.h5"):
        read_preset(folder)


def test_each_file_counts_for_the_digest(write: Callable[..., Path]) -> None:
    folder = write()
    before = preset_digest(folder)
    (folder / "notes.md").write_text("of no account")
    assert preset_digest(folder) == before
    (folder / "assets" / "tokenizer" / "vocabulary.txt").write_text("[PAD]\n[UNK]\nfilm\n")
    assert preset_digest(folder) != before


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ([InputSpec("features", "dense", (2,))], "BertBackbone reads text, but no column of the data is one"),
        ([InputSpec("t", "tokens", (9,), vocabulary_size=1002)], "word pieces of its own, but features.t has others"),
        ([InputSpec("t", "tokens", (65,), vocabulary_size=31)], "features.t.length: expected at most 64"),
        ([InputSpec("t", "tokens", (9,), vocabulary_size=31)] * 2, "the data has 2"),
    ],
    ids=["no text", "the recipe's own words", "too long", "two texts"],
)
def test_inputs_that_do_not_suit_are_refused(write: Callable[..., Path], inputs: list[InputSpec], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_inputs(HubOptions(preset=str(write())), inputs)


def test_what_is_not_installed_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras_hub", None)  # as where it is not installed
    with pytest.raises(ConfigError, match=r"model.family: hub needs KerasHub.*make setup HUB=1"):
        check_parts(HubOptions(preset="tiny"))
