"""Keys that sign versions and check signatures: files that are looked at before anything else happens."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from kerasline.components.core import ConfigError, lack_of_file

_CURVES = ("secp256r1", "secp384r1", "secp521r1")  # that model-signing knows
_LARGEST = 100_000  # bytes; a key has some hundreds
_MAKE = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem"
_MAKE_PUBLIC = "openssl pkey -in key.pem -pubout -out public.pem"


def check_private_key(path: Path, option: str) -> None:
    """Refuses a file that cannot sign, without signing anything.

    Args:
      path: of the key, PEM.
      option: what names it, for messages.

    Raises:
      ConfigError: it is not there, is no private key of an elliptic curve, has a password, or a package is missing.
    """
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    _check_package(option)
    expected = f"{option}: expected a private key of an elliptic curve (PEM; make one with: {_MAKE})"
    try:
        key = load_pem_private_key(_read(path, expected), None)
    except TypeError:
        raise ConfigError(
            f"{expected}, got {path}, which needs a password; give one without, that only you can read"
        ) from None
    except ValueError:
        raise ConfigError(f"{expected}, got {path}, which is none") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name not in _CURVES:
        raise ConfigError(f"{expected}, got {path}, which is a key of another kind")


def check_public_key(path: Path, option: str) -> None:
    """Refuses a file that no signature can be checked with.

    Args:
      path: of the key, PEM.
      option: what names it, for messages.

    Raises:
      ConfigError: it is not there, is no public key of an elliptic curve, or a package is missing.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    _check_package(option)
    expected = (
        f"{option}: expected the public key of a signature (PEM; take it from the private one with: {_MAKE_PUBLIC})"
    )
    try:
        key = load_pem_public_key(_read(path, expected))
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(f"{expected}, got {path}, which is none") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _CURVES:
        raise ConfigError(f"{expected}, got {path}, which is a key of another kind")


def fingerprint(public_key: Path) -> str:
    """Returns the sha256 of a public key's PEM text, by which signatures name it."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

    key = load_pem_public_key(public_key.read_bytes())
    return hashlib.sha256(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _check_package(option: str) -> None:
    missing = [name for name in ("model_signing", "OpenSSL") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"{option}: signatures need {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            "installed; install with: make setup SIGNING=1"
        )


def _read(path: Path, expected: str) -> bytes:
    try:
        if not path.is_file():
            raise ConfigError(f"{expected}, got {path}, which {lack_of_file(path)}")
        with open(path, "rb") as file:
            return file.read(_LARGEST)
    except OSError as error:
        raise ConfigError(f"{expected}, got {path}, which cannot be read ({error.strerror})") from None
