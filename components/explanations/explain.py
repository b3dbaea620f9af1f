"""Makes the explanations of one model and writes them as JSON and pictures."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasline.components.core import first_line
from kerasline.components.explanations.examples import choose_examples
from kerasline.components.explanations.importance import permutation_importance
from kerasline.components.explanations.showing import decode_row, find_records, sample_records, show_row
from kerasline.components.explanations.tables import MOST_ROWS, dependence, surface
from kerasline.components.features import FeaturePlan
from kerasline.components.models import InputSpec

if TYPE_CHECKING:
    from kerasline.components.explanations.loading import Columns, Predict

EXPLANATIONS_FILE = "explanations.json"
NEIGHBOURS = 3
MOST_TRAINING_ROWS = 5_000  # among which neighbours are sought
MOST_TRAINING_VALUES = 2**26  # of their inputs
logger = logging.getLogger(__name__)


class Explainer:
    """Writes the explanations of one model; what cannot be explained is told in ``notes`` and stops nothing.

    Args:
      folder: where the JSON file and ``images/`` go.
      examples: the Examples artifact.
      transform_graph: the TransformGraph artifact.
      saved_model: the exported model.
      settings: of the fit, without the plan.
      plan: of the run.
      columns: of the dataset, as plain values.
    """

    def __init__(
        self,
        folder: Path,
        examples: str,
        transform_graph: str,
        saved_model: str,
        settings: Mapping[str, Any],
        plan: FeaturePlan,
        columns: list[dict[str, Any]],
        temperature: float | None = None,
    ) -> None:
        self._folder, self._examples, self._transform_graph = folder, examples, transform_graph
        self._saved_model, self._settings, self._plan, self._columns = saved_model, settings, plan, columns
        self._temperature = temperature
        self._notes: list[str] = []

    def write(self, labels: np.ndarray, predictions: np.ndarray, metric: str, count: int) -> None:
        """Makes and writes everything that suits the model.

        Args:
          labels, predictions: of the eval split, as the Trainer wrote them.
          metric: the main one.
          count: of mistakes to show.
        """
        started = time.monotonic()
        (self._folder / "images").mkdir(parents=True, exist_ok=True)
        plan = self._plan
        chosen = choose_examples(labels, predictions, plan.task, plan.classes, count)
        wanted = [entry["row"] for entries in chosen.values() for entry in entries]
        records = find_records(self._examples, "eval", wanted)
        result: dict[str, Any] = {"mistakes": [], "hits": [], "neighbours_of": 0}
        for kind, entries in chosen.items():
            result[kind] = [self._show(kind, entry, records) for entry in entries if entry["row"] in records]
        if any(spec.kind in ("dense", "ids") for spec in plan.inputs()):
            self._attempt("the columns", lambda: self._explain_table(result, records, labels, metric))
        if len(labels):
            self._attempt("what happens inside the model", lambda: self._explain_network(result, predictions))
        result |= {"notes": self._notes, "seconds": round(time.monotonic() - started, 2)}
        (self._folder / EXPLANATIONS_FILE).write_text(json.dumps(result, indent=1), encoding="utf-8")

    def _attempt(self, what: str, explain: Callable[[], None]) -> None:
        try:
            explain()
        except Exception as error:  # the model is pushed already; an explanation that fails must not fail its run
            logger.exception("could not explain %s", what)
            self._notes.append(f"could not explain {what}: {first_line(error)}")

    def _show(self, kind: str, entry: dict[str, Any], records: Mapping[int, bytes]) -> dict[str, Any]:
        shown = show_row(decode_row(records[entry["row"]]), self._columns)
        image = self._save(f"{kind}-{entry['row']}.png", shown["image"]) if shown["image"] else None
        later: dict[str, Any] = {"heat": None, "saliency": None, "because": None, "neighbours": []}
        return {**entry, "image": image, **later, "values": shown["values"]}

    def _save(self, name: str, png: bytes) -> str:
        (self._folder / "images" / name).write_bytes(png)
        return f"images/{name}"

    def _explain_table(
        self, result: dict[str, Any], shown: Mapping[int, bytes], labels: np.ndarray, metric: str
    ) -> None:
        from kerasline.components.explanations.loading import load_predictor, raw_columns

        rows = min(len(labels), MOST_ROWS)
        records = find_records(self._examples, "eval", range(rows))
        columns = raw_columns([decode_row(records[row]) for row in range(rows)], self._plan)
        predict = load_predictor(self._saved_model, self._plan)
        importance = permutation_importance(predict, columns, labels[:rows], self._plan, metric)
        order = [row["column"] for row in importance["columns"]]
        order += [name for group in importance["groups"] for name in group["columns"]]
        units = {column["name"]: column["unit"] for column in self._columns}
        result |= {
            "importance": importance,
            "dependence": dependence(predict, columns, self._plan, order, units),
            "surface": surface(predict, columns, labels[:rows], self._plan, order, units),
        }
        entries = result["mistakes"] + result["hits"]
        if entries:
            self._attempt("single answers", lambda: self._explain_answers(entries, shown, predict, columns, order))

    def _explain_answers(
        self,
        entries: list[dict[str, Any]],
        shown: Mapping[int, bytes],
        predict: Predict,
        others: Columns,
        order: Sequence[str],
    ) -> None:
        """Puts beside the rows that are shown how far each column moved their answers."""
        from kerasline.components.explanations.contributions import contributions
        from kerasline.components.explanations.loading import raw_columns

        asked = raw_columns([decode_row(shown[entry["row"]]) for entry in entries], self._plan)
        found = contributions(predict, asked, others, self._plan, order)
        for entry, because in zip(entries, found, strict=bool(found)):
            entry["because"] = because

    def _explain_network(self, result: dict[str, Any], predictions: np.ndarray) -> None:
        """Builds the model anew, makes sure that it is the one that was trained, and looks inside."""
        from kerasline.components.explanations.loading import read_inputs, rebuild_model
        from kerasline.components.fitting import ExamplesReader

        rows = [entry["row"] for entry in result["mistakes"] + result["hits"]] or [0]
        records = find_records(self._examples, "eval", rows)
        reader = ExamplesReader(self._transform_graph, self._plan)
        inputs, _ = read_inputs([records[row] for row in rows], reader)
        model = rebuild_model(self._saved_model, self._settings, self._plan, self._temperature)
        self._check(model, inputs, predictions[rows])
        image = next((spec for spec in self._plan.inputs() if spec.kind == "image"), None)
        if image:
            self._attempt("the images", lambda: result.update(self._explain_images(result, model, inputs, image)))
        if result["mistakes"]:
            self._attempt("mistakes by the rows it learnt from", lambda: self._find_neighbours(result, model, reader))

    def _explain_images(
        self, result: dict[str, Any], model: Any, inputs: Mapping[str, np.ndarray], image: InputSpec
    ) -> dict[str, Any]:
        from kerasline.components.explanations.inside import inside, map_layers

        entries = result["mistakes"] + result["hits"]
        row, name = entries[0]["row"] if entries else 0, image.name
        layers, save = map_layers(model, inputs), self._save
        found: dict[str, Any] = {"filters": None, "activations": [], "maximising": None}

        def excite() -> None:
            strongest = found["activations"][-1]["maps"]
            found["maximising"] = inside.draw_exciting(model, layers[-1], strongest, inputs, name, save)

        def heat() -> None:
            task = self._plan.task
            found["heat_method"] = inside.draw_heats(model, layers, inputs, name, task, entries, save)

        # One after the other, so that what cannot be drawn takes nothing else with it.
        self._attempt("the filters", lambda: found.update(filters=inside.draw_filters(model, image, save)))
        drawn = partial(inside.draw_activations, model, layers, inputs, name, row, save)
        self._attempt("the maps of the layers", lambda: found.update(activations=drawn()))
        if found["activations"]:
            self._attempt("what excites the maps", excite)
        self._attempt("where the model looks", heat)
        return found

    def _find_neighbours(self, result: dict[str, Any], model: Any, reader: Any) -> None:
        """Puts beside each mistake the training rows that the model finds most like it."""
        from kerasline.components.explanations.loading import read_inputs
        from kerasline.components.explanations.neighbours import last_features, nearest_rows

        features = last_features(model)
        if features is None:
            return
        values = sum(int(np.prod(spec.shape)) or 1 for spec in self._plan.inputs())
        sample = sample_records(self._examples, "train", min(MOST_TRAINING_ROWS, MOST_TRAINING_VALUES // values))
        known, labels = read_inputs(list(sample.values()), reader)
        mistakes = result["mistakes"]
        records = find_records(self._examples, "eval", [entry["row"] for entry in mistakes])
        asked, _ = read_inputs([records[entry["row"]] for entry in mistakes], reader)
        places, distances = nearest_rows(
            features.predict(asked, verbose=0), features.predict(known, verbose=0), NEIGHBOURS
        )
        positions = list(sample)
        for entry, near, far in zip(mistakes, places, distances, strict=True):
            for place, distance in zip(near.tolist(), far.tolist(), strict=True):
                row = positions[place]
                shown = show_row(decode_row(sample[row]), self._columns)
                image = self._save(f"train-{row}.png", shown["image"]) if shown["image"] else None
                entry["neighbours"].append(
                    {
                        "row": row,
                        "label": labels[place],
                        "distance": distance,
                        "image": image,
                        "values": shown["values"],
                    }
                )
        result["neighbours_of"] = len(sample)

    def _check(self, model: Any, inputs: Mapping[str, np.ndarray], known: np.ndarray) -> None:
        """Makes sure that the rebuilt model is the one that was trained: it must answer as that did."""
        if self._plan.classes is None:  # its answers are in other units before the label is scaled back
            return
        found = np.asarray(model({name: inputs[name] for name in inputs}, training=False))
        difference = float(np.abs(found - known).max(initial=0))
        if difference > 1e-3:
            raise ValueError(f"the rebuilt model answers otherwise than the trained one (by {difference:.3g})")
