"""The options of Beam: what is added to them, and what is refused before a step runs."""

from __future__ import annotations

import http.server
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kerasline.components.beam.engine_options import (
    DEFAULTS,
    NO_PACKAGE,
    NO_PRISM,
    check_engine,
    complete_options,
    join_options,
)
from kerasline.components.core.errors import ConfigError

STUBS = "--beam_plugins=tfx"
LOOPBACK = ["--runner=PortableRunner", "--environment_type=LOOPBACK"]
DATAFLOW = ["--runner=DataflowRunner", "--project=shop", "--region=europe-west4", "--temp_location=gs://shop/tmp"]


@pytest.fixture
def endpoint() -> Iterator[str]:
    """The address of a job service."""
    from apache_beam.runners.portability.local_job_service import LocalJobServicer

    service = LocalJobServicer()
    yield f"localhost:{service.start_grpc_server(0)}"
    service.stop()


def test_options_are_joined_as_on_a_command_line() -> None:
    given = ["--runner", "FlinkRunner", '--environment_config={"command": "/boot a=b"}', "--streaming"]
    assert join_options(given) == ["--runner=FlinkRunner", given[2], "--streaming"]


@pytest.mark.parametrize("given", [["runner=FlinkRunner"], ["--runner FlinkRunner"], ["--a=b", "c"], ["-r"], [""]])
def test_what_beam_would_pass_over_is_refused(given: list[str]) -> None:
    with pytest.raises(ValueError, match="expected options of Beam such as --runner=PortableRunner, one an item"):
        join_options(given)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            ["--flink_master=host:8081"],
            "--flink_master, which is FlinkRunner's, beside no --runner, which means DirectRunner",
        ),
        (
            ["--runner=SparkRunner", "--flink_master=host:8081"],
            "--flink_master, which is FlinkRunner's, beside --runner=Spa",
        ),
        (
            ["--runner=flink", "--spark_master_url", "local[2]"],
            "--spark_master_url, which is SparkRunner's, beside --runner=",
        ),
        (["--runner=FlinkRunner", "--direct_num_workers=2"], "--direct_num_workers, which is DirectRunner's, beside"),
        (["--parallelism=4"], "--parallelism, which is FlinkRunner's, beside no --runner, which means DirectRunner"),
        (["--runner=Spark", "--region=r"], "--region, which is DataflowRunner's, beside --runner=Spark"),
        (["--max_num_workers=3"], "--max_num_workers, which is DataflowRunner's, beside no --runner"),
        (["--job_endpoint=host:8099"], "--job_endpoint, which is PortableRunner's, beside no --runner"),
        (["--runner=FlinkRunner", "--runner=SparkRunner"], "expected one --runner, got FlinkRunner and SparkRunner"),
    ],
)
def test_options_of_two_engines_are_refused(given: list[str], sentence: str) -> None:
    with pytest.raises(ValueError) as refusal:
        join_options(given)
    assert sentence in str(refusal.value)


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
        (DATAFLOW, [*DEFAULTS[1:], STUBS]),
    ],
)
def test_options_of_the_recipe_go_before_what_is_added(given: list[str], added: list[str]) -> None:
    assert complete_options(given) == [*added, *given]


def test_flink_has_a_job_server_that_is_ended() -> None:
    ours = "--runner=kerasline.components.beam.job_servers.FlinkRunner"
    assert complete_options(["--runner=FlinkRunner"]) == [*DEFAULTS[1:], STUBS, NO_PACKAGE, ours]
    assert complete_options(["--runner=flink", "--flink_master=h:1"]) == [
        *DEFAULTS[1:],
        STUBS,
        ours,
        "--flink_master=h:1",
    ]
    elsewhere = ["--runner=FlinkRunner", "--job_endpoint=h:1", "--environment_type=LOOPBACK"]
    assert complete_options(elsewhere)[-3:] == elsewhere


