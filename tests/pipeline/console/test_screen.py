"""The screen: lines for people, everything else in the log."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kerasline.components.core.progress import Progress
from kerasline.pipeline.console import screen as screen_module
from kerasline.pipeline.console.screen import Screen, format_seconds

ROOT = Path(__file__).resolve().parents[3]
NOISY = """
import logging, os, sys
from pathlib import Path
from kerasline.components.core import progress
from kerasline.pipeline.console.screen import screen_apart
print("before")
with screen_apart(Path(sys.argv[1])) as screen:
    screen.line("a step [with brackets]")
    print("printed by a library")
    os.write(1, b"written by C++ to 1\\n")
    os.write(2, b"written by C++ to 2\\n")
    logging.getLogger("tfx").info("logged by a library")
    progress.report("trial", 1, 3, "val_accuracy 0.9", permanent=True)
progress.report("trial", 2, 3, "nobody listens", permanent=True)
print("after")
print("end", file=sys.stderr)
"""


def test_noise_goes_to_the_log_and_steps_to_the_terminal(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "run.log"
    done = subprocess.run(
        [sys.executable, "-c", NOISY, str(log)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        "before",
        "a step [with brackets]",
        "    trial 1/3  val_accuracy 0.9",
        "after",
    ]
    assert done.stderr == "end\n"
    noise = log.read_text()
    for text in ("printed by a library", "written by C++ to 1", "written by C++ to 2", "logged by a library"):
        assert noise.count(text) == 1, text
    assert "kerasline.progress trial 1/3 val_accuracy 0.9" in noise


def test_noise_stays_away_from_a_live_line(tmp_path: Path) -> None:
    script = NOISY.replace('    print("printed', '    screen.start("  step [1]")\n    print("printed')
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "log")],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "FORCE_COLOR": "1"}, capture_output=True, text=True,
        check=True, timeout=60,
    )  # fmt: skip
    assert "step [1]" in done.stdout, "no live line was drawn"
    assert "printed by" not in done.stdout and "written by" not in done.stdout
    assert "printed by a library" in (tmp_path / "log").read_text()


def test_the_descriptors_come_back_after_an_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError), screen_module.screen_apart(tmp_path / "log"):
        os.write(1, b"noise\n")
        raise RuntimeError
    os.write(1, b"heard again\n")
    assert capfd.readouterr().out == "heard again\n"
    assert "noise" in (tmp_path / "log").read_text()


def test_without_a_terminal_a_long_step_is_heard_of_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(screen_module.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    screen = Screen(stream)
    screen.start("  train")
    for second in range(1, 31):
        now[0] = float(second)
        screen.show(Progress("epoch", second, 40, "loss 0.5"))
    assert stream.getvalue().splitlines() == [
        "    epoch 11/40  loss 0.5  about 29.0 s left",
        "    epoch 22/40  loss 0.5  about 18.0 s left",
    ]
    screen.show(Progress("fit", 1, 1, "again", permanent=True))
    now[0] = 35.0
    screen.show(Progress("epoch", 5, 20, "loss 0.4"))
    assert stream.getvalue().splitlines()[-1] == "    epoch 5/20  loss 0.4  about 15.0 s left"


def test_lines_that_stay_on_the_screen_tell_no_remaining_time() -> None:
    stream = io.StringIO()
    Screen(stream).show(Progress("trial", 2, 5, "val_loss 0.1", permanent=True))
    Screen(stream).show(Progress("epoch", 1, 9, "training.budget 1s ended the fit", permanent=True))
    assert stream.getvalue().splitlines() == [
        "    trial 2/5  val_loss 0.1",
        "    epoch 1/9  training.budget 1s ended the fit",
    ]


def test_a_total_that_nobody_knows() -> None:
    stream = io.StringIO()
    Screen(stream).show(Progress("row", 12, None, "", permanent=True))
    assert stream.getvalue().rstrip() == "    row 12"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (4.26, "4.3 s"), (59.94, "59.9 s"), (60, "1 min 0 s"), (200.4, "3 min 20 s"),
     (3599.6, "1 h 0 min"), (3600 + 5 * 60 + 9, "1 h 5 min")],
)  # fmt: skip
def test_durations_for_people(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text
