"""Presets of KerasHub: folders that hold a network, its weights and how its input is prepared.

Light: reads the JSON beside the weights, and imports neither Keras nor KerasHub.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from kerasline.components.core import INSTALL_HUB, ConfigError, first_line, shown
from kerasline.components.models.description.hdf5 import check_weights

HUGGING_FACE, KAGGLE = "hf://", "kaggle://"
# Tokenizers whose operations hold their vocabulary themselves. Others keep it in a resource that no SavedModel takes.
WORD_PIECES = ("BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer")
_PACKAGES = {"keras_hub": "KerasHub", "tensorflow_text": "TensorFlow Text"}
_NETWORK, _TOKENIZER, _IMAGES = "config.json", "tokenizer.json", "image_converter.json"
_VOCABULARY = "assets/tokenizer/vocabulary.txt"
_RESIZING = ("interpolation", "crop_to_aspect_ratio", "pad_to_aspect_ratio")
_TRUSTED = ("keras", "keras_hub")
_COUNTED = (".json", ".txt", ".h5")


@dataclass(frozen=True)
class Preset:
    """What a preset's own files say of it.

    Attributes:
      folder: Where it is.
      backbone: Class of the network.
      vocabulary_size: How many pieces of words it knows, None where it reads images.
      longest: The most pieces that it reads, None where there is no limit.
      scale: What pixels from 0 to 255 are multiplied by: one number, or one for each channel.
      offset: What is added then.
      image_size: Height and width that it was trained at, None where it does not say.
      resizing: How images of another shape are brought to it: arguments of ``keras.layers.Resizing``.
    """

    folder: Path
    backbone: str
    vocabulary_size: int | None = None
    longest: int | None = None
    scale: tuple[float, ...] = (1 / 255,)
    offset: tuple[float, ...] = (0.0,)
    image_size: tuple[int, int] | None = None
    resizing: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The kind of input that it reads."""
        return "image" if self.vocabulary_size is None else "tokens"


def check_packages() -> None:
    """Raises ConfigError where KerasHub is not installed."""
    missing = [title for package, title in _PACKAGES.items() if importlib.util.find_spec(package) is None]
    if missing:
        raise ConfigError(
            f"model.family: hub needs {' and '.join(missing)}, which the lock does not have; install with: "
            f"{INSTALL_HUB}"
        )


def is_remote(preset: str) -> bool:
    """Says whether a preset is a handle of a hub and no folder."""
    return preset.startswith((HUGGING_FACE, KAGGLE))


def find_preset(preset: str, base_dir: Path) -> Path:
    """Returns the folder of a preset, and fetches it from its hub where it is not on this machine.

    Args:
      preset: A folder, or a handle such as ``hf://USER/NAME`` or ``kaggle://USER/MODEL/keras/NAME``.
      base_dir: Where a relative path starts.

    Raises:
      ConfigError: there is no such folder, or the hub does not give it.
    """
    if is_remote(preset):
        return _fetch(preset)
    folder = (base_dir / Path(preset).expanduser()).absolute()
    if not folder.is_dir():
        raise ConfigError(
            f"model.preset: expected a folder that KerasHub's save_to_preset has written, {HUGGING_FACE}USER/NAME or "
            f"{KAGGLE}USER/MODEL/keras/NAME, got {shown(preset)}, and there is no folder {folder}; check the path"
        )
    return folder


def _fetch(preset: str) -> Path:
    try:
        if preset.startswith(HUGGING_FACE):
            import huggingface_hub

            name, _, revision = preset.removeprefix(HUGGING_FACE).partition("@")
            patterns = [f"*{end}" for end in _COUNTED]
            return Path(huggingface_hub.snapshot_download(name, revision=revision or None, allow_patterns=patterns))
        import kagglehub

        return Path(kagglehub.model_download(preset.removeprefix(KAGGLE)))
    except Exception as error:
        reason = first_line(error)
        raise ConfigError(
            f"model.preset: {shown(preset)} could not be fetched ({reason}); check the handle and the network, or give "
            "a folder of this machine"
        ) from error


