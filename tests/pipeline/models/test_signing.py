"""Signed versions: pushed, promoted, rolled back, served, exported and told of, where a signature is asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kerasline.components.core import ConfigError
from kerasline.components.registry import SIGNATURE_FILE, current_version, push_version, read_history
from kerasline.components.signing import SignatureRefused, check_signature, sign_version
from kerasline.pipeline.cli.entry import app
from kerasline.pipeline.models import commands as registry, export_version, signing
from kerasline.pipeline.reports import why_version
from kerasline.pipeline.workspace import Workspace
from tests.components.signing.test_signatures import needs_signing, write_keys
from tests.pipeline.serving.serving_process import PREDICT, RAW, ROOT, Running, move, wait_for, wait_until
from tests.pipeline.small_models import RECORD

pytestmark = needs_signing


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """A private key, and its public one."""
    return write_keys(tmp_path, "key")


@pytest.fixture
def models(workspace: Path, keys: tuple[Path, Path]) -> Path:
    """Three versions of the doubler, of which the first and the last are signed; the last is in production."""
    for version in (1, 3):
        signing.sign(workspace / "models", f"doubler@{version}", keys[0])
    return workspace / "models"


def change(models: Path, version: int) -> None:
    """Changes a file of a version to one of the same size, which only a signature finds."""
    path = models / "doubler" / str(version) / "variables" / "variables.data-00000-of-00001"
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])


def test_a_version_is_signed_and_verified_by_its_name(models: Path, keys: tuple[Path, Path]) -> None:
    assert signing.verify(models, "doubler", keys[1])[:2] == ("doubler", 3)
    with pytest.raises(SignatureRefused, match=r"version 2 of doubler .* kerasline sign doubler@2 --key"):
        signing.verify(models, "doubler@2", keys[1])
    (models / "doubler" / "1" / "saved_model.pb").unlink()
    with pytest.raises(SignatureRefused, match="saved_model.pb was missing"):
        signing.verify(models, "doubler@1", keys[1])
    with pytest.raises(ConfigError, match="no version 9; it has 1, 2, 3"):
        signing.verify(models, "doubler@9", keys[1])
    with pytest.raises(ConfigError, match="no version 9; it has 1, 2, 3"):
        signing.sign(models, "doubler@9", keys[0])


def test_promote_and_rollback_take_signed_versions_alone(models: Path, keys: tuple[Path, Path]) -> None:
    with pytest.raises(SignatureRefused, match=r"version 2 of doubler to be signed"):
        registry.promote(models, "doubler", 2, "better", keys[1])
    with pytest.raises(SignatureRefused, match=r"version 2 of doubler to be signed"):
        registry.roll_back(models, "doubler", "worse", public_key=keys[1])
    change(models, 1)
    with pytest.raises(SignatureRefused, match="variables.data-00000-of-00001 was changed"):
        registry.promote(models, "doubler", 1, "better", keys[1])
    assert current_version(models / "doubler") == 3
    assert len(read_history(models / "doubler")) == 3, "what is refused moves nothing"
    change(models, 1)
    assert registry.promote(models, "doubler", 1, "better", keys[1])[0]["version"] == 1


def test_the_command_ends_with_code_4_and_one_sentence(models: Path, keys: tuple[Path, Path]) -> None:
    command = [sys.executable, "-m", "kerasline", "promote", "doubler", "2", "--reason", "better", "--workspace"]
    command += [str(models.parent), "--require-signature", str(keys[1])]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 4
    assert len(ended.stderr.splitlines()) == 1
    assert "version 2 of doubler to be signed" in ended.stderr


def test_the_commands_sign_and_verify(workspace: Path, keys: tuple[Path, Path]) -> None:
    def typed(command: str, key: Path) -> Result:
        return CliRunner().invoke(app, [command, "doubler@2", "--key", str(key), "--workspace", str(workspace)])

    assert typed("sign", keys[0]).output == "version 2 of doubler is signed\n"
    verified = typed("verify", keys[1])
    assert verified.exit_code == 0
    assert verified.output.startswith("version 2 of doubler is what was signed with the key of")


def test_a_push_signs_and_signs_again_when_its_record_changes(
    workspace: Path, doublers: list[Path], keys: tuple[Path, Path]
) -> None:
    folder = workspace / "models" / "doubler"
    sign = partial(sign_version, folder, key=keys[0])
    record = {**RECORD, "serve": {"capture": {"share": 0.1}}}
    assert push_version(folder, doublers[2], record, keep=5, sign=sign) == 3
    check_signature(folder, 3, keys[1])
    assert push_version(folder, doublers[0], record, keep=5, sign=sign) == 4, "replaced since, so it is a new one"
    check_signature(folder, 4, keys[1])


def test_what_is_copied_from_a_signed_version_has_no_signature_of_another(models: Path, tmp_path: Path) -> None:
    folder = models / "doubler"
    version = push_version(folder, folder / "1", {**RECORD, "formats": ["saved_model", "keras"]}, keep=9)
    assert not (folder / str(version) / SIGNATURE_FILE).exists()
    export_version(Workspace(models.parent), "doubler@1", tmp_path / "exported")
    assert not (tmp_path / "exported" / "model" / SIGNATURE_FILE).exists()
    assert (tmp_path / "exported" / "version.json").is_file()


def test_an_export_writes_the_card_and_leaves_the_signature_whole(
    models: Path, tmp_path: Path, keys: tuple[Path, Path]
) -> None:
    export_version(Workspace(models.parent), "doubler@1", tmp_path / "exported")
    assert (models / "doubler" / "1" / "assets.extra" / "model_card.md").is_file()
    check_signature(models / "doubler", 1, keys[1])


def test_why_names_the_key(models: Path) -> None:
    signed, unsigned = (why_version(models.parent, f"doubler@{version}")["signed_with"] for version in (3, 2))
    assert unsigned is None
    bundle = json.loads((models / "doubler" / "3" / SIGNATURE_FILE).read_text())
    assert signed == bundle["verificationMaterial"]["publicKey"]["hint"]


@pytest.mark.slow
def test_a_server_follows_production_to_signed_versions_alone(models: Path, keys: tuple[Path, Path]) -> None:
    folder = models / "doubler"
    server = Running(models.parent, "--require-signature", str(keys[1]), "--poll-seconds", "0.1")
    try:
        assert server.ask(PREDICT, RAW)[1] == {"predictions": [32.0, 3.0]}
        move(folder, 2)
        health = wait_until(server, lambda found: found["failed"] is not None)
        assert (health["version"], health["failed"]["version"]) == (3, 2)
        assert "version 2 of doubler to be signed" in health["failed"]["reason"]
        assert server.ask("/v1/models/doubler/versions/2:predict", RAW)[0] == 404, "nor is it answered by number"
        assert server.ask(PREDICT, RAW)[1] == {"predictions": [32.0, 3.0]}
        signing.sign(models, "doubler@2", keys[0])
        wait_for(server, 2)
        assert server.ask(PREDICT, RAW)[1] == {"predictions": [22.0, 2.0]}
    finally:
        assert server.stop() == 0


@pytest.mark.slow
@pytest.mark.parametrize("option", [None, "--shadow"])
def test_a_server_does_not_begin_with_what_was_not_signed(
    models: Path, keys: tuple[Path, Path], option: str | None
) -> None:
    if option is None:
        change(models, 3)
    command = [sys.executable, "-m", "kerasline", "serve", "--workspace", str(models.parent), "--port", "0"]
    command += ["--require-signature", str(keys[1]), *([option, "doubler@2"] if option else [])]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == (2 if option else 4)
    assert "listening" not in ended.stdout
    said = "doubler@2 cannot be served: version 2 does not load (expected version 2 of doubler to be signed"
    assert (said if option else "variables.data-00000-of-00001 was changed") in ended.stderr.splitlines()[-1]
