"""Whether the cache has the fit of a run, by what TFX leaves in ML Metadata of runs with and without its cache."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from kerasline.pipeline.workspace.fits import keeps_fit
from kerasline.pipeline.workspace.store import connection
from kerasline.pipeline.workspace.workspace import Workspace


class Runs:
    """Enters runs of three steps that a fit is made of."""

    def __init__(self, home: Workspace) -> None:
        self.home, self.store = home, metadata_store.MetadataStore(connection(home))
        self.kind = self.store.put_execution_type(mlmd.ExecutionType(name="step"))
        self.output = self.store.put_artifact_type(mlmd.ArtifactType(name="output"))
        self.contexts = {
            name: self.store.put_context_type(mlmd.ContextType(name=name)) for name in ("pipeline_run", "node")
        }

    def step(self, run: str, step: str, told: str, output: str, made: mlmd.Artifact | None, *reads: int) -> int:
        """Enters a finished execution; ``made`` is what it took from the cache, None where it ran."""
        finished = mlmd.Execution.CACHED if made else mlmd.Execution.COMPLETE
        execution = mlmd.Execution(type_id=self.kind, last_known_state=finished)
        execution.custom_properties["told"].string_value = told
        if made is None:
            place = self.home.pipeline("flats") / step / output / run
            place.mkdir(parents=True)
            made = mlmd.Artifact(type_id=self.output, uri=str(place))
        inputs = [(each, mlmd.Event(type=mlmd.Event.INPUT)) for each in self.store.get_artifacts_by_id(list(reads))]
        event = mlmd.Event(type=mlmd.Event.OUTPUT)
        event.path.steps.add(key=output)
        contexts = [
            mlmd.Context(type_id=self.contexts[kind], name=name)
            for kind, name in (("pipeline_run", run), ("node", f"flats.{step}"))
        ]
        _, artifacts, _ = self.store.put_execution(
            execution, [*inputs, (made, event)], contexts, reuse_context_if_already_exist=True
        )
        return int(artifacts[-1])

    def fit(self, run: str, data: str = "a", examples: int = 0, graph: int = 0) -> tuple[int, int]:
        """Enters the steps as they run where the cache has what is given alone; returns examples and graph."""
        examples = self.step(run, "ingest", data, "examples", self._known(examples))
        graph = self.step(run, "transform", "columns", "graph", self._known(graph), examples)
        self.step(run, "train", "settings", "model", None, examples, graph)
        return examples, graph

    def _known(self, artifact: int) -> mlmd.Artifact | None:
        return self.store.get_artifacts_by_id([artifact])[0] if artifact else None


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """An empty workspace."""
    (tmp_path / "w").mkdir()
    return Runs(Workspace(tmp_path / "w"))


def test_a_fit_is_kept_until_the_same_is_fitted_anew(runs: Runs) -> None:
    examples, _ = runs.fit("r1")
    assert keeps_fit(runs.home, "flats", "r1")
    runs.fit("r2", data="b")
    assert keeps_fit(runs.home, "flats", "r1"), "other data are another fit, though its step is told the same"
    runs.fit("r3", examples=examples)
    assert not keeps_fit(runs.home, "flats", "r1"), "fitted anew on the same examples"
    assert keeps_fit(runs.home, "flats", "r3")
    runs.fit("r4")
    assert [keeps_fit(runs.home, "flats", run) for run in ("r3", "r4")] == [False, True]


def test_a_fit_is_not_kept_when_a_step_before_it_was_made_anew(runs: Runs) -> None:
    examples, graph = runs.fit("r1")
    runs.step("r2", "transform", "other columns", "graph", None, examples)
    assert keeps_fit(runs.home, "flats", "r1"), "that is another recipe's"
    runs.step("r3", "transform", "columns", "graph", runs.store.get_artifacts_by_id([graph])[0], examples)
    assert keeps_fit(runs.home, "flats", "r1"), "taken from the cache"
    runs.step("r4", "transform", "columns", "graph", None, examples)
    assert not keeps_fit(runs.home, "flats", "r1"), "as --from transform --until transform leaves it"


def test_a_fit_is_not_kept_whose_outputs_or_whose_run_are_gone(runs: Runs, tmp_path: Path) -> None:
    runs.fit("r1")
    moved = tmp_path / "moved"
    shutil.copytree(runs.home.root, moved)
    assert not keeps_fit(Workspace(moved), "flats", "r1"), "its paths are others, and so are the keys of the cache"
    assert not keeps_fit(runs.home, "flats", "r0")
    assert not keeps_fit(Workspace(tmp_path), "flats", "r1"), "there is no store"
    shutil.rmtree(runs.home.pipeline("flats") / "ingest")
    assert not keeps_fit(runs.home, "flats", "r1")


def test_a_fit_is_kept_in_the_store_that_the_run_will_use_alone(runs: Runs) -> None:
    """Another store's cache is not asked, so a server that is gone stops nobody who does not use it."""
    nobody = "mysql://kerasline@127.0.0.1:1/ml"
    runs.fit("r1")
    assert not keeps_fit(Workspace(runs.home.root, nobody), "flats", "r1")
    (runs.home.reports("flats") / "r0").mkdir(parents=True)
    (runs.home.reports("flats") / "r0" / "run.json").write_text(json.dumps({"metadata": nobody}))
    assert not keeps_fit(runs.home, "flats", "r0")
    assert keeps_fit(runs.home, "flats", "r1")
