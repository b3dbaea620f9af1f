"""The commands ``sign`` and ``verify``."""

from __future__ import annotations

from pathlib import Path

from kerasline.components.registry import registry_lock
from kerasline.components.signing import check_private_key, check_public_key, check_signature, sign_version
from kerasline.pipeline.models.commands import check_number, find_version, name_version


def sign(models: Path, reference: str, key: Path) -> tuple[str, int]:
    """Signs a version that was pushed; a signature that it has is replaced.

    Args:
      models: the workspace's ``models`` folder.
      reference: ``NAME`` or ``NAME@VERSION``.
      key: the file of a private key.

    Returns:
      The model's name and the version.

    Raises:
      ConfigError: there is no such version, files of it are missing, or the file is no private key.
    """
    check_private_key(key, "--key")
    folder, version = find_version(models, reference)
    with registry_lock(folder):
        sign_version(folder, version, key)
    return folder.name, version


def verify(models: Path, reference: str, key: Path) -> tuple[str, int, int]:
    """Makes sure that a version is what the holder of a key has signed.

    Args:
      models: the workspace's ``models`` folder.
      reference: ``NAME`` or ``NAME@VERSION``.
      key: the file of the public key.

    Returns:
      The model's name, the version, and how many files the signature covers.

    Raises:
      ConfigError: there is no such version, or the file is no public key.
      SignatureRefused: what does not hold.
    """
    check_public_key(key, "--key")
    folder, version = name_version(models, reference)
    check_number(folder, version)
    return folder.name, version, check_signature(folder, version, key)
