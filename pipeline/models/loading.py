"""A pushed version in this process: what ``kerasline.load_model`` returns."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kerasline.components.core import ConfigError, KeraslineError, counted, nearest
from kerasline.components.prediction import (
    FRAME,
    KINDS,
    ON_UNSEEN,
    as_called,
    as_frame,
    column_names,
    is_frame,
    plan_evaluation,
    plan_prediction,
    write_frame,
)
from kerasline.components.registry import read_record
from kerasline.pipeline.models.commands import find_version
from kerasline.pipeline.models.evaluation import Evaluation
from kerasline.pipeline.workspace import workspace_folder

if TYPE_CHECKING:
    from pandas import DataFrame

    from kerasline.components.prediction import Answers, PredictionPlan

# What messages call the options of the command, which here are arguments.
_ARGUMENTS = {"--key:": "keys:", "--key NAME": "keys=[NAME]", "--format ": "kind="}


def load_model(reference: str, workspace: str | Path | None = None) -> LoadedModel:
    """Finds a pushed model, to predict with it in this process.

    TensorFlow and the model load with the first rows that are predicted.

    Args:
      reference: ``NAME``, which means what is in production now, or ``NAME@VERSION``.
      workspace: the folder of runs and models; None for ``KERASLINE_WORKSPACE``, or ``workspace`` here.

    Returns:
      The version; it stays this one when another goes into production.

    Raises:
      ConfigError: there is no such model or version, or files of it are missing.
    """
    folder, number = find_version(workspace_folder(workspace) / "models", reference)
    return LoadedModel(folder, number)


class LoadedModel:
    """A version that answers data frames and files.

    Attributes:
      name: of the model.
      version: its number.
      record: what was recorded when it was pushed: ``task``, ``classes``, ``columns``, ``label`` and more.
      rejected: the rows that the last :meth:`predict` did not answer: for each ``place`` (of a data frame the number of
        the row, from 1), ``reason``, ``keys`` (its cells) and ``file``.
      unseen: counts of values in the last rows that training has never shown, by column.
    """

    def __init__(self, folder: Path, version: int) -> None:
        self.name, self.version = folder.name, version
        self.record = read_record(folder, version)
        self.rejected: list[dict[str, Any]] = []
        self.unseen: dict[str, Any] = {}
        self._path = folder / str(version)
        self._served: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"<{self.name}@{self.version}, {self.record.get('task', 'of an unknown task')}>"

    def predict(
        self,
        data: DataFrame | str | Path,
        *,
        keys: Sequence[str] = (),
        kind: str | None = None,
        on_unseen: str = "warn",
    ) -> DataFrame:
        """Predicts rows as ``kerasline predict`` does, and returns what that writes.

        Args:
          data: a data frame with the columns of the training data, whose index does not count; or the path of a file,
            a folder or a glob. The label may be there or not.
          keys: columns to repeat in the answer; by default all of a table.
          kind: csv, parquet, images, tfrecord or npz, where the name of a file does not say it.
          on_unseen: whether rows with values that training has never shown are told of (warn) or rejected (reject).

        Returns:
          A row for each that was answered, with the index of the data frame: the keys; ``predicted_class``,
          ``predicted_labels`` or ``predicted_value``; ``score_CLASS`` for each class, float32; ``model_version``;
          and, where there are any, ``unseen``: the columns whose values training has never shown, joined by ``|``.
          Rows that cannot be answered are in :attr:`rejected`, and a warning counts them.

        Raises:
          ConfigError: the data lacks a column, has none or no rows, or cannot be read.
          DataRejected: no row could be predicted.
        """
        data = as_frame(data)
        return _framed(self._answer(data, keys, kind, on_unseen), data)

    def explain(
        self,
        data: DataFrame | str | Path,
        others: DataFrame | str | Path | None = None,
        *,
        keys: Sequence[str] = (),
        kind: str | None = None,
        on_unseen: str = "warn",
    ) -> DataFrame:
        """Predicts rows, and says how far the value of each column moved each answer, as ``predict --explain`` does.

        Args:
          data: as :meth:`predict` takes it.
          others: rows that the answers are compared with, such as those of the training; None for ``data`` itself.
          keys, kind, on_unseen: as in :meth:`predict`.

        Returns:
          What :meth:`predict` returns, with more columns: ``usual``, the mean answer to up to 40 of the other rows,
          the same each time, and ``effect_COLUMN`` for each column that the model reads. They add up to
          ``predicted_value``, or to the score of ``predicted_class``: Shapley values, estimated on these 40.

        Raises:
          ConfigError: as in :meth:`predict`; or the model has several labels or one column, or there is one row alone.
          DataRejected: no row could be predicted.
        """

        def answer(plan: PredictionPlan, model: Any) -> Answers:
            from kerasline.components.prediction import explain_at_once

            if others is None:
                return explain_at_once(plan, model)
            with self._as_plan(as_frame(others), self._plan_prediction) as begun:
                return explain_at_once(plan, model, begun)

        data = as_frame(data)
        return _framed(self._answer(data, keys, kind, on_unseen, answer), data)

    def evaluate(
        self, data: DataFrame | str | Path, *, slices: Sequence[str] = (), kind: str | None = None
    ) -> Evaluation:
        """Measures this version on labelled data that came after its training.

        Args:
          data: a data frame with the columns of the training data, the label among them; or the path of such a file, of
            a folder of images in folders named as their classes, or a glob. The label is read as in training.
          slices: columns whose values are measured apart, inputs of the model or not.
          kind: csv, parquet, images, tfrecord or npz, where the name of a file does not say it.

        Returns:
          The metrics of the recipe, the main one first, each with its 95 % interval, as a whole and for each slice.
          Rows without a label are counted; those that cannot be answered or measured are in :attr:`rejected`.

        Raises:
          ConfigError: the data lacks a column that the model reads, its label or a slice, or cannot be read.
          DataRejected: no row could be measured.
        """
        _check_choice("kind", kind or KINDS[0], KINDS)
        data = as_frame(data)
        self.rejected, self.unseen = [], {}
        names = column_names("slices", slices)
        with self._as_plan(data, lambda source: self._plan_evaluation(source, kind, names)) as plan:
            from kerasline.components.prediction import measure_answers, predict_at_once

            answers = predict_at_once(plan, self._load("warn"))
            measures = measure_answers(plan, answers, names)
        self.rejected, self.unseen = _named_frame(measures.rejected, data), dict(answers.unseen)
        return Evaluation(f"{self.name}@{self.version}", measures)

    def _plan_evaluation(self, source: str, kind: str | None, slices: Sequence[str]) -> PredictionPlan:
        return plan_evaluation(source, self._path, f"{self.name}@{self.version}", self.record, kind, slices)

    @contextmanager
    def _as_plan(self, data: Any, plan: Callable[[str], PredictionPlan]) -> Iterator[PredictionPlan]:
        """Plans what to do with a data frame or files, and says in errors what the caller gave."""
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow reads it when it is loaded, below this
        with _as_file(data) as source:
            try:
                yield plan(source)
            except KeraslineError as error:
                raise type(error)(as_called(str(error), _ARGUMENTS, data, source)) from error.__cause__

    def _answer(
        self,
        data: Any,
        keys: Sequence[str],
        kind: str | None,
        on_unseen: str,
        answer: Callable[[PredictionPlan, Any], Answers] | None = None,
    ) -> Answers:
        """Predicts the rows of a data frame or of files, and notes which were set aside."""
        _check_choice("on_unseen", on_unseen, ON_UNSEEN)
        _check_choice("kind", kind or KINDS[0], KINDS)
        self.rejected, self.unseen = [], {}
        names = column_names("keys", keys)
        with self._as_plan(data, lambda source: self._plan_prediction(source, names, kind, on_unseen)) as plan:
            from kerasline.components.prediction import predict_at_once

            answers = (answer or predict_at_once)(plan, self._load(on_unseen))
        self.rejected, self.unseen = _named_frame(answers.rejected, data), dict(answers.unseen)
        if self.rejected:
            first = self.rejected[0]
            warnings.warn(
                f"{counted(len(self.rejected), 'row')} of {len(self.rejected) + len(answers.places):,} could not be "
                f"predicted and {'is' if len(self.rejected) == 1 else 'are'} in .rejected; the first, row "
                f"{first['place']}: {first['reason']}",
                stacklevel=3,
            )
        return answers

    def _plan_prediction(
        self, source: str, keys: Sequence[str] = (), kind: str | None = None, on_unseen: str = "warn"
    ) -> PredictionPlan:
        version = f"{self.name}@{self.version}"
        return plan_prediction(source, self._path, version, self.record, None, keys, kind, on_unseen)

    def _load(self, on_unseen: str) -> Any:
        """Returns the loaded model, as it is asked for one way to treat unseen values."""
        if on_unseen not in self._served:
            from kerasline.components.prediction import ServedModel

            rejects = on_unseen == "reject"
            self._served[on_unseen] = ServedModel(str(self._path), self.record, rejects_unseen=rejects)
        return self._served[on_unseen]


def _framed(answers: Answers, data: Any) -> DataFrame:
    """Gives answers as a data frame, by the index of the one that they answer."""
    frame: DataFrame = answers.table.to_pandas()
    if is_frame(data):
        # Rows that were rejected must not shift the others when the answers go into a column of the data frame.
        frame.index = cast("DataFrame", data).index[[place - 1 for place in answers.places]]
    return frame


def _named_frame(rejected: list[dict[str, Any]], data: Any) -> list[dict[str, Any]]:
    """Says of rows of a data frame that they are, and not which file they were put into."""
    return [{**row, "file": FRAME} for row in rejected] if is_frame(data) else rejected


def _check_choice(name: str, chosen: str, choices: Sequence[str]) -> None:
    if chosen not in choices:
        raise ConfigError(
            f"{name}: expected {', '.join(choices[:-1])} or {choices[-1]}, got {chosen!r}.{nearest(chosen, choices)}"
        )


@contextmanager
def _as_file(data: Any) -> Iterator[str]:
    """Gives the path of what is to be read; a data frame is written first, so that the readers of files read it."""
    if isinstance(data, str | Path):
        yield str(data)
        return
    if not is_frame(data):
        raise ConfigError(
            f"expected a data frame of pandas or Polars, an Arrow table or the path of a file, got "
            f"{type(data).__name__}; put rows into a frame: "
            "pandas.DataFrame(rows)"
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "frame.parquet")
        write_frame(data, file)
        yield str(file)
