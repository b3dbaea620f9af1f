"""Where Beam's steps run: the options of ``run.beam`` and of ``predict --beam``, completed and checked.

Beam takes options as a command line does and passes over what it does not know, so a slip would end as a run on the
wrong engine, or as an error of a worker in the middle of a run.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
from collections.abc import Callable, Sequence

from kerasline.components.beam.engine_reach import WAIT_SECONDS, check_answers, check_endpoint
from kerasline.components.beam.engine_workers import check_environment, is_within_the_job_server
from kerasline.components.core import ConfigError, nearest

# One process: the fastest for small data.
DEFAULTS = ("--runner=DirectRunner", "--direct_running_mode=in_memory", "--direct_num_workers=1")
# For workers elsewhere TFX packs itself, in every step that uses Beam: a second or two of each, and 50 MB that stay in
# the temporary folder. It does not where one of these options has a value. The package would not be enough anyway:
# workers need this project, too, so they are on this machine, or have an environment or an image of their own.
_PACKAGE_OPTIONS = (
    "--extra_package",
    "--extra_packages",
    "--setup_file",
    "--requirements_file",
    "--sdk_container_image",
    "--worker_harness_container_image",
)
NO_PACKAGE = "--sdk_container_image=none-is-needed"
# Without TFX's import stubs, workers in other processes cannot unpickle its steps.
STUBS = "--beam_plugins=tfx"
# The DirectRunner of Beam 2.68 and later downloads Prism, another runner, from GitHub at the first step and runs on it
# what it can, in processes of its own; without a network every step waits for the attempt to fail. It does not where a
# pipeline may have triggers that lose data. None here has triggers.
NO_PRISM = "--allow_unsafe_triggers"
# For a job service that has been there, and may be gone; Beam's own default is five minutes.
_PATIENCE = f"--job_server_timeout={WAIT_SECONDS}"
# Beam's own, with job servers that are ended.
_SERVERS = "kerasline.components.beam.job_servers"
_WITH_SERVER = {"flink": "FlinkRunner", "spark": "SparkRunner"}
_UNUSABLE = {"dask": "with Beam 2.77 it loses rows"}
_REQUIRED = {"dataflow": ("--project", "--region", "--temp_location")}
# Which options are one engine's own, by how they begin, and the runners that pass over them.
_OWN_OPTIONS = {
    "--direct_": ("DirectRunner", ("portable", "flink", "spark", "dataflow")),
    "--flink_": ("FlinkRunner", ("direct", "spark", "dataflow")),
    "--spark_": ("SparkRunner", ("direct", "flink", "dataflow")),
    "--job_endpoint": ("PortableRunner", ("direct", "dataflow")),
    "--environment_": ("PortableRunner", ("direct", "dataflow")),
    "--parallelism": ("FlinkRunner", ("direct", "spark", "dataflow")),
    **dict.fromkeys(
        ("--region", "--num_workers", "--max_num_workers", "--worker_machine_type", "--machine_type", "--dataflow_"),
        ("DataflowRunner", ("direct", "portable", "flink", "spark")),
    ),
}


def join_options(given: Sequence[str]) -> list[str]:
    """Joins options whose values are items of their own, as on a command line, into ``--name=value``.

    Args:
      given: Options and their values, each an item of its own or joined by ``=``.

    Raises:
      ValueError: an item is neither an option nor the value of one, or they are of several engines.
    """
    joined: list[str] = []
    for item in given:
        name = item.partition("=")[0]
        if name.startswith("--") and " " not in name.strip():
            joined.append(item.strip())
        elif joined and "=" not in joined[-1] and not item.startswith("-"):
            joined[-1] = f"{joined[-1]}={item}"
        else:
            raise ValueError(f"expected options of Beam such as --runner=PortableRunner, one an item, got {item!r}")
    _refuse_mixture(joined)
    return joined


def _refuse_mixture(options: Sequence[str]) -> None:
    """Refuses what the runner would pass over, because it is another one's; it would run elsewhere than was meant."""
    runners = list(dict.fromkeys(option.partition("=")[2] for option in options if option.startswith("--runner=")))
    if len(runners) > 1:
        raise ValueError(f"expected one --runner, got {' and '.join(runners)}")
    runner = runners[0] if runners else "DirectRunner"
    for name in _settings(options):
        for prefix, (own, others) in _OWN_OPTIONS.items():
            if name.startswith(prefix) and _kind({"--runner": runner}) in others:
                stated = f"--runner={runner}" if runners else f"no --runner, which means {runner}"
                raise ValueError(
                    f"expected options of one engine, got {name}, which is {own}'s, beside {stated}; leave out the one "
                    "or the other"
                )


def importing(modules: Sequence[str]) -> list[str]:
    """Returns the options by which workers in other processes import some modules before they do anything."""
    return [f"--beam_plugins={module}" for module in modules]


def complete_options(given: Sequence[str]) -> list[str]:
    """Adds the defaults, what TFX's steps need of workers in other processes, and what keeps Beam from a download.

    Args:
      given: Options as :func:`join_options` returns them.

    Returns:
      The options that are added, then those that were given.
    """
    named = _settings(given)
    settings = _settings([*DEFAULTS, *given])
    is_direct = _kind(settings) == "direct"
    is_one_process = is_direct and settings["--direct_running_mode"] == "in_memory"
    has_package = _needs_image(settings) or any(name in named for name in _PACKAGE_OPTIONS)
    needed = {
        **dict.fromkeys(DEFAULTS, True),
        STUBS: not is_one_process,
        NO_PRISM: is_direct,
        NO_PACKAGE: not has_package,
        _PATIENCE: "--job_endpoint" in named,
    }
    added = [option for option, is_needed in needed.items() if is_needed and not _is_given(option, given)]
    return [*added, *_with_own_servers(given)]


