"""Fits a recipe on shares of its train rows: ``kerasline learning-curve``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasline.components.core import ConfigError, DataRejected, KeraslineError, code_version, write_at_once
from kerasline.components.evaluation import METRICS
from kerasline.components.report import render_learning_curve
from kerasline.pipeline.config import load_experiment
from kerasline.pipeline.learning_curves.judging import judge
from kerasline.pipeline.plan import Part, own_modules
from kerasline.pipeline.run import run_recipe
from kerasline.pipeline.workspace import open_workspace

if TYPE_CHECKING:
    from kerasline.pipeline.learning_curves.fits import Fits

SHARES = (0.125, 0.25, 0.5, 1.0)
_FOLDER, _PAGE, _FIGURES = "learning_curves", "index.html", "learning_curve.json"
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
      recipe: A recipe's name or path.
      changes: Values to set, as ``KEY=VALUE``.
      shares: Of the train rows, in 0..1; empty for the usual ones.
      seeds: How many fits of each share.
      data_dir: Folder that relative paths of data start from; None for the recipe's own.
    """

    recipe: str
    changes: Sequence[str]
    shares: Sequence[float] = ()
    seeds: int = 3
    data_dir: Path | None = None


def learning_curve(request: Request, workspace: Path, tell: Tell, *, debug: bool = False) -> dict[str, Any]:
    """Fits a recipe on shares of its train rows and measures each fit on all eval rows; nothing is pushed.

    The steps up to ``train`` run as in any run, from the cache where they can. Each further fit is kept as a file, so
    that a command which was ended goes on where it was.

    Args:
      request: What is asked for.
      workspace: Folder of runs and models; the curve lies in ``learning_curves/NAME``.
      tell: Says how far it is.
      debug: Whether the message of a failure has the traceback.

    Returns:
      ``recipe``, ``run_id``, ``metric``, ``higher_is_better``, ``shares`` (``share``, ``rows``, ``value``, ``low``,
      ``high``, ``seeds``, ``metrics``, ``message``), ``verdict``, ``gain``, ``reason`` and ``page``.

    Raises:
      ConfigError: The config, the shares or the data are wrong, or the train rows do not fit in memory.
      DataRejected: The data gate stopped the run.
      KeraslineError: The run failed.
    """
    shares = _check_shares(request)
    experiment, _ = load_experiment(request.recipe, request.changes)
    outcome = run_recipe(
        request.recipe, request.changes, data_dir=request.data_dir, workspace=workspace, cache=True, debug=debug,
        part=Part(last="train", made_for="learning-curve"),
    )  # fmt: skip
    _check_outcome(outcome.result["status"], outcome.message)
    home = open_workspace(workspace, experiment.run.metadata)
    folder = home.root / _FOLDER / experiment.name
    record = {"main_metric": outcome.result["main_metric"]}
    if experiment.evaluation.metrics:
        record["measured"] = experiment.evaluation.metrics
    from kerasline.pipeline.learning_curves.fits import open_fits  # and TensorFlow with it

    code = code_version(*own_modules(experiment, "transform", "network", "fit", "evaluate"))
    fits = open_fits(home, outcome.result["run_id"], record, (outcome.result["data_fingerprint"], code))
    points = _fit_all(fits, shares, request.seeds, folder / "fits", tell)
    found = {"recipe": experiment.name, "run_id": outcome.result["run_id"], **_sum_up(points, shares)}
    found["page"] = str(folder / _PAGE)
    folder.mkdir(parents=True, exist_ok=True)
    write_at_once(folder / _FIGURES, json.dumps(found, indent=1))
    write_at_once(folder / _PAGE, render_learning_curve(found))
    return found


def _check_shares(request: Request) -> list[float]:
    shares = sorted(set(request.shares or SHARES))
    wrong = [share for share in shares if not 0 < share <= 1]
    if wrong:
        raise ConfigError(f"--share: expected more than 0 and at most 1, such as 0.25, got {wrong[0]:g}")
    if len(shares) < 2:
        raise ConfigError(f"--share: expected two shares or more, which can be compared, got {shares[0]:g} alone")
    return shares


def _check_outcome(status: str, message: str) -> None:
    if status == "data_rejected":
        raise DataRejected(message)
    if status != "partial":
        raise KeraslineError(message or f"the run up to train ended with {status}")


def _fit_all(fits: Fits, shares: Sequence[float], seeds: int, kept: Path, tell: Tell) -> list[dict[str, Any]]:
    """Fits every share with every seed, or takes what an earlier command has kept of it."""
    points = []
    for share in shares:
        for number in range(seeds):
            file = kept / f"{fits.key(share, number)}.json"
            if file.is_file():
                point = dict(json.loads(file.read_text(encoding="utf-8")))
            else:
                point = fits.fit_share(share, number)
                file.parent.mkdir(parents=True, exist_ok=True)
                write_at_once(file, json.dumps(point, indent=1))
            points.append(point)
            tell(f"{share:>6.1%} of the train rows, {point['rows']:,}, seed {number + 1}/{seeds}: {_outcome(point)}")
    return points


def _outcome(point: Mapping[str, Any]) -> str:
    if point["message"]:
        return str(point["message"])
    name, figure = next(iter(point["metrics"].items()))
    return f"{name} {figure['value']:.4g} in {point['seconds']:.1f} s"


def _sum_up(points: Sequence[Mapping[str, Any]], shares: Sequence[float]) -> dict[str, Any]:
    """Puts the fits of a share together, and says whether more rows helped."""
    metric = next((name for point in points for name in point["metrics"]), None)
    if metric is None:
        raise KeraslineError(f"no fit came to its end; the last: {points[-1]['message']}")
    rows = [_share([point for point in points if point["share"] == share], metric) for share in shares]
    higher = METRICS[metric].higher_is_better
    verdict = judge(rows, METRICS[metric].title, higher_is_better=higher)
    return {"metric": metric, "higher_is_better": higher, "shares": rows, **verdict}


def _share(points: Sequence[Mapping[str, Any]], metric: str) -> dict[str, Any]:
    """Takes means over the seeds: of the figure, and of the ends of its interval over the eval rows."""
    known = [point["metrics"] for point in points if point["metrics"].get(metric, {}).get("value") is not None]
    means = {name: {end: _mean([each[name][end] for each in known]) for end in ("value", "low", "high")}
             for name in (known[0] if known else ())}  # fmt: skip
    main = means.get(metric, dict.fromkeys(("value", "low", "high")))
    seeds = [point["metrics"].get(metric, {}).get("value") for point in points]
    told = next((point["message"] for point in points if point["message"]), "")
    return {"share": points[0]["share"], "rows": points[0]["rows"], **main, "seeds": seeds, "metrics": means,
            "message": told}  # fmt: skip


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