def test_spark_has_a_job_server_that_is_ended() -> None:
    own = ["--spark_master_url=local[2]", "--runner=SparkRunner"]
    ours = "--runner=kerasline.components.beam.job_servers.SparkRunner"
    assert complete_options(own)[-2:] == ["--spark_master_url=local[2]", ours]
    assert complete_options([*own, "--job_endpoint=h:1"])[-2:] == [own[1], "--job_endpoint=h:1"]


def test_job_servers_are_started_so_that_they_end(tmp_path: Path) -> None:
    from apache_beam.options.pipeline_options import PipelineOptions

    from kerasline.components.beam.job_servers import FlinkRunner, SparkRunner
    from kerasline.components.beam.tied_process import tie

    (tmp_path / "server.jar").touch()
    for runner, engine in ((FlinkRunner(), "flink"), (SparkRunner(), "spark")):
        options = PipelineOptions([f"--{engine}_job_server_jar={tmp_path}/server.jar"])
        server = runner.default_job_server(options)
        assert runner.default_job_server(options) is server
        command, _ = server._job_server.subprocess_cmd_and_endpoint()
        assert command[: len(tie(["java"]))] == tie(["java"])
        assert str(tmp_path / "server.jar") in command


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


def test_what_listens_has_to_be_a_job_service() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as page:
        threading.Thread(target=page.serve_forever, daemon=True).start()
        with pytest.raises(
            ConfigError, match="what listens there is something else; start it, or correct --job_endpoin"
        ):
            check_engine([*LOOPBACK, f"--job_endpoint=127.0.0.1:{page.server_port}"])
        page.shutdown()


