"""The workspace of a fit: it has the recipe, the curated schema, and in production what would have been there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kerasline.components.registry import current_version, list_versions, push_version, read_events, read_record
from kerasline.pipeline.backtesting import trial


def exported(folder: Path, content: str) -> Path:
    """Leaves what looks like a SavedModel."""
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_text(content)
    (folder / "variables" / "variables.index").write_text("")
    return folder


@pytest.fixture
def earlier(tmp_path: Path) -> list[Path]:
    """Versions of two other fits, each the first one of its workspace."""
    versions = []
    for name in ("1_1", "1_2"):
        models = tmp_path / name / "models" / "weekly"
        number = push_version(models, exported(tmp_path / f"model-{name}", name), {"run_id": name}, 5)
        versions.append(models / str(number))
    return versions


def prepare(tmp_path: Path, production: Path | None, schema: Path | None = None) -> tuple[Path, str]:
    """Makes the workspace of a fit; returns it and the recipe that lies there."""
    task: dict[str, Any] = {"name": "weekly", "recipe": "name: weekly\n", "folder": str(tmp_path / "2_3")}
    task |= {"schema": str(schema) if schema else None, "production": str(production) if production else None}
    with trial._prepared(task) as (home, recipe):
        return home, recipe.read_text()


def test_a_version_of_another_fit_goes_into_production_under_a_number_of_its_own(
    tmp_path: Path, earlier: list[Path]
) -> None:
    home, recipe = prepare(tmp_path, earlier[0])
    models = home / "models" / "weekly"
    assert (recipe, current_version(models)) == ("name: weekly\n", 1)
    prepare(tmp_path, earlier[1])
    assert (current_version(models), list_versions(models)) == (2, [1, 2])
    assert read_record(models, 2) == {**read_record(earlier[1].parent, 1), "version": 2}
    assert (models / "2" / "saved_model.pb").read_text() == "1_2"
    assert [path.name for path in earlier[1].parent.iterdir() if path.name.isdigit()] == ["1"], "the other one stays"


def test_one_that_is_there_only_moves(tmp_path: Path, earlier: list[Path]) -> None:
    for version in (earlier[0], earlier[1], earlier[1], earlier[0]):
        home, _ = prepare(tmp_path, version)
    models = home / "models" / "weekly"
    assert (current_version(models), list_versions(models)) == (1, [1, 2])
    assert [event["version"] for event in read_events(models)] == [1, 2, 1], "nothing moves where it is there already"


def test_without_one_nothing_is_in_production_and_the_schema_is_that_of_the_first_fit(tmp_path: Path) -> None:
    schema = tmp_path / "first"
    (schema / "schemas").mkdir(parents=True)
    (schema / "weekly.schema.pbtxt").write_text("feature {}")
    (schema / "schemas" / "weekly.origin.json").write_text("{}")
    home, _ = prepare(tmp_path, None, schema)
    assert not (home / "models").exists()
    assert (home / "weekly.schema.pbtxt").read_text() == "feature {}"
    assert (home / "schemas" / "weekly.origin.json").is_file()
    (schema / "weekly.schema.pbtxt").write_text("edited")
    prepare(tmp_path, None, schema)
    assert (home / "weekly.schema.pbtxt").read_text() == "edited", "the curated schema counts as it is now"
