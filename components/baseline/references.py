"""Two models of scikit-learn on the same rows, which tell a weak network from a hard task; they are never exported.

Both read what the transform graph gives the network. Each fits at most MOST_ROWS train rows, spread evenly, on one
core; the boosting ends after MOST_SECONDS with the trees that it has.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasline.components.features import FeaturePlan, LabelUnits
from kerasline.components.fitting import class_table, weigh_classes

if TYPE_CHECKING:
    from kerasline.components.fitting import Arrays, ExamplesReader

TITLES = {"boosting": "HistGradientBoosting", "linear": "a linear model"}
MOST_ROWS = 20_000
MOST_SECONDS = 10.0
_MOST_CELLS = 8_000_000  # rows times columns
_FEWEST_ROWS = 20
_MOST_BYTES = 2**30  # of eval rows in memory
_TREES = 100  # scikit-learn's default number of rounds
_FIRST_TREES = 5  # their time says how many more fit
_MOST_CATEGORIES = 255  # that scikit-learn's boosting takes as categories; of more, their rank by frequency
_ONE_HOT = 100  # the most frequent categories of a column, for the linear model
_LINEAR_WORK = 2e10  # rows, columns, classes and iterations, multiplied
_MOST_ITERATIONS = 200


@dataclass(frozen=True)
class Reference:
    """How one of them was fitted.

    Attributes:
      name: a key of TITLES.
      title: in words.
      rows: train rows that it was fitted on.
      of_rows: that there are.
      seconds: of the fit.
      note: what was cut short, empty where nothing was.
    """

    name: str
    title: str
    rows: int
    of_rows: int
    seconds: float
    note: str


def fit_references(
    reader: ExamplesReader,
    train: Sequence[str],
    evaluated: Sequence[str],
    rows: int,
    limit: float = MOST_SECONDS,
    class_weights: str | dict[str, float] | None = None,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Fits both on train rows and lets them answer all eval rows.

    Args:
      reader: of the transform graph.
      train, evaluated: patterns of the files of both splits.
      rows: of the train split.
      limit: seconds after which the boosting ends.
      class_weights: as in ``training.class_weights``; rows also weigh what the reader's column says.

    Returns:
      The :class:`Reference` of each as a dict, and its answers, float32 [rows, units] in the label's units, in the
      order of the files. Empty where the train rows that weigh anything are too few or all of one label, or the eval
      rows too many.
    """
    plan = reader.plan
    width = sum(spec.shape[0] for spec in plan.inputs())
    most = min(MOST_ROWS, max(1_000, _MOST_CELLS // width))
    fitted_on = _weighed(reader.load(train, share=min(1.0, most / max(rows, 1))), plan, class_weights)
    if fitted_on is None or len(fitted_on) < _FEWEST_ROWS or len(np.unique(fitted_on.labels)) < 2:
        return [], {}
    answered = reader.load(evaluated, _MOST_BYTES, is_weighed=False)
    if answered is None or not len(answered):
        return [], {}
    from threadpoolctl import threadpool_limits

    units = reader.label_units(train)
    told: list[dict[str, Any]] = []
    answers: dict[str, Any] = {}
    # On cores that others use, too, threads wait for one another a hundred times longer than they work.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a fit was cut short is said in the note
        for name, fit in _FITS.items():
            started = time.monotonic()
            answer, note = fit(plan, fitted_on, limit)
            seconds = time.monotonic() - started
            told.append(asdict(Reference(name, TITLES[name], len(fitted_on), rows, round(seconds, 3), note)))
            answers[name] = in_label_units(answer(answered), plan, units)
    return told, answers


def _weighed(rows: Arrays | None, plan: FeaturePlan, class_weights: str | dict[str, float] | None) -> Arrays | None:
    """Returns rows with the weights that they have in the model's own fit, without those that weigh nothing."""
    if rows is None:
        return None
    weighed = weigh_classes(rows, class_table(class_weights, plan.classes, rows.labels))
    return weighed if weighed.weights is None else weighed.take(weighed.weights > 0)


Answer = Callable[["Arrays"], np.ndarray]


def fit_boosting(plan: FeaturePlan, rows: Arrays, limit: float) -> tuple[Answer, str]:
    """Fits gradient boosting with scikit-learn's defaults; returns what answers rows, and what was cut short."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    values, is_category = _columns(plan, rows)
    kind = HistGradientBoostingRegressor if plan.classes is None else HistGradientBoostingClassifier
    # Where a class has one row, scikit-learn cannot hold a share of every class out.
    is_split = plan.classes is None or np.unique(rows.labels, return_counts=True)[1].min() > 1
    model = kind(
        random_state=0, warm_start=True, max_iter=_FIRST_TREES, categorical_features=is_category,
        early_stopping="auto" if is_split else False,
    )  # fmt: skip
    started = time.monotonic()
    model.fit(values, rows.labels, sample_weight=rows.weights)
    # One more fit goes on from these trees; so many rounds as the time that is left is good for.
    each = (time.monotonic() - started) / _FIRST_TREES
    rounds = int(min(_TREES, _FIRST_TREES + max(0.0, limit - each * _FIRST_TREES) / max(each, 1e-9)))
    if rounds > _FIRST_TREES and model.n_iter_ == _FIRST_TREES:
        model.set_params(max_iter=rounds).fit(values, rows.labels, sample_weight=rows.weights)
    note = f"ended after {rounds} of {_TREES} rounds, as its {limit:g} s were over" if rounds < _TREES else ""
    return lambda others: _answer(model, _columns(plan, others)[0], plan), note


def fit_linear(plan: FeaturePlan, rows: Arrays, limit: float) -> tuple[Answer, str]:
    """Fits a ridge or logistic regression; returns what answers rows, and what was cut short.

    Args:
      plan: of the features and the label.
      rows: to fit.
      limit: not needed; the iterations are bounded by the work that each is.
    """
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    values, note = _one_hot_columns(plan, rows), ""
    if plan.classes is None:
        model = make_pipeline(StandardScaler(), Ridge())
    else:
        classes = len(plan.classes)
        iterations = int(min(_MOST_ITERATIONS, max(20.0, _LINEAR_WORK / (values.size * classes))))
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=iterations))
    model.fit(values, rows.labels, **{f"{model.steps[-1][0]}__sample_weight": rows.weights})
    if plan.classes is not None and max(model[-1].n_iter_) >= iterations:
        note = f"ended after {iterations} iterations"
    return lambda others: _answer(model, _one_hot_columns(plan, others), plan), note


_FITS = {"boosting": fit_boosting, "linear": fit_linear}


def _columns(plan: FeaturePlan, rows: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """Returns all inputs side by side, float32 [rows, columns], and which of them are categories, bool [columns]."""
    inputs = plan.inputs()
    values = [rows.inputs[spec.name].reshape(len(rows), -1).astype(np.float32) for spec in inputs]
    few = [spec.kind == "ids" and int(spec.vocabulary_size or 0) <= _MOST_CATEGORIES for spec in inputs]
    return np.concatenate(values, axis=1), np.repeat(few, [part.shape[1] for part in values])


def _one_hot_columns(plan: FeaturePlan, rows: Arrays) -> np.ndarray:
    """Returns all inputs side by side, with a column of 0 and 1 for each frequent category: float32 [rows, columns]."""
    parts = []
    for spec in plan.inputs():
        values = rows.inputs[spec.name].reshape(len(rows), -1)
        known = np.arange(min(int(spec.vocabulary_size or 0), _ONE_HOT))
        parts.append((values == known if spec.kind == "ids" else values).astype(np.float32))
    return np.asarray(np.nan_to_num(np.concatenate(parts, axis=1)))


def _answer(model: Any, values: np.ndarray, plan: FeaturePlan) -> np.ndarray:
    """Returns float32 [rows, units] as a network answers: a column for each class, or the probability of the second."""
    if plan.classes is None:
        return np.asarray(model.predict(values).astype(np.float32).reshape(-1, 1))
    scores = np.zeros((len(values), len(plan.classes)), np.float32)
    scores[:, model.classes_.astype(np.int64)] = model.predict_proba(values)  # of classes that train rows have
    return scores[:, 1:] if plan.task == "binary" else scores


def in_label_units(answers: np.ndarray, plan: FeaturePlan, units: LabelUnits) -> np.ndarray:
    """Returns answers in the label's units, and within 0 and 1 where those are its bounds."""
    if plan.classes is not None:
        return answers
    answers = units.restore(answers, np)
    return answers.clip(0, 1) if plan.task == "bounded_regression" else answers