def _is_given(option: str, given: Sequence[str]) -> bool:
    """Says whether an option is among those given; one that may stand several times counts by its value."""
    if option == STUBS:
        return option in given
    return option.partition("=")[0] in _settings(given)


def _with_own_servers(given: Sequence[str]) -> list[str]:
    """Takes the runners of ours where Beam would start a job server, which then ends with the run."""
    settings = _settings([*DEFAULTS, *given])
    ours = _WITH_SERVER.get(_kind(settings))
    if ours is None or "--job_endpoint" in settings:
        return list(given)
    return [f"--runner={_SERVERS}.{ours}" if option.startswith("--runner=") else option for option in given]


def end_job_servers() -> None:
    """Ends the job servers of Flink and Spark that steps of this process started, while their files are still there."""
    if _SERVERS in sys.modules:
        importlib.import_module(_SERVERS).end_all()


def check_engine(
    given: Sequence[str],
    key: str = "run.beam",
    *,
    reach: bool = True,
    on_wait: Callable[[str], None] | None = None,
) -> None:
    """Refuses an engine that cannot run the steps, before any of them runs. Loads Beam.

    Args:
      given: Options as :func:`join_options` returns them.
      key: Key or option that they come from, for messages.
      reach: Whether it is this machine that hands the steps over, so that a job service has to answer.
      on_wait: Is told what is waited for where it does not answer yet; None to ask once.

    Raises:
      ConfigError: an option is unknown or missing, no such runner, or nothing answers where it should be.
    """
    if not given:
        return
    from apache_beam.runners.runner import create_runner

    settings = _settings([*DEFAULTS, *given])
    runner, kind = settings["--runner"], _kind(settings)
    if kind in _UNUSABLE:
        raise ConfigError(f"{key}: expected another runner than {runner}; {_UNUSABLE[kind]}")
    try:
        create_runner(runner)
    except (ValueError, ImportError, AttributeError) as error:
        raise ConfigError(f"{key}: expected a runner of Beam, got {runner!r}: {error}") from error
    _check_values(given, key, is_complete=kind == "direct")
    _check_needed(settings, key)
    check_endpoint(settings, kind, key)
    if reach:
        check_answers(settings, kind, key, on_wait)


def _check_needed(settings: dict[str, str], key: str) -> None:
    """Refuses an engine without the options that it cannot do without.

    Raises:
      ConfigError: names what is missing.
    """
    runner, kind = settings["--runner"], _kind(settings)
    missing = [name for name in _REQUIRED.get(kind, ()) if name not in settings]
    if missing:
        raise ConfigError(f"{key}: expected {', '.join(missing)} with {runner}, got none")
    if _needs_image(settings) and not set(settings) & set(_PACKAGE_OPTIONS):
        raise ConfigError(
            f"{key}: expected --sdk_container_image=IMAGE with {runner}, an image of Beam's workers that has kerasline"
            f"{'' if kind == 'dataflow' else ', or --environment_type=LOOPBACK for workers on this machine'}; got none"
        )


def _settings(options: Sequence[str]) -> dict[str, str]:
    return dict(option.partition("=")[::2] for option in options)


def _kind(settings: dict[str, str]) -> str:
    """Names the runner as Beam finds it: in any case, with or without its last word; ours as those that they are."""
    return settings["--runner"].removeprefix(f"{_SERVERS}.").lower().removesuffix("runner")


def _needs_image(settings: dict[str, str]) -> bool:
    """Says whether the workers are containers that the engine starts."""
    runner, environment = _kind(settings), settings.get("--environment_type")
    if runner == "dataflow":
        return True
    if runner not in ("portable", "flink", "spark"):
        return False
    # Beam's own rule: the runner of a cluster that it starts itself has its workers in the process that submits.
    if environment is None and runner in _WITH_SERVER and "--job_endpoint" not in settings:
        return not is_within_the_job_server(settings, runner)
    return environment in (None, "DOCKER")


def _check_values(given: Sequence[str], key: str, *, is_complete: bool) -> None:
    """Lets Beam parse the options.

    Args:
      given: Options as :func:`join_options` returns them.
      key: Key or option that they come from, for messages.
      is_complete: Whether it must know them all; runners with a job service ask that, which may know more.

    Raises:
      ConfigError: Beam does not take an option, or does not know it.
    """
    from apache_beam.options.pipeline_options import PipelineOptions

    unknown: list[str] = []
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            options = PipelineOptions(list(given))
            known = options.get_all_options(
                add_extra_args_fn=lambda parser: unknown.extend(parser.parse_known_args(list(given))[1])
            )
    except SystemExit as error:
        problem = said.getvalue().strip().rpartition("error: ")[2]
        raise ConfigError(f"{key}: expected options that Beam takes; it says: {problem}") from error
    check_environment(options, key)
    if int(known["direct_num_workers"]) < 0:
        raise ConfigError(
            f"{key}: expected --direct_num_workers of 1 or more, or 0 for all cores, got {known['direct_num_workers']}"
        )
    if is_complete and unknown:
        name = unknown[0].partition("=")[0]
        raise ConfigError(f"{key}: Beam knows no option {name}.{nearest(name.removeprefix('--'), known)}")
