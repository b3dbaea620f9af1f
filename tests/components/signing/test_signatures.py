"""Signatures: what they cover, what they find out, and keys that are none.

What signs or checks runs where model-signing is installed (``make setup SIGNING=1``).
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from kerasline.components.core import ConfigError
from kerasline.components.registry import RECORD_FILE, SIGNATURE_FILE, push_version
from kerasline.components.signing import (
    SignatureRefused,
    check_private_key,
    check_public_key,
    check_signature,
    read_signer,
    sign_version,
)

HAS_SIGNING = all(importlib.util.find_spec(name) is not None for name in ("model_signing", "OpenSSL"))
needs_signing = pytest.mark.skipif(not HAS_SIGNING, reason="needs model-signing: make setup SIGNING=1")


def write_keys(folder: Path, name: str, curve: ec.EllipticCurve | None = None) -> tuple[Path, Path]:
    """Writes a private key and its public one."""
    key = ec.generate_private_key(curve or ec.SECP256R1())
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """A private key, and its public one."""
    return write_keys(tmp_path, "key")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """``MODELS/flats`` with two versions whose files are no models, which nothing here loads."""
    found = tmp_path / "models" / "flats"
    for number in (1, 2):
        model = tmp_path / f"model{number}"
        (model / "variables").mkdir(parents=True)
        (model / "saved_model.pb").write_bytes(b"graph" * number)
        (model / "variables" / "variables.index").write_bytes(b"index")
        push_version(found, model, {"recipe": "flats"}, keep=5)
    return found


@needs_signing
@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_a_signed_version_holds(folder: Path, tmp_path: Path, curve: ec.EllipticCurve) -> None:
    private, public = write_keys(tmp_path, "other", curve)
    sign_version(folder, 2, private)
    assert check_signature(folder, 2, public) == 3
    assert [path.name for path in folder.iterdir() if path.name.startswith(".2.")] == []


@needs_signing
def test_the_signature_names_its_key_and_is_that_of_the_tool(folder: Path, keys: tuple[Path, Path]) -> None:
    assert read_signer(folder, 1) is None
    sign_version(folder, 1, keys[0])
    named = read_signer(folder, 1)
    assert named is not None and len(named) == 64
    path = folder / "1"
    command = [sys.executable, "-m", "model_signing", "verify", "key", str(path), "--public_key", str(keys[1])]
    subprocess.run([*command, "--signature", str(path / SIGNATURE_FILE)], check=True, capture_output=True)
    (path / SIGNATURE_FILE).write_text("{")
    assert read_signer(folder, 1) == ""


def _change(folder: Path) -> None:
    path = folder / "2" / "variables" / "variables.index"
    path.write_bytes(b"indeX")


def _change_the_record(folder: Path) -> None:
    path = folder / "2" / RECORD_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), "task": "binary"}))


def _add(folder: Path) -> None:
    (folder / "2" / "assets.extra").mkdir()
    (folder / "2" / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"x")


def _add_for_git(folder: Path) -> None:
    (folder / "2" / ".git").mkdir()
    (folder / "2" / ".git" / "config").write_text("[core]")


def _remove(folder: Path) -> None:
    (folder / "2" / "saved_model.pb").unlink()


def _link(folder: Path) -> None:
    path = folder / "2" / "saved_model.pb"
    path.rename(folder.parent / "elsewhere.pb")
    path.symlink_to(folder.parent / "elsewhere.pb")


def _take_the_signature_of_another(folder: Path) -> None:
    shutil.copy(folder / "1" / SIGNATURE_FILE, folder / "2" / SIGNATURE_FILE)


def _put_another_in_its_place(folder: Path) -> None:
    shutil.rmtree(folder / "2")
    shutil.copytree(folder / "1", folder / "2")


def _lose_the_signature(folder: Path) -> None:
    (folder / "2" / SIGNATURE_FILE).unlink()


def _spoil_the_signature(folder: Path) -> None:
    (folder / "2" / SIGNATURE_FILE).write_text("{}")


def _change_what_was_signed(folder: Path) -> None:
    """Lets the statement fit a changed file, which the signature over it does not."""
    import base64
    import hashlib

    _change(folder)
    path = folder / "2" / SIGNATURE_FILE
    bundle = json.loads(path.read_text())
    old, new = (hashlib.sha256(text).hexdigest() for text in (b"index", b"indeX"))
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"]).decode()
    assert old in payload
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(payload.replace(old, new).encode()).decode()
    path.write_text(json.dumps(bundle))


@needs_signing
@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (_change, "variables/variables.index was changed"),
        (_change_the_record, "version.json was changed"),
        (_add, "assets.extra/tf_serving_warmup_requests was added"),
        (_add_for_git, ".git/config was added"),
        (_remove, "saved_model.pb was missing"),
        (_link, "is no signature of it"),
        (_take_the_signature_of_another, "saved_model.pb, version.json were changed"),
        (_put_another_in_its_place, "was signed as flats@1"),
        (_lose_the_signature, "has no model.sig"),
        (_spoil_the_signature, "is no signature of it"),
        (_change_what_was_signed, "is no signature of it"),
    ],
)
def test_what_is_not_what_was_signed_is_refused(
    folder: Path, keys: tuple[Path, Path], harm: Callable[[Path], None], said: str
) -> None:
    for version in (1, 2):
        sign_version(folder, version, keys[0])
    harm(folder)
    with pytest.raises(SignatureRefused) as caught:
        check_signature(folder, 2, keys[1])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 4


@needs_signing
def test_a_version_under_another_number_or_name_is_refused(folder: Path, keys: tuple[Path, Path]) -> None:
    sign_version(folder, 2, keys[0])
    (folder / "2").rename(folder / "7")
    with pytest.raises(SignatureRefused, match="version 7 of flats to be signed as flats@7.* was signed as flats@2"):
        check_signature(folder, 7, keys[1])
    (folder / "7").rename(folder / "2")
    renamed = folder.rename(folder.with_name("houses"))
    with pytest.raises(SignatureRefused, match="houses@2.* was signed as flats@2"):
        check_signature(renamed, 2, keys[1])


@needs_signing
def test_the_signature_of_another_key_is_refused(folder: Path, tmp_path: Path, keys: tuple[Path, Path]) -> None:
    sign_version(folder, 2, keys[0])
    with pytest.raises(SignatureRefused, match=r"model\.sig is of another key \([0-9a-f]{16}\)"):
        check_signature(folder, 2, write_keys(tmp_path, "other")[1])


@needs_signing
def test_a_signature_that_says_another_key_than_signed_is_refused(
    folder: Path, tmp_path: Path, keys: tuple[Path, Path]
) -> None:
    other = write_keys(tmp_path, "other")
    sign_version(folder, 1, other[0])
    ours = read_signer(folder, 1)
    sign_version(folder, 2, keys[0])
    path = folder / "2" / SIGNATURE_FILE
    path.write_text(path.read_text().replace(str(read_signer(folder, 2)), str(ours)))
    with pytest.raises(SignatureRefused, match="is no signature of it"):
        check_signature(folder, 2, other[1])


@needs_signing
def test_a_version_that_is_signed_again_holds(folder: Path, tmp_path: Path, keys: tuple[Path, Path]) -> None:
    sign_version(folder, 2, keys[0])
    private, public = write_keys(tmp_path, "other")
    sign_version(folder, 2, private)
    check_signature(folder, 2, public)


@needs_signing
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "which does not exist"),
        (lambda path: path.mkdir(), "which is a folder; name a file in it"),
        (lambda path: path.write_text("hello"), "which is none"),
        (lambda path: path.write_bytes(os.urandom(300)), "which is none"),
        (lambda path: os.mkfifo(path), "which is no file"),
    ],
)
def test_what_is_no_key_is_refused_in_one_sentence(tmp_path: Path, make: Callable[[Path], object], said: str) -> None:
    path = tmp_path / "given.pem"
    make(path)
    for check in (check_private_key, check_public_key):
        with pytest.raises(ConfigError, match="--key: expected .*" + said):
            check(path, "--key")


@needs_signing
def test_keys_of_other_kinds_are_refused(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    path = tmp_path / "given.pem"
    other = rsa.generate_private_key(65537, 2048)
    path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(ConfigError, match="a key of another kind"):
        check_private_key(path, "--key")
    path.write_bytes(other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(ConfigError, match="a key of another kind"):
        check_public_key(path, "--key")
    small = ec.generate_private_key(ec.SECP256K1())
    path.write_bytes(small.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    with pytest.raises(ConfigError, match="needs a password"):
        check_private_key(path, "--key")
    path.write_bytes(small.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(ConfigError, match="a key of another kind"):
        check_private_key(path, "--key")
    with pytest.raises(ConfigError, match="which is none"):
        check_private_key(keys[1], "--key")
    with pytest.raises(ConfigError, match="which is none"):
        check_public_key(keys[0], "--key")


def test_without_the_package_it_is_said_what_to_install(
    keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for check, key in ((check_private_key, keys[0]), (check_public_key, keys[1])):
        with pytest.raises(ConfigError, match="model_signing and OpenSSL, .* make setup SIGNING=1"):
            check(key, "--require-signature")