def read_preset(folder: Path) -> Preset:
    """Reads what a preset is, and refuses one that is no data alone, or whose text a SavedModel cannot read.

    Raises:
      ConfigError: names the file, what was expected and what came.
    """
    network = _read(folder, _NETWORK)
    backbone, config = str(network.get("class_name")), network.get("config", {})
    tokenizer, images = _read(folder, _TOKENIZER, {}), _read(folder, _IMAGES, {})
    for file in sorted(folder.glob("*.json")):
        _refuse_code(file.name, _read(folder, file.name))
    for file in sorted(folder.glob("*.h5")):
        check_weights(file)
    if not list(folder.glob("model*.h5")):
        raise ConfigError(f"model.preset: expected weights in {folder}, but it has no model.weights.h5; save it again")
    if not tokenizer and "vocabulary_size" not in config:
        return Preset(folder, backbone, **_image_values(images.get("config", {})))
    _check_tokenizer(folder, tokenizer)
    return Preset(folder, backbone, int(config["vocabulary_size"]), config.get("max_sequence_length"))


def _check_tokenizer(folder: Path, tokenizer: Mapping[str, Any]) -> None:
    found = tokenizer.get("class_name")
    if found not in WORD_PIECES:
        raise ConfigError(
            f"model.preset: expected a preset whose text is cut into word pieces ({', '.join(WORD_PIECES)}), got "
            f"{found or 'no tokenizer.json'} in {folder}: a SavedModel takes no other tokenizer along, and would not "
            "read the raw text; use one of BERT, DistilBERT or ELECTRA"
        )
    if not (folder / _VOCABULARY).is_file():
        raise ConfigError(f"model.preset: expected {_VOCABULARY} in {folder}, which is not there; save it again")


def _image_values(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns how pixels are scaled and how large images are, where a preset says so."""
    values: dict[str, Any] = {}
    for key, otherwise in (("scale", 1.0), ("offset", 0.0)):
        if config:
            given = config.get(key)
            given = otherwise if given is None else given
            values[key] = tuple(given) if isinstance(given, list) else (float(given),)
    values["resizing"] = {key: config[key] for key in _RESIZING if key in config}
    size = config.get("image_size")
    return values | ({"image_size": (int(size[0]), int(size[1]))} if size else {})


def _read(folder: Path, name: str, otherwise: Any = None) -> Any:
    file = folder / name
    if otherwise is not None and not file.is_file():
        return otherwise
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"model.preset: expected {name} of a KerasHub preset in {folder}, but it cannot be read ({error}); give a "
            "folder that save_to_preset has written"
        ) from error
    if name == _NETWORK and not (isinstance(found, dict) and found.get("class_name")):
        raise ConfigError(
            f"model.preset: expected a network of KerasHub in {folder / name}, but it names no class; convert the "
            "model with KerasHub and save it by save_to_preset"
        )
    return found


def _refuse_code(name: str, value: Any) -> None:
    """Raises ConfigError where a file asks for a class outside of Keras and KerasHub, or for code of its own."""
    for part in _parts(value):
        module, kind = part.get("module"), part.get("class_name")
        is_trusted = module is None or (isinstance(module, str) and module.split(".")[0] in _TRUSTED)
        if not is_trusted or kind in ("Lambda", "__lambda__", "function"):
            raise ConfigError(
                f"model.preset: expected layers of Keras and KerasHub alone, but {name} asks for {shown(str(kind))} of "
                f"{shown(str(module))}, which would run code of the preset; use a network of "
                "KerasHub's own"
            )


def _parts(value: Any) -> Iterator[Mapping[str, Any]]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Mapping):
            if "class_name" in item:
                yield item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def preset_digest(folder: Path) -> str:
    """Returns the SHA-256 of the files that decide what a preset computes."""
    files = [file for file in sorted(folder.rglob("*")) if file.suffix in _COUNTED and file.is_file()]
    return _digest(folder, tuple((file, file.stat().st_size, file.stat().st_mtime_ns) for file in files))


def check_digest(folder: Path, expected: str | None) -> str:
    """Returns the digest of a preset's files; raises ConfigError where they are others than those that were meant."""
    found = preset_digest(folder)
    if expected is not None and found != expected:
        raise ConfigError(
            f"model.digest: expected files with the SHA-256 {expected} in {folder}, got {found}: the preset has "
            "changed; plan the run anew, or mend the recipe"
        )
    return found


@lru_cache(maxsize=8)
def _digest(folder: Path, files: tuple[tuple[Path, int, int], ...]) -> str:
    total = hashlib.sha256()
    for file, size, _ in files:
        total.update(f"{file.relative_to(folder)} {size}\n".encode())
        with file.open("rb") as opened:
            total.update(hashlib.file_digest(opened, "sha256").digest())
    return total.hexdigest()
