"""Reads folders of images and TFRecord files block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasline.components.core import ConfigError, nearest, new_name
from kerasline.components.datasets.arrays import check_no_sequence, compression_of, with_plain_images
from kerasline.components.datasets.images import examine, path_problem, plain_image
from kerasline.components.prediction.reading.blocks import PLACE_OF_RECORD, Block
from kerasline.components.prediction.reading.pictures import MAX_PIXELS

if TYPE_CHECKING:
    from kerasline.components.prediction.reading.planning import PredictionPlan

IMAGES_PER_BLOCK = 64  # decoded images take far more memory than rows of a table
RECORDS_PER_BLOCK = 1024
_THREADS = 4
_RECORDS_LOOKED_AT = 100


def read_images(plan: PredictionPlan, shard: Mapping[str, Any]) -> Iterator[Block]:
    """Yields images as encoded bytes; files whose header is no image's are set aside."""
    import pyarrow as pa

    root = Path(shard["path"])
    (column,) = plan.record["columns"]
    with ThreadPoolExecutor(_THREADS) as pool:
        for start in range(0, len(shard["names"]), IMAGES_PER_BLOCK):
            names = shard["names"][start : start + IMAGES_PER_BLOCK]
            read = list(pool.map(lambda name: _read_image(root, name), names))
            contents: list[Any] = [content for content, _ in read]
            problems = {row: problem for row, (_, problem) in enumerate(read) if problem}
            keys = pa.table({"path": pa.array(names, pa.string())})
            yield Block(keys, {column["name"]: contents}, None, list(names)).reject(problems, str(root))


def _read_image(root: Path, name: str) -> tuple[bytes | None, str]:
    path = root / name
    problem = path_problem(path, root.resolve())
    if problem:
        return None, problem.replace("the data folder", "the folder")
    try:
        content = path.read_bytes()
    except OSError as error:
        return None, f"cannot be read ({error.strerror or error})"
    checked = examine(content, decode=False, max_pixels=MAX_PIXELS)
    if checked.shape is None:
        return None, checked.problem
    try:
        return plain_image(content), ""
    except (OSError, ValueError, SyntaxError) as error:
        return None, f"cannot be decoded ({(str(error).splitlines() or ['damaged'])[0]})"


def plan_records(
    files: Iterable[Path], record: Mapping[str, Any], keys: Sequence[str]
) -> tuple[list[dict[str, Any]], list[str], list[str]]:
    """Checks TFRecord files before anything is loaded.

    Args:
      files: Of records.
      record: What was recorded when the version was pushed.
      keys: Features to repeat beside the file and the number of the record.

    Returns:
      What one worker reads, the keys, and no notes.

    Raises:
      ConfigError: a file is empty, or a feature has several values a record.
    """
    for path in files:
        if path.stat().st_size == 0:
            raise ConfigError(f"{path} is empty; check that the right file was named")
    columns = {column["name"]: column for column in record["columns"]}
    for key in keys:
        _check_single(columns.get(key))
    known = {*columns, *record["label"]["columns"]}
    features = [key for key in dict.fromkeys(keys) if key not in PLACE_OF_RECORD or key in known]
    places = [new_name(name, features) for name in PLACE_OF_RECORD]
    return [{"path": str(path), "features": features} for path in files], [*places, *features], []


def _check_single(column: Mapping[str, Any] | None) -> None:
    """Refuses a feature of which a record has no single value that could be repeated."""
    if column and (column["shape"] or column["dtype"] == "image"):
        what = "images" if column["dtype"] == "image" else "several numbers a record"
        raise ConfigError(f"--key: feature {column['name']!r} has {what}; name features of one value")


def read_records(plan: PredictionPlan, shard: Mapping[str, Any]) -> Iterator[Block]:
    """Yields serialized tf.Examples.

    Raises:
      ConfigError: the file is damaged, holds something else, or lacks a feature that the model reads.
    """
    import tensorflow as tf

    path = shard["path"]
    records = tf.data.TFRecordDataset(path, compression_type=compression_of(path)).as_numpy_iterator()
    seen = 0
    while True:
        try:
            block = list(islice(records, RECORDS_PER_BLOCK))
        except (tf.errors.DataLossError, tf.errors.OutOfRangeError) as error:
            reason = str(error.message).split(" [")[0]
            raise ConfigError(f"{path} is damaged after record {seen} ({reason}); copy or write it again") from None
        if not block:
            break
        if seen == 0:
            _check_features(block[:_RECORDS_LOOKED_AT], plan, path)
        yield _block_of(block, seen, shard, plan)
        seen += len(block)
    if seen == 0:
        raise ConfigError(f"{path} has no records; check that the right file was named")


