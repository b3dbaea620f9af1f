"""Where an engine has its workers, and whether the options say enough for that."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from kerasline.components.core import ConfigError, nearest

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions

# Engines within the job server, as Beam names them; their workers are in the process that submits.
# Source: apache_beam/runners/portability/flink_runner.py (MAGIC_HOST_NAMES), spark_runner.py (LOCAL_MASTER_PATTERN).
_WITHIN = {"flink": r"\[(local|auto)\]", "spark": r"local(\[.+\])?"}
MASTERS = {"flink": "--flink_master", "spark": "--spark_master_url"}
_PLACES = ("LOOPBACK", "PROCESS", "DOCKER", "EXTERNAL")


def is_within_the_job_server(settings: Mapping[str, str], kind: str) -> bool:
    """Says whether Flink or Spark runs within the job server; that is Beam's default."""
    master = settings.get(MASTERS[kind])
    return master is None or re.fullmatch(_WITHIN[kind], master) is not None


def check_environment(options: PipelineOptions, key: str) -> None:
    """Refuses places of workers that Beam does not know, and those without what starts or finds the workers.

    Args:
      options: as Beam parsed them.
      key: Key or option that they come from, for messages.

    Raises:
      ConfigError: says what is missing or unknown.
    """
    from apache_beam.options.pipeline_options import PortableOptions
    from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator

    given = options.view_as(PortableOptions)
    place = given.environment_type or ""
    if place and place not in _PLACES and not place.startswith("beam:env:"):
        raise ConfigError(
            f"{key}: expected --environment_type of {', '.join(_PLACES)}, got {place!r}."
            f"{nearest(place.upper(), _PLACES)}"
        )
    problems = PipelineOptionsValidator(options, None).validate_environment_options(given)
    if problems:
        raise ConfigError(f"{key}: expected options that Beam takes; it says: {problems[0].rstrip('.')}")
    if place == "PROCESS" and given.environment_config and not _names_command(given.environment_config):
        raise ConfigError(
            f'{key}: expected --environment_config={{"command": "/PATH/OF/boot"}} with --environment_type=PROCESS, '
            f"the program that starts a worker, got {given.environment_config!r}"
        )


def _names_command(text: str) -> bool:
    try:
        config = json.loads(text)
    except ValueError:
        return False
    return isinstance(config, dict) and isinstance(config.get("command"), str)
