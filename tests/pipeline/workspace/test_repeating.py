"""A run entered again in ML Metadata, beside what TFX enters where it takes every step from its cache."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from kerasline.pipeline.workspace.lineage import run_artifacts
from kerasline.pipeline.workspace.repeating import repeat_run
from kerasline.pipeline.workspace.store import connection
from kerasline.pipeline.workspace.workspace import Workspace

pytestmark = pytest.mark.slow

STEPS = ["first", "second", "third"]


@pytest.fixture
def home(tmp_path: Path) -> Workspace:
    """A workspace in which TFX has run three steps as ``r1``."""
    run(tmp_path, "r1")
    return Workspace(tmp_path)


def run(folder: Path, *arguments: str) -> None:
    """Runs the three steps through TFX."""
    from tests.pipeline.runners.three_steps import run_steps

    run_steps(folder, *arguments)


def store_of(home: Workspace) -> metadata_store.MetadataStore:
    """ML Metadata of a workspace."""
    return metadata_store.MetadataStore(connection(home))


def entered(home: Workspace, run_id: str) -> list[Any]:
    """All that ML Metadata has of a run's steps, apart from ids, names and times that each execution has of its own."""
    store, found = store_of(home), []
    run_context = store.get_context_by_type_and_name("pipeline_run", run_id)
    for execution in store.get_executions_by_context(run_context.id):
        contexts = sorted(
            (c.type, "run" if c.name == run_id else c.name) for c in store.get_contexts_by_execution(execution.id)
        )
        events = sorted((e.type, e.artifact_id, str(e.path)) for e in store.get_events_by_execution_ids([execution.id]))
        properties = {key: str(value) for key, value in execution.custom_properties.items()}
        found.append(
            (contexts, execution.type, execution.last_known_state, properties, dict(execution.properties), events)
        )
    artifacts = sorted(artifact.id for artifact in store.get_artifacts_by_context(run_context.id))
    return [sorted(found, key=str), artifacts, dict(run_context.properties), dict(run_context.custom_properties)]


def test_it_is_what_tfx_enters_and_tfx_goes_on_from_it(home: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    run(home.root, "r2")
    capsys.readouterr()
    assert repeat_run(home, "steps", "r2", "r3", STEPS)
    assert repeat_run(home, "steps", "r3", "r4", STEPS)
    run(home.root, "r5")
    assert capsys.readouterr().out.splitlines() == [f'["{step}", true]' for step in STEPS]
    assert entered(home, "r3") == entered(home, "r4") == entered(home, "r5") == entered(home, "r2")
    assert run_artifacts(home, "r4") == run_artifacts(home, "r1")
    run(home.root, "r6", "b", "first")  # anew, as with --no-cache
    assert repeat_run(home, "steps", "r6", "r7", STEPS)
    capsys.readouterr()
    run(home.root, "r8")
    assert capsys.readouterr().out.splitlines() == [f'["{step}", true]' for step in STEPS]
    assert entered(home, "r7") == entered(home, "r8") != entered(home, "r4")
    assert run_artifacts(home, "r7") == run_artifacts(home, "r6") != run_artifacts(home, "r1")
    run(home.root, "r9", "x")
    assert capsys.readouterr().out.splitlines() == ['["first", true]', '["second", false]', '["third", false]']


def lose_an_output(home: Workspace) -> None:
    """As someone who makes room."""
    shutil.rmtree(next(home.pipeline("steps").glob("second/out/*")))


def run_another_plan(home: Workspace) -> None:
    """The same recipe, with another parameter."""
    run(home.root, "r2", "x")


def run_a_part(home: Workspace) -> None:
    """The same plan anew from its second step."""
    run(home.root, "r2", "b", "second", "second")


def begin_a_step(home: Workspace) -> None:
    """As a run that was killed within a step of any pipeline."""
    store = store_of(home)
    running = metadata_store_pb2.Execution(
        type_id=store.get_executions()[0].type_id, last_known_state=metadata_store_pb2.Execution.RUNNING
    )
    store.put_executions([running])


def change_an_input(home: Workspace) -> None:
    """As a later step that writes to the artifact of an earlier one."""
    store = store_of(home)
    artifact = next(a for a in store.get_artifacts() if "/first/" in a.uri)
    artifact.custom_properties["note"].string_value = "changed"
    store.put_artifacts([artifact])


def condemn_an_output(home: Workspace) -> None:
    """As TFX does with what it will not use."""
    store = store_of(home)
    artifact = next(a for a in store.get_artifacts() if "/third/" in a.uri)
    artifact.state = metadata_store_pb2.Artifact.DELETED
    store.put_artifacts([artifact])


def fail_a_step(home: Workspace) -> None:
    """As a step that did not end well."""
    store = store_of(home)
    last = max(store.get_executions(), key=lambda execution: execution.id)
    last.last_known_state = metadata_store_pb2.Execution.FAILED
    store.put_executions([last])


def lose_the_store(home: Workspace) -> None:
    """As someone who begins anew."""
    home.metadata.unlink()


def spoil_the_store(home: Workspace) -> None:
    """As a disk that failed."""
    home.metadata.write_bytes(b"no database" * 1000)


@pytest.mark.parametrize(
    "happens",
    [
        lose_an_output, run_another_plan, run_a_part, begin_a_step, change_an_input, condemn_an_output, fail_a_step,
        lose_the_store, spoil_the_store,
    ],
)  # fmt: skip
def test_nothing_is_entered_where_tfx_might_find_anything_else(
    home: Workspace, happens: Callable[[Workspace], None]
) -> None:
    happens(home)
    before = home.metadata.read_bytes() if home.metadata.is_file() else b""
    assert not repeat_run(home, "steps", "r1", "r9", STEPS)
    assert (home.metadata.read_bytes() if home.metadata.is_file() else b"") == before


def test_another_run_recipe_or_plan_is_not_taken_for_this_one(home: Workspace) -> None:
    assert not repeat_run(home, "steps", "r0", "r9", STEPS)
    assert not repeat_run(home, "other", "r1", "r9", STEPS)
    assert not repeat_run(home, "steps", "r1", "r9", [*STEPS, "fourth"])
    assert not repeat_run(home, "steps", "r1", "r9", STEPS[:2])
    assert not repeat_run(Workspace(home.root, "mysql://ann@127.0.0.1:1/ml"), "steps", "r1", "r9", STEPS)
    assert repeat_run(home, "steps", "r1", "r9", STEPS)
