"""One job server of Flink for all steps of a command, and the end of those that Beam started.

Beam's FlinkRunner starts a job server, a process of Java, for each pipeline and keeps all of them until Python ends,
when the temporary folder that they are ended by may be gone: each run would leave several of them, for ever.
"""

from __future__ import annotations

import contextlib

from apache_beam.options.pipeline_options import FlinkRunnerOptions, JobServerOptions, PipelineOptions
from apache_beam.runners.portability import flink_runner, spark_runner
from apache_beam.runners.portability.job_server import JobServer

_servers: dict[str, JobServer] = {}


class FlinkRunner(flink_runner.FlinkRunner):
    """Beam's, with one job server for all pipelines that have the same options of it."""

    def default_job_server(self, options: PipelineOptions) -> JobServer:
        """Returns the job server, which may be running."""
        flink = options.view_as(FlinkRunnerOptions)
        flink.flink_master = self.add_http_scheme(flink.flink_master)
        key = f"{flink}{options.view_as(JobServerOptions)}"
        if key not in _servers:
            _servers[key] = super().default_job_server(options)
        return _servers[key]


def end_all() -> None:
    """Ends the job servers of this process; the next pipeline starts another."""
    for servers in (_servers, spark_runner.JOB_SERVER_CACHE):
        while servers:
            with contextlib.suppress(OSError):
                servers.popitem()[1].stop()
