"""Workers of Beam with other libraries than the machine that gives them the work are refused at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from kerasline.components.beam import CheckWorker
from kerasline.components.core import ConfigError, describe_difference, library_versions
from kerasline.pipeline.console.failures import find_cause
from tools.engines.clusters import local_service

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Options for Beam's own job service, up to those of the workers."""
    with local_service(tmp_path_factory.mktemp("service")) as (options, _):
        yield options[:-1]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("keras", [None, "3.14.0"])
def test_a_worker_of_another_lock(keras: str | None, service: list[str], tmp_path: Path) -> None:
    """The workers are processes of Beam's own job service; the second one finds another Keras first on its path."""
    path = os.environ.get("PYTHONPATH", "")
    if keras:
        record = tmp_path / "other" / f"keras-{keras}.dist-info" / "METADATA"
        record.parent.mkdir(parents=True)
        record.write_text(f"Metadata-Version: 2.1\nName: keras\nVersion: {keras}\n")
        path = f"{record.parent.parent}{os.pathsep}{path}"
    worker = f"PYTHONPATH={path} {sys.executable} -m apache_beam.runners.worker.sdk_worker_main"
    given = PipelineOptions([*service, f"--environment_config={worker}"])
    try:
        with beam.Pipeline(options=given) as pipeline:
            pipeline | beam.Create([1, 2]) | beam.ParDo(CheckWorker())
    except RuntimeError as error:
        cause = find_cause(error)
    else:
        cause = None
    if keras is None:
        assert cause is None
        return
    assert isinstance(cause, ConfigError)
    here = library_versions()["keras"]
    assert f"of the machine that starts the run, but they have keras 3.14.0 and not {here}; build" in str(cause)


def test_a_difference_names_what_differs() -> None:
    assert describe_difference({"keras": "3", "numpy": "2"}, {"keras": "3", "numpy": "2", "more": "1"}) is None
    assert describe_difference({"keras": "3", "numpy": "2"}, {"keras": "4", "numpy": "1"}) == (
        "keras 4 and not 3, numpy 1 and not 2"
    )
