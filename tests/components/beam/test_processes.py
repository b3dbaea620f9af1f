"""``run.beam: auto``: one process for small data, several where they are clearly faster."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from kerasline.components.beam import Work, choose_processes, process_options, processes as module
from kerasline.components.beam.processes import START_SECONDS
from kerasline.pipeline.config.run_options import RunOptions

LARGE = Work(rows=4_000_000, columns=10, evaluated=400_000, shards=20)


@pytest.mark.parametrize("cores", [1, 2, 4, 8, 64])
def test_small_data_stays_in_one_process(cores: int) -> None:
    assert choose_processes(Work(150, 5, 15, 3), cores) == {}
    assert choose_processes(Work(70_000, 2, 10_000, 14), cores) == {}, "MNIST"


def test_large_data_is_shared() -> None:
    assert choose_processes(LARGE, 1) == {}
    assert choose_processes(LARGE, 2) == {}
    measured = replace(LARGE, evaluated=1_200_000)
    assert choose_processes(measured, 2) == {"evaluate": 2}
    assert choose_processes(LARGE, 8) == dict.fromkeys(("statistics", "transform", "evaluate"), 8)
    assert choose_processes(replace(LARGE, rows=40_000_000), 2)["ingest"] == 2
    assert choose_processes(replace(measured, shards=4), 8)["evaluate"] == 4, "no more processes than there are parts"
    assert choose_processes(replace(LARGE, shards=1), 8) == {}, "one file is read by one"


def test_more_data_never_takes_a_step_back_into_one_process() -> None:
    before: set[str] = set()
    for rows in range(0, 5_000_000, 50_000):
        chosen = set(choose_processes(Work(rows, 10, rows // 10, 100), 4))
        assert before <= chosen
        before = chosen
    assert before


def test_what_is_chosen_pays_for_its_start() -> None:
    """Even were the start half as long again, the step would be no more than a tenth slower than in one process."""
    for rows in range(0, 8_000_000, 20_000):
        work = Work(rows, 10, rows // 10, 100)
        for count in (2, 4, 16):
            for step in choose_processes(work, count):
                alone = module._seconds(module._COSTS[step], work)
                assert 1.5 * START_SECONDS + alone / (1 + 0.8 * (count - 1)) <= 1.1 * alone


def test_options_are_those_of_the_direct_runner() -> None:
    assert process_options({"evaluate": 3}) == {
        "evaluate": ["--direct_running_mode=multi_processing", "--direct_num_workers=3", "--beam_plugins=tfx"]
    }


def test_the_cores_of_a_container_count(tmp_path: Path) -> None:
    file = tmp_path / "cpu.max"
    for text, cores in (("200000 100000\n", 2), ("50000 100000\n", 1), ("max 100000\n", 1 << 16)):
        file.write_text(text)
        assert module._cores_of_container(file) == cores
    assert module._cores_of_container(tmp_path / "none") == 1 << 16


def test_the_recipe_has_the_last_word() -> None:
    assert RunOptions().beam == "auto"
    assert RunOptions().engine() == RunOptions(beam=[]).engine() == []
    assert RunOptions(beam=["--direct_num_workers", "2"]).engine() == ["--direct_num_workers=2"]
    for wrong in ("automatic", 2, True, [2], {"auto": 1}, "--direct_num_workers=2"):
        with pytest.raises(ValidationError, match="expected auto, or a list of Beam's options such as") as refusal:
            RunOptions.model_validate({"beam": wrong})
        assert json.dumps(wrong)[1:-1] in str(refusal.value).replace("'", '"') or isinstance(wrong, bool)
