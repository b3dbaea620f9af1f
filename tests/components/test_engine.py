"""The options of Beam: what is added to them, and what is refused before a step runs."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from kerasline.components.engine import DEFAULTS, NO_PACKAGE, NO_PRISM, check_engine, complete_options, join_options
from kerasline.components.errors import ConfigError

STUBS = "--beam_plugins=tfx"
LOOPBACK = ["--runner=PortableRunner", "--environment_type=LOOPBACK"]
DATAFLOW = ["--runner=DataflowRunner", "--project=shop", "--region=europe-west4", "--temp_location=gs://shop/tmp"]


@pytest.fixture
def endpoint() -> Iterator[str]:
    """An address at which something listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_options_are_joined_as_on_a_command_line() -> None:
    given = ["--runner", "FlinkRunner", '--environment_config={"command": "/boot a=b"}', "--streaming"]
    assert join_options(given) == ["--runner=FlinkRunner", given[2], "--streaming"]


@pytest.mark.parametrize("given", [["runner=FlinkRunner"], ["--runner FlinkRunner"], ["--a=b", "c"], ["-r"], [""]])
def test_what_beam_would_pass_over_is_refused(given: list[str]) -> None:
    with pytest.raises(ValueError, match="expected options of Beam such as --runner=PortableRunner, one an item"):
        join_options(given)


@pytest.mark.parametrize(
    ("given", "added"),
    [
        ([], [*DEFAULTS, NO_PRISM, NO_PACKAGE]),
        (
            ["--direct_num_workers=4", "--direct_running_mode=multi_processing"],
            ["--runner=DirectRunner", STUBS, NO_PRISM, NO_PACKAGE],
        ),
        (["--setup_file=./setup.py"], [*DEFAULTS, NO_PRISM]),
        (LOOPBACK, [*DEFAULTS[1:], STUBS, NO_PACKAGE]),
        ([*LOOPBACK, STUBS], [*DEFAULTS[1:], NO_PACKAGE]),
        (["--runner=FlinkRunner"], [*DEFAULTS[1:], STUBS, NO_PACKAGE]),
        (["--runner=flink", "--flink_master=host:8081"], [*DEFAULTS[1:], STUBS]),
        (DATAFLOW, [*DEFAULTS[1:], STUBS]),
    ],
)
def test_options_of_the_recipe_go_before_what_is_added(given: list[str], added: list[str]) -> None:
    assert complete_options(given) == [*added, *given]


def test_nothing_is_downloaded_to_run_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners.portability.prism_runner import PrismRunner

    monkeypatch.setattr(PrismRunner, "run_pipeline", lambda *_: pytest.fail("Beam takes another runner"))
    with beam.Pipeline(options=PipelineOptions(complete_options([]))) as pipeline:
        pipeline | beam.Create([1, 2]) | beam.Reshuffle() | beam.Map(str)


def test_an_engine_that_answers_is_taken(endpoint: str) -> None:
    check_engine([])
    check_engine(["--direct_num_workers=2", "--direct_running_mode=multi_processing", "--no_use_public_ips"])
    check_engine([*LOOPBACK, f"--job_endpoint={endpoint}", "--parallelism=4", "--only-its-job-service-knows=1"])
    check_engine(["--runner=PrismRunner"])
    check_engine([*DATAFLOW, "--sdk_container_image=eu.gcr.io/shop/workers:1"])


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["--direct_num_worker=2"], "knows no option --direct_num_worker. Did you mean 'direct_num_workers'?"),
        (["--direct_num_workers=two"], "argument --direct_num_workers: invalid int value: 'two'"),
        (["--direct_running_mode=fast"], "invalid choice: 'fast' (choose from 'in_memory', 'multi_threading', "),
        (["--runner=Flunk"], "expected a runner of Beam, got 'Flunk'"),
        (["--runner=DaskRunner"], "expected another runner than DaskRunner; with Beam 2.77 it loses rows"),
        (DATAFLOW[:2], "expected --region, --temp_location with DataflowRunner, got none"),
        (DATAFLOW, "expected --sdk_container_image=IMAGE with DataflowRunner"),
        (["--runner=PortableRunner"], "or --environment_type=LOOPBACK for workers on this machine; got none"),
        ([*LOOPBACK, "--job_endpoint=nowhere"], "expected --job_endpoint=HOST:PORT, got 'nowhere'"),
        ([*LOOPBACK, "--job_endpoint=127.0.0.1:1"], "nothing answers there ([Errno 111] Connection refused); start it"),
        ([*LOOPBACK, "--job_endpoint=127.0.0.1:99999"], "nothing answers there"),
    ],
)
def test_an_engine_that_cannot_run_the_steps_is_refused(given: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        check_engine(given, "--beam")
    assert str(refusal.value).startswith("--beam: ") and sentence in str(refusal.value)


def test_where_others_hand_the_steps_over_nothing_has_to_answer_here() -> None:
    check_engine([*LOOPBACK, "--job_endpoint=flink.internal:8099"], reach=False)
