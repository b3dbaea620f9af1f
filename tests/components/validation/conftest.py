"""Runs the steps up to the gate on a table that a test writes: ingest, statistics, curated schema, anomalies, gate."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.datasets import DataOptions, infer_task, resolve
from kerasline.components.datasets.description.spec import Dataset
from kerasline.components.example_gen.row_rules import RowRules
from kerasline.components.features.column_options import ColumnOptions
from kerasline.components.features.plan import FeaturePlan, plan_features
from kerasline.components.validation.policy.options import ValidationOptions
from kerasline.components.validation.schema.rules import follow_types, make_rules

# Rows as dicts, None for a missing cell.
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Judged:
    """What the steps left: the verdict and the profile as JSON, the schema as text, the Examples' folder."""

    verdict: dict[str, Any]
    profile: dict[str, Any]
    schema: str
    examples: Path
    rules: RowRules
    plan: FeaturePlan

    def check(self, name: str, column: str = "", split: str = "") -> dict[str, Any]:
        """Returns the one line of a check."""
        found = [
            line
            for line in self.verdict["checks"]
            if line["check"] == name and line["column"] == column and (not split or line["split"] == split)
        ]
        assert len(found) == 1, (name, column, split, found)
        return found[0]

    def rows(self, split: str) -> list[dict[str, Any]]:
        """Reads back the rows that went on."""
        import tensorflow as tf

        files = sorted(str(path) for path in (self.examples / f"Split-{split}").glob("*.gz"))
        found = []
        for record in tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator():
            features = tf.train.Example.FromString(record).features.feature
            found.append({k: list(getattr(f, f.WhichOneof("kind")).value) for k, f in features.items()})
        return found

    def aside(self) -> list[dict[str, Any]]:
        """Reads the rows in quarantine."""
        import pyarrow.parquet as pq

        folder = self.examples / "quarantine"
        return pq.read_table(folder).to_pylist() if folder.is_dir() else []


def write_csv(path: Path, rows: Rows) -> Path:
    """Writes rows as a CSV file; None is an empty cell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def judge_dataset(tmp_path: Path) -> Callable[..., Judged]:
    """Gives a function that runs the steps on a resolved dataset."""

    def call(
        dataset: Dataset,
        *,
        schema: str = "",
        validation: Mapping[str, Any] | None = None,
        features: Mapping[str, Any] | None = None,
        reference: dict[str, Any] | None = None,
    ) -> Judged:
        options = ValidationOptions.model_validate(validation or {})
        kinds = {name: ColumnOptions.model_validate(block) for name, block in (features or {}).items()}
        rules = make_rules(schema, dataset, options, [name for name, block in kinds.items() if block.kind])
        ingested = follow_types(dataset, rules)
        plan = plan_features(ingested, kinds, infer_task(ingested.label))
        root = tmp_path / f"judged-{len(list(tmp_path.glob('judged-*')))}"
        text = run_steps(dataset, rules, plan, schema, root)

        from kerasline.components.validation.judging import DataFolders, judge_data

        folders = DataFolders(*(str(root / name) for name in ("examples", "statistics", "schema", "anomalies")))
        splits = splits_of(root / "examples")
        judgement = judge_data(folders, splits, "trial", options, plan, reference, "version 1" if reference else "none")
        # Only what survives JSON counts.
        verdict, profile = json.loads(json.dumps([judgement.verdict, judgement.profile]))
        return Judged(verdict, profile, text, root / "examples", rules, plan)

    return call


@pytest.fixture
def judge(tmp_path: Path, judge_dataset: Callable[..., Judged]) -> Callable[..., Judged]:
    """Gives a function that runs the steps on rows; ``test`` are rows of a given test split."""

    def call(rows: Rows, *, label: str = "label", test: Rows | None = None, split: Any = None, **rest: Any) -> Judged:
        block: dict[str, Any] = {"csv": {"path": str(write_csv(tmp_path / "rows.csv", rows)), "label": label}}
        if test is not None:
            block["csv"]["test_path"] = str(write_csv(tmp_path / "test.csv", test))
        if split is not None:
            block["split"] = split
        options = DataOptions.model_validate(block)
        return judge_dataset(resolve(options, name="trial", base_dir=tmp_path, data_dir=None), **rest)

    return call


def run_steps(dataset: Dataset, rules: RowRules, plan: FeaturePlan, schema: str, root: Path) -> str:
    """Does what the components from ingest to anomalies do, with their own functions; returns the schema."""
    from kerasline.components.example_gen.duplicates import put_duplicates_aside
    from kerasline.components.example_gen.shards import write_shard
    from kerasline.components.validation.schema.schema import infer_schema, parse_schema, print_schema

    examples = root / "examples"
    for index in range(len(dataset.shards)):
        write_shard(index, dataset.to_json(), str(examples), rules.to_json())
    if rules.duplicates:
        put_duplicates_aside(str(examples), dataset)
    statistics = {split: describe(examples / f"Split-{split}") for split in splits_of(examples)}
    for split, proto in statistics.items():
        write_bytes(root / "statistics" / f"Split-{split}" / "FeatureStats.pb", proto.SerializeToString())
    found = {split: proto.datasets[0] for split, proto in statistics.items()}
    inferred = infer_schema(found, plan.label, plan.classes, plan.open_columns())
    settled = parse_schema(schema, "the test's schema") if schema else inferred
    write_bytes(root / "schema" / "schema.pbtxt", print_schema(settled).encode())
    import tensorflow_data_validation as tfdv

    for split, proto in statistics.items():
        anomalies = tfdv.validate_statistics(proto, settled)
        write_bytes(root / "anomalies" / f"Split-{split}" / "SchemaDiff.pb", anomalies.SerializeToString())
    return print_schema(settled)


def describe(folder: Path) -> Any:
    """Computes the statistics of one split as StatisticsGen does, in this process."""
    import tfx  # noqa: F401 (TFX has to come before TFDV)

    # isort: split
    import tensorflow as tf
    from tensorflow_data_validation.statistics import stats_impl, stats_options
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

    files = sorted(str(path) for path in folder.glob("*.gz"))
    records = list(tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator())
    batch = ExamplesToRecordBatchDecoder().DecodeBatch(records)
    return stats_impl.generate_statistics_in_memory(batch, stats_options.StatsOptions())


def splits_of(examples: Path) -> list[str]:
    """Lists the splits that have rows."""
    return [name for name in ("train", "eval", "test") if (examples / f"Split-{name}").is_dir()]


def write_bytes(path: Path, content: bytes) -> None:
    os.makedirs(path.parent, exist_ok=True)
    path.write_bytes(content)


@pytest.fixture
def people() -> Callable[..., list[dict[str, Any]]]:
    """Gives a function that makes rows which no check objects to."""
    import numpy as np

    def call(count: int = 600, seed: int = 0, **shift: float) -> list[dict[str, Any]]:
        random = np.random.default_rng(seed)
        ages = random.normal(40 + shift.get("age", 0), 10, count).round(3)
        incomes = random.gamma(4, 500, count).round(2)
        children = random.poisson(1.2, count)
        towns = random.choice(["Bonn", "Kiel", "Ulm"], count, p=[0.5, 0.3, 0.2])
        votes = random.random(count) < 1 / (1 + np.exp(-(ages - 40) / 10))
        return [
            {
                "age": float(ages[i]), "income": float(incomes[i]), "children": int(children[i]), "town": str(towns[i]),
                "id": f"p{seed}-{i}", "label": "yes" if votes[i] else "no",
            }
            for i in range(count)
        ]  # fmt: skip

    return call
