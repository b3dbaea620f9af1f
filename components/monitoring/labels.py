"""Labels that come late: read from a file, found among the captured answers by id, and kept beside them.

``captured/NAME/labels/version=3/day=2026-11-29/labels.parquet`` has the labels of the answers of that version and day.
Where an id has several labels, in a file or from file to file, the last one counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from kerasline.components.core import ConfigError, counted, remove_left
from kerasline.components.monitoring.parts import read_parts, telling_damage
from kerasline.components.monitoring.records import ANSWERS, LABELS, id_text
from kerasline.components.monitoring.writing import write_table
from kerasline.components.prediction import READERS, plan_prediction, read_truths

LABELS_FILE = "labels.parquet"
_COUNTED = (
    *("rows", "joined", "new", "changed", "unchanged"),
    *("repeated", "contradicting", "without_label", "unreadable"),
)
_WHAT_IDS_ARE = (
    "an id is the X-Request-Id of a request, or a cell of the column that predict --key names; where none was given it "
    "was made, and stands in the answer's header, or in the column request_id that predict wrote"
)
_FIRST_ROW = "-0"  # what some put after the id of a request of one row, too


def join_labels(
    captured: Path, name: str, source: str, key: str, records: Mapping[int, Mapping[str, Any]], newest: int
) -> dict[str, Any]:
    """Joins the labels of a file to the captured answers.

    Args:
      captured: the workspace's ``captured``.
      name: of the model.
      source: a table of any kind that ``predict`` reads, with the label's column.
      key: its column of ids.
      records: of the versions that answered, by number.
      newest: the version whose record says what the label's column is called.

    Returns:
      ``rows`` of the file; of captured answers ``joined`` (that have a label now), of these ``new``, ``changed`` and
      ``unchanged``; ``ids`` of the file that were captured, fewer than ``joined`` where two versions answered, and
      ``unknown`` (never captured); ``repeated`` rows, and ``contradicting`` ids among them; ``without_label`` and
      ``unreadable`` labels, and ``problem``, the first of these.

    Raises:
      ConfigError: the file or a column of it is not there, or no label can be read.
    """
    table = _read(source, key, records[newest])
    counts = Counter(rows=len(table)) + _count_repeated(table)
    table = table[table["id"].notna()].drop_duplicates("id", keep="last")
    seen, problem = np.zeros(len(table), bool), ""
    with filelock.FileLock(str(_own_folder(captured, name) / ".labels.lock")):
        for folder in sorted((captured / name / ANSWERS).glob("version=*/day=*")):
            version = int(folder.parent.name.partition("=")[2])
            found = _find(folder, table["id"].to_numpy())
            seen[list(found.values())] = True
            if found:
                day = captured / name / LABELS / folder.parent.name / folder.name
                # A version that is deleted by now read labels as its successors do.
                more, first = _keep(day, found, table, records.get(version, records[newest]))
                counts.update(more)
                problem = problem or first
    told = {name: counts[name] for name in _COUNTED}
    return {**told, "ids": int(seen.sum()), "unknown": int((~seen).sum()), "problem": problem or None}


def _own_folder(captured: Path, name: str) -> Path:
    folder = captured / name
    if not (folder / ANSWERS).is_dir():
        raise ConfigError(
            f"expected captured answers of {name} in {folder}, but there are none; serve it with: kerasline serve "
            f"--model {name} --capture 1"
        )
    return folder


def _read(source: str, key: str, record: Mapping[str, Any]) -> Any:
    """Reads the ids and the cells of the label as a data frame: ``id`` and ``0``, ``1`` and so on."""
    import pandas as pd

    labels = record["label"]["columns"]
    if key in labels:
        raise ConfigError(f"--key: expected the column of request ids, got {key!r}, which is the label")
    asked = {**record, "columns": [], "reading": {}}  # no input is read

    def plan(keys: list[str]) -> Any:
        return plan_prediction(source, Path(), "", asked, None, keys)

    plan([key])
    try:
        planned = plan([key, *labels])
    except ConfigError as error:
        raise ConfigError(str(error).replace("--key:", "the label:")) from None
    if planned.kind not in ("csv", "parquet"):
        raise ConfigError(f"expected a table with the columns {key} and {', '.join(labels)}, got {source}")
    frames = [
        pd.DataFrame({name: block.keys.column(name).to_pylist() for name in (key, *labels)}, dtype=object)
        for shard in planned.shards
        for block in READERS[planned.kind](planned, shard)
    ]
    frame = pd.concat(frames, ignore_index=True)
    frame.columns = ["id", *map(str, range(len(labels)))]
    frame["id"] = [id_text(value) or None for value in frame["id"]]
    return frame


def _count_repeated(table: Any) -> Counter[str]:
    known = table[table["id"].notna()].astype(str)
    repeated = int(known.duplicated("id").sum())
    different = known.drop_duplicates()
    contradicting = int(different.loc[different.duplicated("id"), "id"].nunique())
    return Counter(repeated=repeated, contradicting=contradicting)


def _find(folder: Path, ids: np.ndarray) -> dict[str, int]:
    """Returns the answered ids of a day that are among some ids, with the place of each there."""
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted, found = pa.array(ids, pa.string()), dict[str, int]()
    for batch in read_parts(folder, ["request_id", "code"]):
        answered = batch.column("request_id").filter(pc.equal(batch.column("code"), 200))
        places = pc.index_in(answered, value_set=wanted)
        others = pc.index_in(
            pc.binary_join_element_wise(answered, pa.scalar(_FIRST_ROW), pa.scalar("")), value_set=wanted
        )
        places = pc.coalesce(places, others)
        there = pc.is_valid(places)
        found.update(zip(answered.filter(there).to_pylist(), places.filter(there).to_pylist(), strict=True))
    return found


def _keep(day: Path, found: Mapping[str, int], table: Any, record: Mapping[str, Any]) -> tuple[Counter[str], str]:
    """Writes the labels of a day anew, with those that have come."""
    ids, places = list(found), list(found.values())
    rows = table.iloc[places]
    truths = read_truths([rows[column].tolist() for column in table.columns[1:]], record)
    labelled = zip(truths.rows.tolist(), truths.labels, strict=True)
    come = {ids[row]: _written(label, record) for row, label in labelled}
    before = labels_of(day)
    new = {one: label for one, label in come.items() if one not in before}
    changed = {one: label for one, label in come.items() if one in before and before[one][0] != label}
    _add_labels(day, before, {**new, **changed})
    counts = Counter[str](
        without_label=truths.missing, unreadable=len(truths.problems), joined=len(come), new=len(new),
        changed=len(changed), unchanged=len(come) - len(new) - len(changed),
    )  # fmt: skip
    return counts, next(iter(truths.problems.values()), "")


def _add_labels(day: Path, before: Mapping[str, tuple[Any, datetime]], come: Mapping[str, Any]) -> None:
    """Writes the labels of a day anew where some have come or changed."""
    import pyarrow as pa

    if not come:
        return
    now = datetime.now(UTC)
    labels = {**before, **{one: (label, now) for one, label in come.items()}}
    day.mkdir(parents=True, exist_ok=True)
    remove_left(day / LABELS_FILE, 0)  # by the lock nobody else writes labels
    columns = {"request_id": list(labels), "label": [label for label, _ in labels.values()]}
    times = pa.array([at for _, at in labels.values()], pa.timestamp("us", tz="UTC"))
    write_table(pa.table(columns).append_column("labelled_at", times), day / LABELS_FILE)


def _written(label: Any, record: Mapping[str, Any]) -> Any:
    """Returns a label as it is kept: the name of a class, a number, or a list of 0 and 1."""
    if record["task"] == "multilabel":
        return [float(value) for value in label]
    return float(label) if record["classes"] is None else record["classes"][int(label)]


def labels_of(day: Path) -> dict[str, tuple[Any, datetime]]:
    """Returns the labels of a version and day, and when they came, by id of the row."""
    import pyarrow.parquet as pq

    path = day / LABELS_FILE
    try:
        with telling_damage(path):
            table = pq.read_table(path, partitioning=None)
    except FileNotFoundError:  # none have come, or a server deletes the day
        return {}
    ids, labels = (table.column(name).to_pylist() for name in ("request_id", "label"))
    # The labels of a file have come at one time: each is made a datetime once, which takes long for millions.
    times = table.column("labelled_at").combine_chunks().dictionary_encode()
    known = times.dictionary.to_pylist()
    came = [known[place] for place in times.indices.to_pylist()]
    return {row: (label, at) for row, label, at in zip(ids, labels, came, strict=True)}


def describe_joined(name: str, outcome: Mapping[str, Any]) -> list[str]:
    """Says in sentences what became of a file of labels."""
    lines = [
        f"{name}: {counted(outcome['joined'], 'answer has its label', 'answers have their labels')} "
        f"({outcome['new']:,} new, {outcome['changed']:,} changed, {outcome['unchanged']:,} as before)"
    ]
    if outcome["joined"] > outcome["ids"]:
        lines.append(f"  to {outcome['ids']:,} requests, some of which a shadow has answered, too")
    said = {
        "unknown": "ids were never captured; give the file again if their answers were given within the last seconds",
        "repeated": "rows repeat an id of the file, of which the last row counts",
        "contradicting": "ids of the file have different labels, of which the last counts",
        "without_label": "rows have no label",
        "unreadable": f"labels cannot be read; the first: {outcome['problem']}",
    }
    lines += [f"  {outcome[key]:,} {words}" for key, words in said.items() if outcome[key]]
    if outcome["unknown"] and not outcome["ids"]:
        lines.append(f"  {_WHAT_IDS_ARE}")
    return lines
