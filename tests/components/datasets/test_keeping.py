"""What was found out about data is kept: files are read again when they changed, and only then."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets import DataOptions, keeping, resolving
from kerasline.components.datasets.description.spec import Dataset

HEADER = "x,y\n"
ROWS = "".join(f"{number},{'yes' if number % 3 else 'no'}\n" for number in range(300))
CSV = {"csv": {"path": "t.csv", "label": "y"}}


class Readings:
    """Resolves a data block as a run in a workspace does, and counts how often the files are read for it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.kept, self.count = folder, folder / "workspace" / "described", 0
        self.then: Callable[[], Any] = lambda: None
        find = resolving._find

        def counted(*arguments: Any) -> Any:
            self.count += 1
            found = find(*arguments)
            self.then()
            return found

        monkeypatch.setattr(resolving, "_find", counted)
        monkeypatch.setattr(keeping, "_FEWEST_BYTES", 1)
        monkeypatch.setattr(keeping, "_RECENT_NS", 0)

    def __call__(self, seed: int = 0, named: Any = None, name: str = "test", **block: Any) -> Dataset:
        options = DataOptions.model_validate(block or CSV)
        return resolving.resolve(
            options, name=name, base_dir=self.folder, data_dir=None, seed=seed, named=named, kept=self.kept
        )

    def files(self) -> list[str]:
        return sorted(path.name for path in self.kept.iterdir()) if self.kept.is_dir() else []


@pytest.fixture
def readings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[..., Path]) -> Readings:
    write("t.csv", HEADER + ROWS)
    return Readings(tmp_path, monkeypatch)


def test_files_that_have_not_changed_are_not_read_again(readings: Readings) -> None:
    first = readings()
    assert readings() == first
    assert readings().to_json() == first.to_json()
    assert readings.count == 1


@pytest.mark.parametrize(
    "asked",
    [
        {"seed": 1},
        {"name": "other"},
        {"named": {"x": ["7"]}},
        {"csv": {"path": "t.csv", "label": "x"}},
        {**CSV, "limit": 50},
        {**CSV, "split": {"method": "stratified"}},
    ],
    ids=str,
)
def test_another_question_is_answered_from_the_files(readings: Readings, asked: dict[str, Any]) -> None:
    plain = readings()
    other = readings(**asked)
    assert readings.count == 2
    assert other != plain
    assert (readings(), readings(**asked), readings.count) == (plain, other, 2)


def test_other_code_reads_again(readings: Readings, monkeypatch: pytest.MonkeyPatch) -> None:
    readings()
    monkeypatch.setattr(keeping, "code_version", lambda *modules: "changed")
    readings()
    assert readings.count == 2


def test_a_file_that_changed_is_read_again(readings: Readings, write: Callable[..., Path]) -> None:
    before = readings()
    write("t.csv", HEADER + ROWS + "1,no\n")
    assert readings().rows == before.rows + 1


def test_a_change_that_keeps_size_and_time_of_change_is_seen(readings: Readings, write: Callable[..., Path]) -> None:
    path = readings.folder / "t.csv"
    before, found = readings(), path.stat()
    write("t.csv", HEADER + ROWS.replace("299,yes", "299,not"))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (found.st_size, found.st_mtime_ns)
    after = readings()
    assert (before.label.classes, after.label.classes) == (("no", "yes"), ("no", "not", "yes"))


def test_a_file_that_was_replaced_by_an_older_one_is_read(readings: Readings, write: Callable[..., Path]) -> None:
    before = readings()
    os.utime(write("u.csv", HEADER + ROWS * 2), ns=(0, 0))
    (readings.folder / "u.csv").replace(readings.folder / "t.csv")
    assert readings().rows == 2 * before.rows


