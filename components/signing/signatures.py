"""Signing a pushed version, and finding out whether it is still what was signed."""

from __future__ import annotations

import base64
import json
import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kerasline.components.core import KeraslineError
from kerasline.components.registry import CARD_FILES, RECORD_FILE, SIGNATURE_FILE, read_record
from kerasline.components.signing.keys import fingerprint

_OTHER_FILES = "Signature mismatch"  # how model-signing begins when files differ
_MOST_NAMED, _LONGEST = 5, 200


class SignatureRefused(KeraslineError):
    """A version has no signature of the key that is asked for, or is not what was signed."""

    exit_code = 4


def sign_version(folder: Path, version: int, key: Path) -> None:
    """Signs the files of a version under its name and number; a signature that is there is replaced.

    Args:
      folder: ``MODELS/NAME``.
      version: one of its versions.
      key: a private key that :func:`check_private_key` has passed.
    """
    from model_signing import signing

    path = folder / str(version)
    # Beside the version, where it is no file to be signed; a dot keeps it from TensorFlow Serving.
    written = folder / f".{version}.{uuid.uuid4().hex[:8]}"
    config = signing.Config().use_elliptic_key_signer(private_key=key).set_hashing_config(_hashing())
    try:
        config.sign(path, written)
        with open(written, "rb") as file:
            os.fsync(file.fileno())
        os.replace(written, path / SIGNATURE_FILE)
    finally:
        written.unlink(missing_ok=True)


def check_signature(folder: Path, version: int, public_key: Path) -> int:
    """Makes sure that a version is what the holder of a key has signed under this name and number.

    Args:
      folder: ``MODELS/NAME``.
      version: one of its versions.
      public_key: a file that :func:`check_public_key` has passed.

    Returns:
      How many files the signature covers.

    Raises:
      SignatureRefused: it has no signature, one of another key, or not all of its files are those that were signed.
    """
    path, shown = folder / str(version), f"version {version} of {folder.name}"
    if not (path / SIGNATURE_FILE).is_file():
        raise SignatureRefused(
            f"expected {shown} to be signed, but {path} has no {SIGNATURE_FILE}; sign it with: kerasline sign "
            f"{folder.name}@{version} --key KEY, or use another version"
        )
    _verify(path, shown, public_key)
    signed = _signed_files(path)
    record = read_record(folder, version)
    names = f"{record.get('recipe')}@{record.get('version')}"
    if RECORD_FILE not in signed or names != f"{folder.name}@{version}":
        raise SignatureRefused(
            f"expected {shown} to be signed as {folder.name}@{version}, but {path} holds what was signed as {names}; "
            "restore it from a backup, or use another version"
        )
    return len(signed)


def read_signer(folder: Path, version: int) -> str | None:
    """Returns the fingerprint of the key that a version's signature names, unchecked; None where there is none.

    It is the sha256 of the public key's PEM text; empty where the file does not say.
    """
    path = folder / str(version) / SIGNATURE_FILE
    if not path.is_file():
        return None
    try:
        return str(_read_bundle(path.parent)["verificationMaterial"]["publicKey"]["hint"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _hashing() -> Any:
    """Says what is signed: every file but the signature and the card, which is written later.

    Model-signing leaves out those of git, too, unless it is told.
    """
    from model_signing import hashing

    return hashing.Config().set_ignored_paths(paths=[SIGNATURE_FILE, *CARD_FILES], ignore_git_paths=False)


def _verify(path: Path, shown: str, public_key: Path) -> None:
    """Checks the signature and every file.

    Raises:
      SignatureRefused: what does not hold.
    """
    from model_signing import verifying

    config = verifying.Config().use_elliptic_key_verifier(public_key=public_key).set_hashing_config(_hashing())
    try:
        config.verify(path, path / SIGNATURE_FILE)
    except Exception as error:  # whatever the file may hold: json, cryptography and pydantic each have their own
        why = _why(path, public_key, error)
        raise SignatureRefused(
            f"expected {shown} to be what was signed with the key of {public_key}, but {why}; restore it from a "
            "backup, or use another version"
        ) from error


def _why(path: Path, public_key: Path, error: Exception) -> str:
    """Says in which of three ways a signature does not hold: another key's, broken, or of other files."""
    named = read_signer(path.parent, int(path.name))
    if named and named != fingerprint(public_key):
        return f"{path / SIGNATURE_FILE} is of another key ({named[:16]})"
    if not str(error).startswith(_OTHER_FILES):
        told = str(error).splitlines()[0] if isinstance(error, OSError | ValueError) and str(error) else ""
        return f"{path / SIGNATURE_FILE} is no signature of it" + (f" ({told[:_LONGEST]})" if told else "")
    return f"in {path} " + "; ".join(_differences(_signed_files(path), _found_files(path)))


def _differences(signed: Mapping[str, str], found: Mapping[str, str]) -> Iterable[str]:
    """Gives what became of files since they were signed."""
    changed = {name for name in signed.keys() & found.keys() if signed[name] != found[name]}
    became = {"changed": changed, "missing": signed.keys() - found.keys(), "added": found.keys() - signed.keys()}
    return [f"{_named(sorted(names))} {what}" for what, names in became.items() if names]


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more} {'was' if len(names) == 1 else 'were'}"


def _found_files(path: Path) -> dict[str, str]:
    return {one.identifier: one.digest.digest_hex for one in _hashing().hash(path).resource_descriptors()}


def _signed_files(path: Path) -> dict[str, str]:
    """Returns the digests of the files that a signature names, which has to be checked before."""
    statement = json.loads(base64.b64decode(_read_bundle(path)["dsseEnvelope"]["payload"]))
    return {one["name"]: one["digest"] for one in statement["predicate"]["resources"]}


def _read_bundle(path: Path) -> Any:
    return json.loads((path / SIGNATURE_FILE).read_text(encoding="utf-8"))
