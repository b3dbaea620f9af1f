"""One job server of Flink or Spark for all steps of a command, which ends with the command, however that ends.

Beam's FlinkRunner starts a job server, a process of Java, for each pipeline and keeps all of them until Python ends,
when the temporary folder that they are ended by may be gone: each run would leave several of them, for ever.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    JobServerOptions,
    PipelineOptions,
    SparkRunnerOptions,
)
from apache_beam.runners.portability import flink_runner, spark_runner
from apache_beam.runners.portability.job_server import JavaJarJobServer, JobServer, StopOnExitJobServer

from kerasline.components.beam.tied_process import tie

_servers: dict[str, JobServer] = {}


class _FlinkServer(flink_runner.FlinkJarJobServer):
    def subprocess_cmd_and_endpoint(self) -> tuple[list[str], str]:
        command, endpoint = super().subprocess_cmd_and_endpoint()
        return tie([str(word) for word in command]), endpoint


class _SparkServer(spark_runner.SparkJarJobServer):
    def subprocess_cmd_and_endpoint(self) -> tuple[list[str], str]:
        command, endpoint = super().subprocess_cmd_and_endpoint()
        return tie([str(word) for word in command]), endpoint


class FlinkRunner(flink_runner.FlinkRunner):
    """Beam's, with one job server for all pipelines that have the same options of it."""

    def default_job_server(self, options: PipelineOptions) -> JobServer:
        """Returns the job server, which may be running."""
        flink = options.view_as(FlinkRunnerOptions)
        if flink.flink_submit_uber_jar:  # to a cluster that has a job service of its own
            return super().default_job_server(options)
        flink.flink_master = self.add_http_scheme(flink.flink_master)
        return _shared(_FlinkServer, f"{flink}", options)


class SparkRunner(spark_runner.SparkRunner):
    """Beam's, with a job server that does not outlive this process."""

    def default_job_server(self, options: PipelineOptions) -> JobServer:
        """Returns the job server, which may be running."""
        spark = options.view_as(SparkRunnerOptions)
        if spark.spark_submit_uber_jar:
            return super().default_job_server(options)
        return _shared(_SparkServer, f"{spark}", options)


def _shared(kind: Callable[[PipelineOptions], JavaJarJobServer], engine: str, options: PipelineOptions) -> JobServer:
    key = f"{kind}{engine}{options.view_as(JobServerOptions)}"
    if key not in _servers:
        _servers[key] = StopOnExitJobServer(kind(options))
    return _servers[key]


def end_all() -> None:
    """Ends the job servers of this process; the next pipeline starts another."""
    while _servers:
        with contextlib.suppress(OSError):
            _servers.popitem()[1].stop()
