"""Loading weights: three kinds of files, by name or by order, and errors that name the layer and both shapes."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.models import TransferOptions
from kerasline.components.models.description.hdf5 import check_weights
from kerasline.components.models.parts.squeezenet import squeezenet
from kerasline.components.models.parts.weights import load_weights
from kerasline.components.models.transfer import build_base


def network(filters: int = 4, prefix: str = "conv", name: str = "small") -> keras.Model:
    """Two convolutions and a norm."""
    image = keras.Input((8, 8, 3))
    value = keras.layers.Conv2D(filters, 3, name=f"{prefix}_a")(image)
    value = keras.layers.BatchNormalization(name=f"{prefix}_norm")(value)
    return keras.Model(image, keras.layers.Conv2D(5, 3, name=f"{prefix}_b")(value), name=name)


def randomised(model: keras.Model) -> keras.Model:
    """Gives every weight a value of its own."""
    generator = np.random.default_rng(0)
    model.set_weights([generator.random(weight.shape) for weight in model.weights])
    return model


def write_classic(path: Path, model: keras.Model, rename: dict[str, str] | None = None, group: str = "/") -> None:
    """Writes HDF5 as Keras 2 did: names of layers and weights as attributes."""
    with h5py.File(path, "w") as file:
        root = file.require_group(group)
        names = [(rename or {}).get(layer.name, layer.name) for layer in model.layers]
        root.attrs["layer_names"] = [name.encode() for name in names]
        for name, layer in zip(names, model.layers, strict=True):
            place = root.create_group(name)
            keys = [f"{name}/{number}:0" for number in range(len(layer.weights))]
            place.attrs["weight_names"] = [key.encode() for key in keys]
            for key, value in zip(keys, layer.get_weights(), strict=True):
                place[key] = value


def same(one: keras.Model, other: keras.Model) -> bool:
    """Whether two models have equal weights."""
    return all(np.allclose(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


@pytest.mark.parametrize("group", ["/", "model_weights"])
def test_classic_files_load_by_name_with_slashes_as_underscores(tmp_path: Path, group: str) -> None:
    source, target = randomised(network()), network()
    write_classic(tmp_path / "w.h5", source, {"conv_a": "conv/a", "conv_norm": "conv/norm"}, group)
    load_weights(target, tmp_path / "w.h5")
    assert same(source, target)


def test_classic_files_load_by_order_where_no_name_agrees(tmp_path: Path) -> None:
    source, target = randomised(network()), network(prefix="conv2d")
    write_classic(tmp_path / "w.h5", source)
    load_weights(target, tmp_path / "w.h5")
    assert same(source, target)


def test_keras_files_load(tmp_path: Path) -> None:
    source, whole, weights = randomised(network()), network(), network()
    source.save(tmp_path / "w.keras")
    source.save_weights(tmp_path / "w.weights.h5")
    load_weights(whole, tmp_path / "w.keras")
    load_weights(weights, tmp_path / "w.weights.h5")
    assert same(source, whole)
    assert same(source, weights)


@pytest.mark.parametrize("suffix", ["keras", "weights.h5"])
def test_a_top_is_ignored_and_a_base_inside_a_model_is_found(tmp_path: Path, suffix: str) -> None:
    base = randomised(network())
    image = keras.Input((8, 8, 3))
    whole = keras.Model(image, keras.layers.Dense(2, name="top")(base(image)))
    path = tmp_path / f"w.{suffix}"
    whole.save(path) if suffix == "keras" else whole.save_weights(path)
    target = network()
    load_weights(target, path)
    assert same(base, target)


@pytest.mark.parametrize("suffix", ["h5", "keras", "weights.h5"])
def test_another_shape_names_the_layer_and_both_shapes(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"w.{suffix}"
    source = network(filters=6)
    if suffix == "h5":
        write_classic(path, source)
    elif suffix == "keras":
        source.save(path)
    else:
        source.save_weights(path)
    target = network()
    before = target.get_weights()
    with pytest.raises(ConfigError) as caught:
        load_weights(target, path)
    assert f"Weights 'w.{suffix}' do not fit layer 'conv_a' of small" in str(caught.value)
    assert "it has shapes (3, 3, 3, 4), (4,), the file has (3, 3, 3, 6), (6,)" in str(caught.value)
    assert all(np.array_equal(a, b) for a, b in zip(before, target.get_weights(), strict=True))


def test_a_missing_layer_is_named(tmp_path: Path) -> None:
    write_classic(tmp_path / "w.h5", network(), {"conv_b": "other"})
    with pytest.raises(ConfigError, match=r"have nothing for layer 'conv_b' of small \(1 of 3 layers are missing"):
        load_weights(network(), tmp_path / "w.h5")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w.h5", b"not HDF5", "cannot be read as HDF5"),
        ("w.keras", b"not a zip", "cannot be read as a Keras model"),
        ("w.weights.h5", b"not HDF5", "cannot be read as HDF5"),
        ("w.npz", b"", "must end in .h5, .weights.h5 or .keras, got 'w.npz'"),
    ],
)
def test_unreadable_files_are_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        load_weights(network(), tmp_path / name)


def test_published_squeezenet_weights_load(shared_data: Path) -> None:
    path = shared_data / "weights" / "squeezenet_imagenet_notop.h5"
    model = squeezenet((96, 96, 3))
    load_weights(model, path)
    with h5py.File(path) as file:
        kernel = np.asarray(file["fire5/expand3x3/uniform13"])
    np.testing.assert_array_equal(model.get_layer("fire5_expand3x3").get_weights()[0], kernel)


def with_external_storage(file: h5py.File, secret: Path) -> str:
    file.create_dataset("thief", (8,), "uint8", external=[(str(secret), 0, 8)])
    return "'/thief' as external storage"


def with_external_link(file: h5py.File, secret: Path) -> str:
    group = file.require_group("deep/down")
    group["thief"] = h5py.ExternalLink(str(secret), "/values")
    file["loop"] = file["deep"]  # a hard link to where it lies
    file["soft"] = h5py.SoftLink("/deep/down/thief")
    return "thief' as a link into another file"


def with_virtual_array(file: h5py.File, secret: Path) -> str:
    layout = h5py.VirtualLayout((8,), "uint8")
    layout[:] = h5py.VirtualSource(str(secret), "values", shape=(8,))
    file.create_virtual_dataset("thief", layout)
    return "'/thief' as a virtual array"


@pytest.mark.parametrize("steal", [with_external_storage, with_external_link, with_virtual_array])
@pytest.mark.parametrize("name", ["classic.h5", "own.weights.h5", "whole.keras"])
def test_weights_that_take_values_from_other_files_are_refused(
    tmp_path: Path, name: str, steal: Callable[[h5py.File, Path], str]
) -> None:
    path, model, secret = tmp_path / name, randomised(network()), tmp_path / "secret.txt"
    secret.write_text("password")
    inner = tmp_path / "inner.h5"
    if name == "classic.h5":
        write_classic(path, model)
        inner = path
    elif name == "own.weights.h5":
        model.save_weights(path)
        inner = path
    else:
        model.save(path)
        with zipfile.ZipFile(path) as archive:
            members = {member: archive.read(member) for member in archive.namelist()}
        inner.write_bytes(members["model.weights.h5"])
    with h5py.File(inner, "a") as file:
        told = steal(file, secret)
    if inner != path:
        with zipfile.ZipFile(path, "w") as archive:
            for member, content in (members | {"model.weights.h5": inner.read_bytes()}).items():
                archive.writestr(member, content)
    for refuse in (lambda: load_weights(network(), path), lambda: check_weights(path)):
        with pytest.raises(ConfigError) as caught:
            refuse()
        assert told in str(caught.value) and str(secret) in str(caught.value) and name in str(caught.value)


def test_weights_of_their_own_pass_the_look_into_them(tmp_path: Path) -> None:
    model = randomised(network())
    model.save(tmp_path / "w.keras")
    model.save_weights(tmp_path / "w.weights.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    for name in ("w.keras", "w.weights.h5", "text.h5", "absent.keras"):
        check_weights(tmp_path / name)


def test_weights_that_changed_since_the_plan_are_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "base.weights.h5").write_bytes(b"another file")
    options = TransferOptions(base="squeezenet", weights=str(tmp_path / "base.weights.h5"), weights_digest="0" * 64)
    with pytest.raises(ConfigError, match="expected weights with the SHA-256 0{64} in .* the file has changed"):
        build_base(options, (64, 64, 3))
