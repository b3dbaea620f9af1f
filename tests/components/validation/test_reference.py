"""What drift is measured from: on this machine, in a spec that runs elsewhere, and when the step runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.validation.policy.options import DriftCheck
from kerasline.components.validation.reference import Reference, find_reference, reference_elsewhere, settle_reference
from tests.components.datasets.servers import serve_web

THERE = "gs://bucket/root/models/people"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Versions 2 and 3, both with a profile; 3 is in production."""
    folder = tmp_path / "models" / "people"
    for version in (2, 3):
        (folder / str(version)).mkdir(parents=True)
        (folder / str(version) / "profile.json").write_text(json.dumps({"columns": {"version": version}}))
    (folder / "current.json").write_text(json.dumps({"version": 3}))
    return folder


def test_the_version_that_the_run_compares_with_or_the_named_one(models: Path, tmp_path: Path) -> None:
    assert find_reference(DriftCheck(), models, 0, tmp_path) == Reference(name="no version in production yet")
    found = find_reference(DriftCheck(), models, 3, tmp_path)
    assert (found.path, found.name) == (str(models / "3/profile.json"), "version 3, in production")
    assert find_reference(DriftCheck(baseline=3), models, 0, tmp_path).digest == found.digest
    assert find_reference(DriftCheck(baseline=2), models, 3, tmp_path).digest != found.digest
    assert find_reference(DriftCheck(baseline="models/people/3/profile.json"), models, 0, tmp_path).path == found.path
    assert find_reference(DriftCheck(policy="off"), models, 3, tmp_path).path == ""
    (models / "3/profile.json").unlink()
    assert find_reference(DriftCheck(), models, 3, tmp_path).name == "version 3 was pushed without profile.json"
    with pytest.raises(ConfigError, match=r"a pushed version with a profile.json, got 7; versions: 2, 3"):
        find_reference(DriftCheck(baseline=7), models, 0, tmp_path)
    with pytest.raises(ConfigError, match="the number of a version or the path or URI .* does not exist"):
        find_reference(DriftCheck(baseline="elsewhere.json"), models, 0, tmp_path)


def test_a_file_by_its_uri(models: Path, tmp_path: Path) -> None:
    uri = f"file://{models}/3/profile.json"
    by_path = find_reference(DriftCheck(baseline=3), models, 0, tmp_path)
    assert find_reference(DriftCheck(baseline=uri), models, 0, tmp_path) == Reference(uri, uri, by_path.digest)
    assert settle_reference(uri, "a name", "") == ({"version": 3}, "a name")
    with pytest.raises(ConfigError, match="expected a readable profile.json, but file:///nowhere/profile.json"):
        find_reference(DriftCheck(baseline="file:///nowhere/profile.json"), models, 0, tmp_path)


def test_an_address_is_read_as_those_of_data_are(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same stores and the same messages; TensorFlow knows one of them."""
    monkeypatch.setenv("KERASLINE_CACHE", str(tmp_path / "cache"))
    with serve_web() as web:
        web.files["/profile.json"] = (models / "3/profile.json").read_bytes()
        uri = f"{web.address}/profile.json"
        digest = find_reference(DriftCheck(baseline=3), models, 0, tmp_path).digest
        assert find_reference(DriftCheck(baseline=uri), models, 0, tmp_path) == Reference(uri, uri, digest)
        assert settle_reference(uri, uri, "") == ({"version": 3}, uri)
        with pytest.raises(ConfigError, match=r"validation\.drift\.baseline: .*/absent\.json"):
            settle_reference(f"{web.address}/absent.json", "absent", "")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, Reference(name="the version in production when the step runs", models=THERE)),
        ({"baseline": 4}, Reference(f"{THERE}/4/profile.json", "version 4")),
        ({"baseline": "gs://team/2024.json"}, Reference("gs://team/2024.json", "gs://team/2024.json")),
        ({"baseline": "/mnt/base.json"}, Reference("/mnt/base.json", "/mnt/base.json")),
        ({"policy": "off"}, Reference(name="drift is off")),
    ],
)
def test_a_spec_names_what_is_there_when_it_runs(options: dict[str, object], expected: Reference) -> None:
    assert reference_elsewhere(DriftCheck.model_validate(options), THERE) == expected


def test_a_spec_cannot_name_a_file_of_this_machine() -> None:
    with pytest.raises(ConfigError, match=r"expected a URI, or a path on a volume .* got base\.json; copy"):
        reference_elsewhere(DriftCheck(baseline="base.json"), THERE)


def test_the_step_looks_up_what_is_in_production(models: Path) -> None:
    assert settle_reference("", "later", str(models)) == ({"version": 3}, "version 3, in production")
    (models / "current.json").write_text(json.dumps({"version": 2}))
    assert settle_reference("", "later", str(models)) == ({"version": 2}, "version 2, in production")
    (models / "current.json").unlink()
    assert settle_reference("", "later", str(models)) == (None, "no version in production yet")
    assert settle_reference("", "drift is off", "") == (None, "drift is off")


def test_a_file_that_is_no_profile(tmp_path: Path) -> None:
    for content in ("{", "[]", "{}"):
        (tmp_path / "p.json").write_text(content)
        with pytest.raises(ConfigError, match=r"as it lies beside every pushed version, but .*p\.json is none"):
            settle_reference(str(tmp_path / "p.json"), "p.json", "")
    with pytest.raises(ConfigError, match="No such file"):
        settle_reference(str(tmp_path / "absent.json"), "absent.json", "")
