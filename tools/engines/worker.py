"""A worker of Python that an engine starts as a process: what Beam's own images have as ``/opt/apache/beam/boot``.

It asks for the options of the job, as the engine has them, and then is Beam's worker.
"""

from __future__ import annotations

import argparse
import os

import grpc
from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc
from apache_beam.runners.worker import sdk_worker_main
from google.protobuf import json_format

# As long as Beam's own start waits for an engine that cannot be reached.
PATIENCE_SECONDS = 120


def main() -> None:
    """Does the work that it is told until the engine ends it."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("id", "logging_endpoint", "artifact_endpoint", "provision_endpoint", "control_endpoint"):
        parser.add_argument(f"--{name}", default="")
    given = parser.parse_args()
    with grpc.insecure_channel(given.provision_endpoint) as channel:
        stub = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
        request = beam_provision_api_pb2.GetProvisionInfoRequest()
        known = {"metadata": [("worker_id", given.id)], "timeout": PATIENCE_SECONDS, "wait_for_ready": True}
        info = stub.GetProvisionInfo(request, **known).info
    control = given.control_endpoint or info.control_endpoint.url
    logging = given.logging_endpoint or info.logging_endpoint.url
    os.environ |= {
        "WORKER_ID": given.id,
        "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options),
        "CONTROL_API_SERVICE_DESCRIPTOR": f'url: "{control}"',
        "LOGGING_API_SERVICE_DESCRIPTOR": f'url: "{logging}"',
    }
    sdk_worker_main.main([])


if __name__ == "__main__":
    main()