def _block_of(records: list[bytes], before: int, shard: Mapping[str, Any], plan: PredictionPlan) -> Block:
    """Makes a block of records; those of which a key cannot be repeated are set aside.

    Raises:
      ConfigError: it is the first block, and a key can be repeated of no record.
    """
    import pyarrow as pa

    path = shard["path"]
    places = list(range(before + 1, before + len(records) + 1))
    file, record = plan.keys[: len(PLACE_OF_RECORD)]
    keys = {file: pa.array([Path(path).name] * len(records), pa.string()), record: pa.array(places, pa.int64())}
    reasons: dict[int, str] = {}
    for feature in shard["features"]:
        values, problems = _key_values(records, feature)
        if not before and values.null_count == len(values):
            _check_key(feature, problems, plan, path)
        keys[feature] = values
        reasons |= problems
    return Block(pa.table(keys), {}, _plain(records, plan), places).reject(reasons, path)


def _plain(records: list[bytes], plan: PredictionPlan) -> list[bytes]:
    """Gives records whose images are as those that the model was fitted on."""
    images = [column["name"] for column in plan.record["columns"] if column["dtype"] == "image"]
    return [with_plain_images(record, images) for record in records] if images else records


def _check_features(records: Sequence[bytes], plan: PredictionPlan, path: str) -> None:
    """Looks into the first records for every feature that all rows had when the model was trained."""
    import tensorflow as tf

    found: set[str] = set()
    for number, record in enumerate(records, start=1):
        try:
            example = tf.train.SequenceExample.FromString(record)
        except Exception:  # protobuf's DecodeError differs between its backends; the model refuses such rows
            continue
        check_no_sequence(example, number, path)
        found.update(example.context.feature)
    if not found:
        raise ConfigError(f"the records of {path} are no tf.Examples; write them with tf.train.Example")
    needed = [column["name"] for column in plan.record["columns"]]
    for column in plan.record["columns"]:
        if column["name"] not in found and not column["missing"]:
            others = [feature for feature in found if feature not in needed]
            raise ConfigError(
                f"{path} has no feature {column['name']!r}, which the model reads; its features are "
                f"{', '.join(sorted(found)[:20])}.{nearest(column['name'], others)}"
            )


def _check_key(feature: str, problems: Mapping[int, str], plan: PredictionPlan, path: str) -> None:
    """Refuses a key of which the first records have no value that could be repeated.

    Columns of the model and its label may have one in later records alone.
    """
    if problems:
        raise ConfigError(f"--key: {next(iter(problems.values()))} in {path}; name features of one value")
    known = {*(column["name"] for column in plan.record["columns"]), *plan.record["label"]["columns"]}
    if feature not in known:
        raise ConfigError(
            f"--key: none of the first {RECORDS_PER_BLOCK} records of {path} has the feature {feature!r}; "
            "check its name"
        )


def _key_values(records: Sequence[bytes], feature: str) -> tuple[Any, dict[int, str]]:
    """Returns the values of a feature as text, which is one type for every block, whatever the first one holds.

    Returns:
      An Arrow array, and for records whose value cannot be repeated what is wrong with it.
    """
    import pyarrow as pa

    texts: list[str | None] = []
    problems: dict[int, str] = {}
    for row, values in enumerate(_values_of(record, feature) for record in records):
        text = _as_text(values[0]) if len(values) == 1 else None
        if values and text is None:
            what = "several values" if len(values) > 1 else "bytes that are no text"
            problems[row] = f"feature {feature!r} has {what}"
        texts.append(text)
    return pa.array(texts, pa.string()), problems


def _values_of(record: bytes, feature: str) -> list[Any]:
    import tensorflow as tf

    try:
        found = tf.train.Example.FromString(record).features.feature.get(feature)
    except Exception:  # protobuf's DecodeError differs between its backends; the model refuses such rows
        return []
    kind = found.WhichOneof("kind") if found is not None else None
    return list(getattr(found, kind).value) if kind else []


def _as_text(value: Any) -> str | None:
    try:
        return value.decode() if isinstance(value, bytes) else str(value)
    except UnicodeDecodeError:
        return None
