"""MNIST and Fashion-MNIST, from IDX files or Keras' copy."""

from __future__ import annotations

from kerasline.components.core import ConfigError
from kerasline.components.datasets.arrays import Keys, idx, npz
from kerasline.components.datasets.description import Found
from kerasline.components.datasets.files import Places
from kerasline.components.datasets.named.keras_files import download, find_file, folders

FASHION_CLASSES = [
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
]  # fmt: skip


def find(name: str, places: Places) -> Found:
    """Describes ``mnist`` or ``fashion_mnist``.

    The IDX files, plain or gzipped, are looked for in the data folder, in its sub-folder of that name and in
    Keras' cache; MNIST also as the ``mnist.npz`` that Keras downloads.

    Raises:
      ConfigError: not there and no connection.
    """
    class_names = FASHION_CLASSES if name == "fashion_mnist" else None
    found = _on_disk(name, places, class_names)
    if found is None:
        download(name, places, "the files " + ", ".join(f"{file}[.gz]" for file in idx.FILES.values()))
        found = _on_disk(name, places, class_names)
    if found is None:
        raise ConfigError(
            f"Keras downloaded {name} but its files are not in {folders(places, name)[-1]}; check KERAS_HOME."
        )
    return found


def _on_disk(name: str, places: Places, class_names: list[str] | None) -> Found | None:
    # The files of both have the same names, so a folder that is named after the other is not taken.
    own, other = (
        (("fashion_mnist", "fashion-mnist"), ("mnist",))
        if class_names
        else (("mnist",), ("fashion_mnist", "fashion-mnist"))
    )
    for folder in sorted(folders(places, name), key=lambda folder: folder.name not in own):
        files = None if folder.name in other else idx.complete_folder(folder)
        if files is not None:
            return idx.describe(files, class_names)
    if name == "mnist":
        packed = find_file(places, name, ("mnist.npz",))
        if packed is not None:
            return npz.describe(packed, Keys({"image": "x_train"}, "y_train", {"image": "x_test"}, "y_test"))
    return None
