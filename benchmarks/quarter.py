"""Plays a quarter in the life of a served model, with the real commands, each in a process of its own.

Rows are drawn from scikit-learn's table of breast cancer. Labels come ten days late. Tumours slowly become larger, and
then a new scanner measures lengths two fifths too long. A bad challenger answers some requests; a good one is trained
after the drift. The disk is full once, and the server, monitor, verdict, label and the run of a retrain are killed once
each with SIGKILL. At the end it is checked that the right version is in production, that every alarm and decision is on
a page, that no answered request is lost beyond what a kill and a full disk can lose, and that nothing of a redacted
column is on the disk.

The small disk is a mount in memory, for which it takes root; otherwise that part is left out.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.quarter_stage import (
    NAME,
    NEW_SCANNER,
    RECIPE,
    SECRET,
    SLOW_FROM,
    Clock,
    Server,
    Stage,
    World,
    has_worked,
    mounted,
    reads,
)
from kerasline.components.monitoring import ANSWERS, batches_of, days_of
from kerasline.components.registry import current_version, list_versions, read_challenger, read_events

DAYS, WEEK, DELAY = 91, 7, 10
BAD_DAY, SERVE_KILLED, VERDICT_KILLED, LABEL_KILLED, FULL_DAY, MONITOR_KILLED = 7, 12, 21, 28, 30, 35
RETRAIN_KILLED, RETRAINED, QUIET = 56, 63, 84
_DISK_MEGABYTES, _LEFT_BYTES = 900, 5 << 20
_ROWS_OF_A_SPAN = 400
# A kill loses what the server had not written yet: it writes every second, and a busy machine takes longer.
_MOST_LOST_SECONDS = 5.0
BAD = (
    *("--set", "training.epochs=1", "--set", "training.learning_rate=0.000001"),
    *("--set", "evaluation.thresholds={accuracy: {min: 0.0, max_drop: 1.0}}"),
    *("--set", "evaluation.beat_trivial=false", "--set", "push.promotion=canary", "--set", "push.share=0.3"),
)


@dataclass
class Play:
    """What goes on.

    Attributes:
      stage: processes, clock and client.
      world: where rows come from.
      server: that answers; another one after a kill.
      labelled: the last day whose labels have come.
      looks: day to what ``kerasline monitor`` found.
      verdicts: day to what ``kerasline verdict`` said.
      full: when the disk was filled and when rows were captured again (monotonic), and how many requests were dropped.
    """

    stage: Stage
    world: World
    server: Server = field(init=False)
    labelled: int = 0
    looks: dict[int, dict[str, Any]] = field(default_factory=dict)
    verdicts: dict[int, dict[str, Any]] = field(default_factory=dict)
    full: tuple[float, float, int] | None = None

    @property
    def models(self) -> Path:
        """The folder of the model's versions."""
        return self.stage.workspace / "models" / NAME

    def write_span(self, number: int, day: int) -> None:
        """Writes the rows of a week with their labels, as they are on one of its days."""
        frame = self.world.rows(day, _ROWS_OF_A_SPAN)
        frame.to_csv(self.stage.folder / "spans" / f"week-{number}.csv", index=False)

    def begin(self) -> None:
        """Trains the first version on four weeks, and serves it."""
        (self.stage.folder / "spans").mkdir()
        (self.stage.folder / f"{NAME}.yaml").write_text(RECIPE)
        for number in range(1, 5):
            self.write_span(number, 0)
        told = self.stage.run("run", f"{NAME}.yaml")
        assert (told["status"], current_version(self.models)) == ("pushed", 1)
        self.stage.tell(0, f"version 1 is in production; accuracy {told['metrics']['accuracy']:.3f} on its eval rows")
        self.server = Server(self.stage)

    def live(self, day: int) -> None:
        """Lives through a day."""
        self.stage.clock.set(day)
        if day == SERVE_KILLED:
            self.server.live_through(day, self.world, kill_at=25)
            self.server.process.wait()
            self.server = Server(self.stage)
            self.stage.tell(day, f"serve was killed; {self.stage.unanswered} requests had no answer; it is back")
            self.server.live_through(day, self.world, "again")
        else:
            self.server.live_through(day, self.world)
        if day == BAD_DAY:
            self.challenge_badly(day)
        if day == FULL_DAY:
            self.fill_the_disk(day)
        if day % WEEK == 0:
            self.work_of_a_week(day)

    def work_of_a_week(self, day: int) -> None:
        """Does what comes weekly: labels, data, a look, a verdict where there is a challenger, and retraining."""
        if day > 2 * WEEK:
            self.write_span(day // WEEK + 2, day - 2 * WEEK - WEEK // 2)
        if day > DELAY:
            self.label(day)
        self.look(day)
        if read_challenger(self.models) is not None and day > BAD_DAY:
            self.judge(day)
        if day == RETRAIN_KILLED:
            self.stage.run_and_kill("retrain", f"{NAME}.yaml", when=has_worked(12.0), child=True)
            self.stage.tell(day, "the run of a retrain was killed")
        if day in (RETRAINED, QUIET):
            told = self.stage.run("retrain", f"{NAME}.yaml")
            self.stage.tell(day, f"retrain: {told['status']}: {told['reason']}")

    def challenge_badly(self, day: int) -> None:
        """Pushes a model that has learnt nothing, past gates that were opened for it."""
        told = self.stage.run("run", f"{NAME}.yaml", *BAD)
        challenger = read_challenger(self.models)
        assert challenger is not None and (challenger.version, challenger.kind) == (2, "canary")
        self.stage.tell(day, f"version 2, accuracy {told['metrics']['accuracy']:.3f}, answers 30 % as a canary")

    def label(self, day: int) -> None:
        """Gives the labels of all rows that are ten days old, and have none yet."""
        last = day - DELAY
        rows = [one for one in self.stage.sent if self.labelled < one.day <= last]
        file = self.stage.folder / "diagnoses.csv"
        pd.DataFrame({"id": [one.row_id for one in rows], "diagnosis": [one.truth for one in rows]}).to_csv(
            file, index=False
        )
        words = ("label", NAME, str(file), "--key", "id")
        if day == LABEL_KILLED:
            self.stage.run_and_kill(*words, when=reads(self.stage.workspace / "captured" / NAME / "labels"))
            self.stage.tell(day, "label was killed, and is given the same file again")
        told = self.stage.run(*words)
        assert told["ids"] + told["unknown"] == len(rows), told
        self.labelled = last
        self.stage.tell(day, f"labels of {len(rows)} rows; {told['unknown']} of them were never captured")

    def look(self, day: int) -> None:
        """Looks at the last two weeks."""
        words = ("monitor", NAME, "--days", "14", "--html")
        if day == MONITOR_KILLED:
            self.stage.run_and_kill(*words, when=reads(self.stage.workspace / "captured"))
            self.stage.tell(day, "monitor was killed, and looks again")
        found = self.looks[day] = self.stage.run(*words)
        names = ", ".join(dict.fromkeys(f"{alarm['name']} ({alarm['kind']})" for alarm in found["alarms"]))
        figures = [f"{kind} {found[kind]['accuracy']['value']:.3f}" for kind in ("quality", "estimated") if found[kind]]
        self.stage.tell(day, f"version {found['version']}: {', '.join(figures)}; alarms: {names or 'none'}")

    def judge(self, day: int) -> None:
        """Asks for a verdict, and does what it says."""
        words = ("verdict", NAME, "--apply")
        if day == VERDICT_KILLED:
            self.stage.run_and_kill(*words, when=reads(self.stage.workspace / "captured"))
            self.stage.tell(day, "verdict was killed, and is asked again")
        found = self.verdicts[day] = self.stage.run(*words)
        what = f"{found['challenger']} against {found['incumbent']}: {found['verdict']}"
        self.stage.tell(day, f"verdict on {what}; {found['reasons'][0]}")

    def fill_the_disk(self, day: int) -> None:
        """Fills the small disk, goes on asking, and makes room again."""
        if not os.path.ismount(self.stage.workspace):
            self.stage.tell(day, "no full disk: none could be mounted here, which takes root")
            return
        dropped = self.server.metric("kerasline_capture_dropped_total")
        began = time.monotonic()
        filler = self.stage.workspace / "filler"
        free = os.statvfs(self.stage.workspace)
        with open(filler, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - _LEFT_BYTES)
        self.server.live_through(day, self.world, "full")
        deadline = time.monotonic() + 30
        while self.server.metric("kerasline_capture_dropped_total") == dropped:
            assert time.monotonic() < deadline, "nothing was dropped on a full disk"
            time.sleep(0.5)
        self.stage.tell(day, "the disk is full; requests are answered, and not captured")
        filler.unlink()
        written = self.server.metric("kerasline_captured_requests_total")
        deadline, number = time.monotonic() + 180, 0
        while self.server.metric("kerasline_captured_requests_total") == written:
            assert time.monotonic() < deadline, "capturing did not begin again"
            assert self.server.ask(self.world.with_secrets(self.world.rows(day, 1)), f"room{number}") == 200
            number += 1
            time.sleep(1)
        lost = int(self.server.metric("kerasline_capture_dropped_total") - dropped)
        self.full = (began, time.monotonic(), lost)
        self.stage.tell(day, f"there is room again; {lost} requests were dropped, and capturing goes on")


def check_captured(play: Play) -> str:
    """Checks that every answered row was captured, but for what was under way when the server was killed."""
    captured, ids = play.stage.workspace / "captured" / NAME, set[str]()
    for folder in (captured / ANSWERS).glob("version=*"):
        for day in days_of(captured, int(folder.name.partition("=")[2]), None):
            for batch in batches_of(day, None, ["request_id", "time", "code"]):
                ids.update(batch.filter(batch.column("code").to_numpy() == 200).column("request_id").to_pylist())
    missing = [one for one in play.stage.sent if one.row_id not in ids]
    began, ended, dropped = play.full or (0.0, 0.0, 0)
    by_disk = [one for one in missing if began <= one.at <= ended]
    by_kill = [one for one in missing if one.day == SERVE_KILLED and one.at <= play.stage.killed_at]
    assert len(missing) == len(by_disk) + len(by_kill), "rows are missing that no kill and no full disk explains"
    oldest = max((play.stage.killed_at - one.at for one in by_kill), default=0.0)
    assert oldest < _MOST_LOST_SECONDS, f"the kill lost rows that were answered {oldest:.1f} s before it"
    requests = {one.row_id.partition("-")[0] for one in by_disk}
    assert len(requests) <= dropped, f"{len(requests)} requests are missing and {dropped} were counted"
    return (
        f"{len(play.stage.sent):,} rows were answered; captured are all but {len(by_kill)} of the last {oldest:.1f} s "
        f"before the kill, and {len(by_disk)} of {len(requests)} requests on a full disk"
    )


def contents(file: Path) -> Iterator[bytes]:
    """Returns what a file holds, unpacked."""
    if file.suffix == ".parquet":
        import pyarrow.parquet as pq

        table = pq.read_table(file, partitioning=None)
        yield str(table.to_pydict()).encode()
    elif file.suffix == ".gz":
        yield gzip.decompress(file.read_bytes())
    yield file.read_bytes()


def find_secrets(folder: Path) -> list[Path]:
    """Returns the files that have a value of the redacted column in them, by name or within."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if any(SECRET.encode() in content for content in contents(path))]


def check_secrets(play: Play) -> str:
    """Checks that nothing of a redacted column is in the workspace or in what the commands said."""
    with tempfile.TemporaryDirectory() as name:
        play.world.with_secrets(play.world.rows(1, 200)).to_parquet(Path(name, "rows.parquet"), compression="zstd")
        assert find_secrets(Path(name)), "the search finds nothing"
    found = find_secrets(play.stage.workspace)
    found += [log for log in play.stage.folder.glob("*.log") if SECRET.encode() in log.read_bytes()]
    assert not found, f"values of a redacted column are in {found}"
    files = sum(path.is_file() for path in play.stage.workspace.rglob("*"))
    return f"no value of the redacted column is in any of {files:,} files of the workspace, or in the logs"


def check_decisions(play: Play) -> str:
    """Checks which version is in production, and that the page has every alarm, and the history every decision."""
    assert (current_version(play.models), list_versions(play.models)) == (3, [1, 2, 3])
    events = [(event.get("action", "push"), event["version"]) for event in read_events(play.models)]
    wanted = [("push", 1), ("challenge", 2), ("drop", 2), ("challenge", 3), ("promote", 3)]
    assert events == wanted, events
    page = (play.stage.workspace / "watch" / f"{NAME}.html").read_text(encoding="utf-8")
    assert page.count("challenged no more") == 1 and page.count("version 3 was promoted") == 1
    kept = json.loads((play.stage.workspace / "watch" / f"{NAME}.alarms.json").read_text(encoding="utf-8"))
    texts = [alarm["text"] for look in play.looks.values() for alarm in look["alarms"]]
    assert [text for look in kept for text in look["alarms"]] == texts, "an alarm is missing"
    lines = (play.stage.workspace / "schedules" / NAME / "decisions.jsonl").read_text().splitlines()
    statuses = [(one["run"], one["status"]) for one in map(json.loads, lines)]
    assert statuses[0] == (True, "failed") and statuses[1] == (True, "pushed") and not statuses[2][0], statuses
    return f"version 3 is in production; {len(texts)} alarms, {len(events)} events and {len(lines)} decisions are told"


def first_alarm(play: Play, kind: str, begun: int) -> int:
    """Returns the day of the first look after some day that had an alarm of a kind."""
    looks = ((day, {alarm["kind"] for alarm in look["alarms"]}) for day, look in play.looks.items())
    return next(day for day, kinds in looks if day > begun and kind in kinds)


def check_alarms(play: Play) -> str:
    """Checks that drifts were found, quality was measured as bad, and that it is good again."""
    calm = [day for day in play.looks if day <= SLOW_FROM]
    false = sum(bool(play.looks[day]["alarms"]) for day in calm)
    slow, sudden = (
        next(
            day for day, look in play.looks.items() if day > begun and any(a["kind"] == "drift" for a in look["alarms"])
        )
        for begun in (SLOW_FROM, NEW_SCANNER)
    )
    worse = next(day for day, look in play.looks.items() if any(a["kind"] == "quality" for a in look["alarms"]))
    last = play.looks[DAYS]["quality"]["accuracy"]["value"]
    assert worse > NEW_SCANNER and last > 0.85, (worse, last)
    return (
        f"false alarms: {false} of {len(calm)} looks; the slow drift of day {SLOW_FROM} was seen on day {slow}, the "
        f"new scanner of day {NEW_SCANNER} on day {sudden}, by labels on day {worse}; accuracy at the end {last:.3f}"
    )


def main() -> None:
    """Plays, and says what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a new folder for the play; it stays")
    folder = parser.parse_args().folder.resolve()
    folder.mkdir(parents=True)
    began = time.monotonic()
    with mounted(folder / "workspace", _DISK_MEGABYTES):
        play = Play(Stage(folder, folder / "workspace", Clock(folder / "clock")), World())
        try:
            play.begin()
            for day in range(1, DAYS + 1):
                play.live(day)
            play.server.stop()
        finally:
            if hasattr(play, "server") and play.server.process.poll() is None:
                play.server.process.kill()
        for check in (check_decisions, check_alarms, check_captured, check_secrets):
            print(f"holds   {check(play)}", flush=True)
    print(f"a quarter in {time.monotonic() - began:.0f} s; load of the machine {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
