"""How many processes of this machine a Beam step is worth, where the recipe leaves that to us (``run.beam: auto``).

Each process loads TensorFlow before it works, so that several are slower than one unless there is enough to share. What
a step does for each value or row was measured (benchmarks/README.md); columns of text or images cost more than that, so
that what is estimated is too little rather than too much, and one process is kept where it is not clearly the slower.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kerasline.components.beam.engine_options import STUBS, importing

AUTO = "auto"
# Loading in every process, and handing data from one to another, in seconds of a step.
START_SECONDS = 25.0
# What two processes do in the time of one; each further one adds as much again.
_GAIN = 0.8
# Several processes are taken where they promise this part of one process's time, or less.
_WORTH_IT = 0.75
# A worker with TensorFlow, TFX and a model.
_WORKER_GIGABYTES = 3.0
# Seconds of one process, by step, for a million values (rows by columns), and for a million rows that it reads. Ingest
# is that of tables that are read by the column.
_COSTS = {"ingest": (0.7, 0.0), "statistics": (1.8, 0.0), "transform": (1.4, 0.0), "evaluate": (0.0, 110.0)}


@dataclass(frozen=True)
class Work:
    """How much a run has for Beam.

    Attributes:
      rows: Rows of all splits.
      columns: Columns, the label among them.
      evaluated: Rows of the split that the model is measured on.
      shards: Parts of the data, which one process each reads.
    """

    rows: int
    columns: int
    evaluated: int
    shards: int


def choose_processes(work: Work, limit: int) -> dict[str, int]:
    """Says which steps run in several processes, and in how many.

    Args:
      work: What the run has to do.
      limit: Processes that the machine has room for, from :func:`room_for_processes`.

    Returns:
      The number of processes by the name of the step; steps that one process does are not in it.
    """
    count = min(limit, work.shards)
    if count < 2:
        return {}
    together = 1 + _GAIN * (count - 1)
    seconds = {step: _seconds(cost, work) for step, cost in _COSTS.items()}
    return {step: count for step, alone in seconds.items() if START_SECONDS + alone / together <= _WORTH_IT * alone}


def _seconds(cost: tuple[float, float], work: Work) -> float:
    by_value, by_row = cost
    return (by_value * work.rows * work.columns + by_row * work.evaluated) / 1e6


def process_options(counts: Mapping[str, int], modules: Sequence[str] = ()) -> dict[str, list[str]]:
    """Returns Beam's options for each step that runs in several processes, which import some modules first."""
    return {
        step: ["--direct_running_mode=multi_processing", f"--direct_num_workers={count}", STUBS, *importing(modules)]
        for step, count in counts.items()
    }


def room_for_processes() -> int:
    """Says how many processes this machine has cores and memory for; the same each time, so that caches hold."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, _cores_of_container(), int(_memory_gigabytes() / _WORKER_GIGABYTES)))


def _cores_of_container(file: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    with suppress(OSError, ValueError):
        quota, period = file.read_text(encoding="utf-8").split()
        return max(1, int(quota) // int(period))
    return 1 << 16  # no limit, or none that is said here


def _memory_gigabytes() -> float:
    with suppress(OSError, ValueError, AttributeError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    return 0.0  # unknown, and one process is right everywhere