def test_a_file_that_changed_just_now_is_not_trusted(readings: Readings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    count = Readings(readings.folder, monkeypatch)
    monkeypatch.setattr(keeping, "_RECENT_NS", 3_600_000_000_000)
    assert count() == count()
    assert (count.count, count.files()) == (2, [])


def test_half_a_row_of_a_file_that_grows_is_no_mistake_in_it(
    readings: Readings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = readings.folder / "t.csv"

    def find_half_a_row(*arguments: Any) -> Any:
        path.write_text(path.read_text() + "4,no\n")
        raise ConfigError("Line 302 of t.csv has 1 cell where 2 are expected")

    monkeypatch.setattr(resolving, "_find", find_half_a_row)
    with pytest.raises(ConfigError, match="t.csv changed while it was read"):
        readings()


def test_a_file_that_grows_while_it_is_read_is_refused_and_nothing_is_kept(
    readings: Readings, write: Callable[..., Path]
) -> None:
    path = write("t.csv", HEADER + ROWS * 10)  # so many that no rows are counted for the splits

    def grow() -> None:
        with open(path, "a") as stream:
            stream.write("4,no\n")

    readings.then = grow
    size = path.stat().st_size
    with pytest.raises(ConfigError) as caught:
        readings()
    assert str(caught.value) == (
        f"{path} changed while it was read ({size} bytes before, {size + 5} now); run again when nothing writes to it "
        "any more."
    )
    assert readings.files() == []


def test_a_file_that_matches_a_glob_while_it_is_read_is_not_forgotten(
    readings: Readings, write: Callable[..., Path]
) -> None:
    block = {"csv": {"path": "*.csv", "label": "y"}}
    readings.then = lambda: write("u.csv", HEADER + ROWS)
    first = readings(**block)
    readings.then = lambda: None
    assert (readings.count, readings.files()) == (1, [])
    assert readings(**block).rows == 2 * first.rows


def test_spans_and_images_are_kept_too(readings: Readings, write: Callable[..., Path]) -> None:
    from PIL import Image

    for span in (1, 2):
        write(f"span-{span}.csv", HEADER + ROWS)
    block = {"spans": {"pattern": "span-{SPAN}.csv", "label": "y"}}
    assert (readings(**block).rows, readings(**block).rows, readings.count) == (600, 600, 1)
    write("span-3.csv", HEADER + ROWS)
    assert (readings(**block).rows, readings.count) == (900, 2)
    for place in range(30):
        path = write(f"pets/{'cat' if place % 2 else 'dog'}/{place}.png", b"")
        Image.new("RGB", (4, 4), (place, 0, 0)).save(path)
    pets = {"images": {"path": "pets"}}
    assert (readings(**pets), readings.count) == (readings(**pets), 3)
    (readings.folder / "pets" / "cat" / "1.png").unlink()
    assert (readings(**pets).rows, readings.count) == (29, 4)


def test_a_description_that_cannot_be_read_is_made_again(readings: Readings) -> None:
    first = readings()
    (kept,) = readings.kept.iterdir()
    kept.write_text(kept.read_text()[:100])
    assert (readings(), readings(), readings.count) == (first, first, 2)


def test_a_folder_that_cannot_be_written_costs_time_only(readings: Readings) -> None:
    readings.kept.parent.mkdir()
    readings.kept.write_text("a file")
    assert (readings().rows, readings().rows, readings.count) == (300, 300, 2)


def test_what_was_not_asked_for_longest_goes(readings: Readings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_MOST_FILES", 3)
    for seed in (1, 2, 3):
        readings(seed=seed)
        for age, path in enumerate(sorted(readings.kept.iterdir(), key=lambda path: -path.stat().st_mtime)):
            os.utime(path, (path.stat().st_mtime - 10 * (age + 1),) * 2)
    readings(seed=1)  # asked for again, it is the newest
    readings(seed=4)
    assert (len(readings.files()), readings.count) == (3, 4)
    readings(seed=1)
    assert readings.count == 4
    readings(seed=2)
    assert readings.count == 5


def test_threads_that_keep_at_once_leave_whole_descriptions(readings: Readings) -> None:
    found: list[Dataset] = []
    threads = [threading.Thread(target=lambda: found.append(readings())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (kept,) = readings.kept.iterdir()
    assert len(found) == 8
    assert set(map(Dataset.to_json, found)) == {kept.read_text()}


def test_small_data_and_data_by_name_are_not_kept(readings: Readings, monkeypatch: pytest.MonkeyPatch) -> None:
    readings(dataset="iris")
    monkeypatch.setattr(keeping, "_FEWEST_BYTES", 1_000_000)
    readings()
    assert readings.files() == []