@pytest.mark.skipif(shutil.which("java") is None, reason="without Java no job server is started")
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            ["--runner=FlinkRunner", "--flink_job_server_jar=/no/a.jar"],
            "at --flink_job_server_jar, got no file /no/a.jar",
        ),
        (
            ["--runner=FlinkRunner", "--flink_master=127.0.0.1:1", "--environment_type=LOOPBACK"],
            "expected Flink at 127.0.0.1:1, but nothing answers there ([Errno 111] Connection refused); start it",
        ),
        (
            ["--runner=SparkRunner", "--spark_master_url=spark://127.0.0.1:1", "--environment_type=LOOPBACK"],
            "expected Spark at spark://127.0.0.1:1, but nothing answers there",
        ),
        (
            ["--runner=FlinkRunner", "--flink_master=localhost:1", "--environment_type=LOOPBACK"],
            "expected Flink at localhost:1, but nothing answers there",
        ),
    ],
)
def test_a_cluster_that_is_not_there_is_named(given: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        check_engine(given)
    assert sentence in str(refusal.value)


def test_without_java_no_job_server_can_be_started() -> None:
    with pytest.raises(
        ConfigError, match="Flink's job server needs Java, and there is no /nowhere/java; install Java 17"
    ):
        check_engine(["--runner=FlinkRunner", "--job_server_java_launcher=/nowhere/java"])
    with pytest.raises(ConfigError, match="Spark's job server needs Java"):
        # As the steps of a spec have it.
        check_engine(complete_options(["--runner=SparkRunner", "--job_server_java_launcher=/nowhere/java"]))


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
        (
            [*LOOPBACK, "--job_endpoint=nowhere"],
            "expected --job_endpoint=HOST:PORT with a port up to 65535, got 'nowhere'",
        ),
        ([*LOOPBACK, "--job_endpoint=127.0.0.1:1"], "nothing answers there ([Errno 111] Connection refused); start it"),
    ],
)
def test_an_engine_that_cannot_run_the_steps_is_refused(given: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        check_engine(given, "--beam")
    assert str(refusal.value).startswith("--beam: ") and sentence in str(refusal.value)


FLINK = ["--runner=FlinkRunner", "--flink_master=flink.internal:8081"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([*LOOPBACK, "--job_endpoint=127.0.0.1:99999"], "with a port up to 65535, got '127.0.0.1:99999'"),
        (LOOPBACK, "expected --job_endpoint=HOST:PORT with PortableRunner, got none"),
        (FLINK, "expected --sdk_container_image=IMAGE with FlinkRunner"),
        (["--runner=FlinkRunner", "--flink_master=localhost:8081"], "expected --sdk_container_image=IMAGE with Flink"),
        ([*FLINK, "--environment_type=LOPBACK"], "LOOPBACK, PROCESS, DOCKER, EXTERNAL, got 'LOPBACK'. Did you mean 'L"),
        ([*FLINK, "--environment_type=process"], "got 'process'. Did you mean 'PROCESS'?"),
        ([*FLINK, "--environment_type=PROCESS"], "Option process_command is required for environment type PROCESS"),
        (
            [*FLINK, "--environment_type=PROCESS", "--environment_config=/boot"],
            "the program that starts a worker, got '/",
        ),
        ([*FLINK, "--environment_type=PROCESS", "--environment_config={}"], "starts a worker, got '{}'"),
        (
            [*FLINK, "--environment_type=EXTERNAL"],
            "Option external_service_address is required for environment type EX",
        ),
        (
            [*FLINK, "--environment_type=LOOPBACK", "--environment_config=x"],
            "not compatible with environment type LOOP",
        ),
        (["--direct_num_workers=-2"], "expected --direct_num_workers of 1 or more, or 0 for all cores, got -2"),
    ],
)
def test_what_no_engine_could_do_is_refused_without_asking_one(given: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        check_engine(given, reach=False)
    assert sentence in str(refusal.value)


def test_where_others_hand_the_steps_over_nothing_has_to_answer_here() -> None:
    check_engine([*LOOPBACK, "--job_endpoint=flink.internal:8099"], reach=False)
    external = "--environment_option=external_service_address=pool:50000"
    check_engine([*FLINK, "--environment_type=EXTERNAL", external], reach=False)
    check_engine([*FLINK, "--environment_type=PROCESS", '--environment_config={"command": "/boot"}'], reach=False)


def test_workers_in_this_process_are_refused_to_an_engine_elsewhere(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another machine is one whose address is not that which this one has on the way there."""
    ends = iter([("10.0.0.1", 50001), ("10.0.0.2", 8099)])

    class Elsewhere(socket.socket):
        getsockname = getpeername = lambda self: next(ends)

    given = [*LOOPBACK, f"--job_endpoint={endpoint}"]
    check_engine(given)
    monkeypatch.setattr("socket.create_connection", lambda *_: Elsewhere())
    sentence = "expected an engine on this machine with --environment_type=LOOPBACK, .*, which is another machine; take"
    with pytest.raises(ConfigError, match=sentence):
        check_engine(given)


def test_a_step_waits_for_a_job_service_that_starts_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from apache_beam.runners.portability.local_job_service import LocalJobServicer

    monkeypatch.setattr("kerasline.components.beam.engine_reach._PAUSE_SECONDS", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    service, told = LocalJobServicer(), list[str]()

    def start(sentence: str) -> None:
        told.append(sentence)
        service.start_grpc_server(port)

    given = [*LOOPBACK, f"--job_endpoint=localhost:{port}"]
    check_engine(given, on_wait=start)
    service.stop()
    assert len(told) == 1 and "but nothing answers there" in told[0]
    assert told[0].endswith("waiting for it up to 60 s")
    monkeypatch.setattr("kerasline.components.beam.engine_reach.WAIT_SECONDS", 0.05)
    with pytest.raises(ConfigError, match="nothing answers there"):
        check_engine(given, on_wait=told.append)
    assert len(told) == 2, "said once, however often it is tried"


def test_a_job_service_that_is_late_is_not_taken_for_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """It accepts connections, as one does that is starting or stuck, and says nothing."""
    monkeypatch.setattr("kerasline.components.beam.engine_reach._ANSWER_SECONDS", 0.5)
    sentence = "what listens there gives no answer within 0.5 s; start it, or correct"
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(ConfigError, match=sentence):
        check_engine([*LOOPBACK, f"--job_endpoint=127.0.0.1:{silent.getsockname()[1]}"])
