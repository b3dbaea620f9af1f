"""What to try next, each as a change of the recipe to copy: what the tutorials teach against each ailment."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kerasline.components.core import DURATION

Treatment = dict[str, Any]
_COLOURS = 3  # of a photograph, as the pretrained networks take them
# What makes a family's model larger.
_WIDTHS = {"mlp": "units", "tabular": "units", "cnn": "filters", "sequence": "units"}


def treatment(why: str, changes: Mapping[str, Any] | None = None, tuned: Iterable[str] = ()) -> Treatment:
    """Builds one treatment.

    Args:
      why: what it does, in a few words.
      changes: dotted config keys and values; empty where only people can act.
      tuned: keys that the search sets; a change of one of them, or of its block, means nothing while the search runs.

    Returns:
      ``why``, ``changes`` (``KEY=VALUE`` each) and ``line``, the options of ``kerasline run`` to copy.
    """
    settings = dict(changes or {})
    if any(f"{key}.".startswith(f"{changed}.") for key in tuned for changed in settings):
        settings["tuning"] = None
    parts = [f"{key}={_yaml(value)}" for key, value in settings.items()]
    return {"why": why, "changes": parts, "line": " ".join(f"--set {shlex.quote(part)}" for part in parts)}


def _yaml(value: Any) -> str:
    if isinstance(value, str) and (value.isidentifier() or re.match(DURATION, value)):
        return value
    # JSON is YAML; numbers are rounded to what a person would type.
    return json.dumps(float(f"{value:.3g}") if isinstance(value, float) else value)


class Treatments:
    """Makes treatments that suit the settings of a run."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        tuning: Mapping[str, Any] | None = None,
        image: Sequence[int] | None = None,
        epochs: int = 0,
    ) -> None:
        self._model: Mapping[str, Any] = settings.get("model") or {}
        self._training: Mapping[str, Any] = settings.get("training") or {}
        self._image = image  # height, width and channels, where there are images
        self._epochs = epochs
        self._tuned = tuple((tuning or {}).get("space") or ())

    def _make(self, why: str, changes: Mapping[str, Any]) -> Treatment:
        return treatment(why, changes, self._tuned)

    def longer(self) -> list[Treatment]:
        """More epochs, with early stopping so that they do no harm; more time, where that was what ended the fit."""
        budget, most = self._training.get("budget"), int(self._training.get("epochs", 10))
        if budget and 0 < self._epochs < most:
            doubled = f"{2 * float(budget[:-1]):g}{budget[-1]}"
            why = f"give the fit more time: training.budget {budget} was enough for {self._epochs} of {most} epochs"
            return [self._make(why, {"training.budget": doubled})]
        changes: dict[str, Any] = {"training.epochs": max(2 * int(self._training.get("epochs", 10)), 10)}
        changes |= {} if self._training.get("early_stopping") else {"training.early_stopping.patience": 5}
        return [self._make("train for longer, and stop when it no longer helps", changes)]

    def larger(self) -> list[Treatment]:
        """A model with twice the width."""
        return self._resize(2, "a larger model can follow finer differences")

    def other_family(self) -> list[Treatment]:
        """The family that is made for tables, where the model is of plain dense layers."""
        if self._model.get("family") != "mlp":
            return []
        why = "a network that is made for tables, and embeds their numbers"
        return [self._make(why, {"model": {"family": "tabular"}})]

    def smaller(self) -> list[Treatment]:
        """A model with half the width."""
        return self._resize(0.5, "a smaller model can learn less by heart")

    def _resize(self, factor: float, why: str) -> list[Treatment]:
        family = self._model.get("family", "")
        key = _WIDTHS.get(family)
        widths = list(self._model.get(key or "", ()))
        if key is None:
            if family == "transfer" and factor > 1:
                changes = {"model.freeze": "none", "training.learning_rate": self._rate() / 10}
                return [self._make("fit the pretrained base too, slowly", changes)]
            return []
        if not widths:
            return [self._make(why, {f"model.{key}": [32, 16]})] if factor > 1 else []
        changed = [max(32 if factor > 1 else 2, int(width * factor)) for width in widths]
        return [self._make(why, {f"model.{key}": changed})] if changed != widths else []

    def regularise(self) -> list[Treatment]:
        """Dropout, an L2 penalty, early stopping and, for images, augmentation: what is not there yet."""
        found = []
        dropout = self._model.get("dropout")
        if dropout is not None:
            highest = max(dropout, default=0.0) if isinstance(dropout, (list, tuple)) else float(dropout)
            if highest < 0.5:
                found.append(
                    self._make(
                        "dropout keeps units from relying on each other", {"model.dropout": min(0.5, highest + 0.2)}
                    )
                )
        if not self._training.get("early_stopping"):
            changes: dict[str, Any] = {"training.early_stopping.patience": 3}
            found.append(self._make("stop at the best epoch and keep its weights", changes))
        penalty = self._model.get("l2")
        if penalty is not None and penalty < 0.1:
            stronger = {"model.l2": max(0.001, 10 * float(penalty))}
            found.append(self._make("an L2 penalty keeps weights small", stronger))
        return found

    def augment(self) -> list[Treatment]:
        """Random changes to training images, where there are images and no such changes yet."""
        augmentation = self._model.get("augmentation")
        if (
            self._image is None
            or not augmentation
            or any(augmentation.get(key) for key in ("rotate", "translate", "zoom"))
        ):
            return []
        changes = {"model.augmentation.translate": 0.1, "model.augmentation.rotate": 10}
        return [self._make("show each image a little moved and turned", changes)]

    def pretrained(self) -> list[Treatment]:
        """A pretrained network, where photographs are learnt from nothing."""
        if self._image is None or self._image[-1] != _COLOURS or self._model.get("family") not in ("cnn", "mlp"):
            return []
        why = "a pretrained network learns more from few photographs; it downloads its weights"
        return [self._make(why, {"model": {"family": "transfer"}})]

    def slower(self) -> list[Treatment]:
        """A lower learning rate, and clipped gradients."""
        found = [self._make("smaller steps", {"training.learning_rate": self._rate() / 10})]
        if not self._training.get("clip_norm"):
            found.append(self._make("no step larger than this", {"training.clip_norm": 1}))
        return found

    def steadier(self) -> list[Treatment]:
        """Larger batches, a rate that falls, and more validation rows."""
        batch = int(self._training.get("batch_size", 64))
        found = [self._make("average each step over more rows", {"training.batch_size": min(batch * 4, 4096)})]
        if not self._training.get("reduce_on_plateau") and not self._training.get("learning_rate_schedule"):
            found.append(
                self._make("lower the rate when progress ends", {"training.reduce_on_plateau.monitor": "val_loss"})
            )
        found.append(self._make("smaller steps", {"training.learning_rate": self._rate() / 3}))
        if float(self._training.get("validation_fraction", 0.1)) < 0.2:
            found.append(self._make("measure on more rows", {"training.validation_fraction": 0.2}))
        return found

    def balance(self, task: str) -> list[Treatment]:
        """Class weights, and metrics that rare classes count in."""
        found = []
        if not self._training.get("class_weights"):
            found.append(self._make("let rare classes weigh as much as others", {"training.class_weights": "balanced"}))
        if task == "binary":
            found.append(
                self._make("judge by metrics that rare rows count in", {"evaluation.metrics": ["auc_pr", "f1", "auc"]})
            )
        return found

    def distrust_labels(self, task: str) -> list[Treatment]:
        """A loss that forgives wrong labels."""
        if task in ("regression", "bounded_regression"):
            if self._training.get("loss") not in (None, "mse", "mean_squared_error", "auto"):
                return []
            return [self._make("a loss that single wild rows cannot pull", {"training.loss": "huber"})]
        if task == "multilabel" or self._training.get("label_smoothing"):
            return []
        return [self._make("do not ask for certainty", {"training.label_smoothing": 0.1})]

    def drop(self, column: str) -> list[Treatment]:
        """The run without one column."""
        if "." in column:  # a dot would be read as a key inside a key
            return [treatment(f"drop the column {column} under features: in the recipe")]
        return [self._make(f"see what the model knows without {column}", {f"features.{column}.kind": "drop"})]

    def measure_better(self, data: Mapping[str, Any]) -> list[Treatment]:
        """More rows to measure on, and another seed to see how far figures move."""
        splits = data.get("splits") or {}
        total = sum(splits.values())
        found = []
        if total and splits.get("eval", 0) / total < 0.2:
            found.append(self._make("hold back more rows to measure on", {"data.split.eval": 0.2}))
        return found

    def repeat(self, seed: int) -> list[Treatment]:
        """The same with another seed."""
        return [self._make("see how far the figures move by luck", {"seed": seed + 1})]

    def _rate(self) -> float:
        return float(self._training.get("learning_rate", 0.001))
