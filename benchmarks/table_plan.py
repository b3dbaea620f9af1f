"""kerasline's side of the tables benchmark: the plan of a table, and in NumPy what its transform graph would give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.table_data import Table
from kerasline.components.datasets.description import Column, Dataset, Label, SplitPlan
from kerasline.components.features import FeaturePlan, FeatureStep, plan_features, prefer_piecewise
from kerasline.components.fitting import Arrays, FitSettings, change_config
from kerasline.components.profiling import LabelGuess, choose_settings

_RANKS = 64  # as in the transform graph


def settings_for(table: Table, train: pd.DataFrame, rows: int, seed: int, changes: dict[str, Any]) -> FitSettings:
    """Returns what ``init`` would choose for a table of so many rows, the test rows among them, with changes."""
    labels = train[table.label]
    names = () if table.is_number else tuple(sorted(map(str, labels.astype(str).unique())))
    task = "regression" if table.is_number else "binary" if len(names) == 2 else "multiclass"
    columns = tuple(_column(str(name), train[name]) for name in train if name != table.label)
    dataset = Dataset(
        name="table", kind="table", columns=columns, rows=len(train), reader="bundled", shards=(), fingerprint="f",
        label=Label(name=table.label, dtype="float" if table.is_number else "string", classes=names or None),
        split=SplitPlan(method="hash", fractions={"train": 0.8, "eval": 0.2}),
    )  # fmt: skip
    plan = plan_features(dataset, prefer_piecewise(dataset, {}), task)  # type: ignore[arg-type]
    counts = {} if table.is_number else {name: int(n) for name, n in labels.astype(str).value_counts().items()}
    guess = LabelGuess((table.label,), task, counts, len(train), 0.0, False, False, 0.5)  # type: ignore[arg-type]
    chosen = choose_settings(rows, guess, columns=len(columns))
    config = change_config({"model": chosen.model, "training": chosen.training}, changes)
    return FitSettings.model_validate({**config, "plan": plan, "seed": seed})


def _column(name: str, values: pd.Series) -> Column:
    kind = "string" if values.dtype == object else "int" if pd.api.types.is_integer_dtype(values) else "float"
    return Column(name=name, dtype=kind, missing=int(values.isna().sum()), distinct=int(values.nunique()))


class Prepared:
    """What the transform graph would learn from the train rows."""

    def __init__(self, plan: FeaturePlan, train: pd.DataFrame) -> None:
        self.plan, self.train = plan, train
        self.is_number = plan.classes is None
        labels = train[plan.label]
        self.shift, self.scale = (float(labels.mean()), float(labels.std()) or 1.0) if self.is_number else (0.0, 1.0)

    def arrays(self, rows: pd.DataFrame) -> Arrays:
        """Returns the model's inputs, and labels as its loss wants them."""
        dense: list[np.ndarray] = []
        inputs: dict[str, np.ndarray] = {}
        names = self.plan.input_names()
        for step in self.plan.steps:
            if step.kind == "numeric":
                dense += self._number(step, rows)
                continue
            codes = self._codes(step, rows)
            if step.options.encode == "embedding":
                inputs[names[step.name]] = codes[:, None]
            else:
                dense += list(np.eye(step.size + 1)[codes].T)
        if dense:
            inputs[self.plan.input_name()] = np.stack(dense, axis=1).astype(np.float32)
        labels = rows[self.plan.label]
        if self.is_number:
            return Arrays(inputs, ((labels.to_numpy(float) - self.shift) / self.scale).astype(np.float32))
        places = {name: place for place, name in enumerate(self.plan.classes or ())}
        codes = labels.astype(str).map(places).fillna(0).to_numpy(np.int64)
        return Arrays(inputs, codes.astype(np.float32) if self.plan.task == "binary" else codes)

    def answers(self, scores: np.ndarray) -> np.ndarray:
        """Returns numbers in the label's units, or names of classes."""
        if self.is_number:
            return scores[:, 0] * self.scale + self.shift
        places = (scores[:, 0] > 0.5).astype(int) if scores.shape[1] == 1 else scores.argmax(axis=1)
        names: np.ndarray = np.array(self.plan.classes)[places]
        return names

    def _number(self, step: FeatureStep, rows: pd.DataFrame) -> list[np.ndarray]:
        own = self.train[step.name].to_numpy(float)
        values = rows[step.name].to_numpy(float)
        is_missing = np.isnan(values)
        values = np.where(is_missing, np.nanmean(own), values)
        edges = np.nanquantile(own, np.linspace(0, 1, _RANKS + 1), method="inverted_cdf")
        low, middle, high = edges[_RANKS // 4], edges[_RANKS // 2], edges[3 * _RANKS // 4]
        width = (high - low) or (edges[-1] - edges[0]) / 2 or 1.0
        scaled = (values - middle) / width
        columns = [3 * np.arcsinh(scaled / 3)]
        start, widths = edges[:-1], np.diff(edges)
        beyond = values[:, None] - start
        inside = np.clip(beyond / np.where(widths > 0, widths, 1), 0, 1)
        columns += [np.where(widths > 0, inside, beyond >= 0).mean(axis=1)] if step.options.scale == "piecewise" else []
        return [*columns, is_missing] if step.indicator else columns

    def _codes(self, step: FeatureStep, rows: pd.DataFrame) -> np.ndarray:
        known = self.train[step.name].astype(str).value_counts().index[: step.size]
        places = {name: place for place, name in enumerate(known)}
        codes = rows[step.name].astype(str).map(places).fillna(step.size)
        return np.asarray(codes.to_numpy(int))
