"""A part of a run: which steps ``--from`` and ``--until`` choose, and what a run that stopped as asked came to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from kerasline.components.core import ConfigError, nearest
from kerasline.pipeline.config import Experiment
from kerasline.pipeline.workspace import STEPS, StepInputs


@dataclass(frozen=True)
class Part:
    """What the user asked for.

    Attributes:
      first: ``--from``, None to begin at the beginning.
      last: ``--until``, None to go on to the end.
      made_for: The command that runs it for itself; None where it is the user's own run.
    """

    first: str | None = None
    last: str | None = None
    made_for: str | None = None

    def words(self) -> list[str]:
        """Returns the arguments of the command."""
        given = (("--from", self.first), ("--until", self.last))
        return [word for flag, step in given if step is not None for word in (flag, step)]

    def fits_anew(self) -> bool:
        """Says whether the model is fitted though its fit is there: all steps up to ``train`` are what it comes of."""
        towards = STEPS[: STEPS.index("train") + 1]
        return self.first in towards and self.last not in towards[:-1]


WHOLE = Part()


@dataclass(frozen=True)
class Selection:
    """What becomes of each step.

    Attributes:
      run: steps that run.
      taken: steps before those, whose outputs an earlier run must have left; the others are left alone.
      anew: whether the steps that run do so even if their outputs are there.
    """

    run: frozenset[str]
    taken: frozenset[str]
    anew: bool


class UnfinishedStep(ConfigError):
    """A step whose outputs were to be taken from an earlier run has not finished there.

    Attributes:
      step: its id.
      reason: why it would run.
    """

    def __init__(self, step: str, reason: str = "it has not finished") -> None:
        super().__init__(f"expected the outputs of {step} from an earlier run: {reason}")
        self.step, self.reason = step, reason


def steps_of(experiment: Experiment) -> list[str]:
    """Returns the ids of the steps that a recipe has, in the order in which they run; this takes no graph."""
    left_out = {"tune": not experiment.tuning, "formats": not experiment.push.further_formats()}
    left_out["explain"] = experiment.report.explanations == "off"
    return [step for step in STEPS if not left_out.get(step)]


def check_sizes(experiment: Experiment) -> None:
    """Refuses what ``run:`` says of steps that a recipe does not have.

    Raises:
      ConfigError: names the steps that there are, and the nearest one.
    """
    steps, options = steps_of(experiment), experiment.run
    for block, sizes in (("resources", options.resources), ("custom_jobs", options.custom_jobs)):
        for step in sizes:
            if step not in steps:
                raise ConfigError(
                    f"run.{block}: expected steps of this recipe ({', '.join(steps)}), got {step!r}."
                    f"{nearest(step, steps)}"
                )


def check_steps(part: Part, experiment: Experiment) -> None:
    """Refuses names that are no steps of a recipe, at once.

    Raises:
      ConfigError: names the steps that there are, and the nearest one.
    """
    _check_names(part, steps_of(experiment))


def _check_names(part: Part, steps: Collection[str]) -> None:
    """Raises ConfigError for what is no step of a recipe."""
    for flag, step in (("--from", part.first), ("--until", part.last)):
        if step is not None and step not in steps:
            raise ConfigError(
                f"{flag}: expected a step of this recipe ({', '.join(steps)}), got {step!r}.{nearest(step, steps)}"
            )


def select_steps(steps: Mapping[str, StepInputs], part: Part) -> Selection:
    """Chooses the steps that depend on ``part.first`` and that ``part.last`` depends on, those two included.

    Args:
      steps: of the graph, in the order in which they run.
      part: what was asked for.

    Raises:
      ConfigError: there is no such step, or the last one does not depend on the first.
    """
    _check_names(part, steps)
    chosen = _ancestors(steps, part.last) if part.last is not None else set(steps)
    if part.first is not None:
        if part.first not in chosen:
            raise ConfigError(f"expected --until with a step that follows {part.first}, got {part.last}")
        chosen = {step for step in chosen if part.first in _ancestors(steps, step)}
    before = {step for one in chosen for step in _ancestors(steps, one)} - chosen
    return Selection(frozenset(chosen), frozenset(before), part.first is not None)


def explain_unfinished(step: str, reason: str, command: str) -> str:
    """Says in a sentence why a part of a run cannot begin, and what to do.

    Args:
      step: that has not finished.
      reason: why it would run.
      command: that would make its outputs.
    """
    return (
        f"--from: expected the outputs of {step} from an earlier run with this config and data, but there are none: "
        f"{reason}; make them with: {command}"
    )


def describe_end(artifacts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Says what a run that stopped as asked came to.

    Args:
      artifacts: step to output to artifact, of the finished steps.

    Returns:
      ``blessed`` (None where the model was not judged) and ``model`` (None where none was pushed).
    """
    blessing = artifacts.get("gate", {}).get("blessing")
    pushed = artifacts.get("push", {}).get("pushed_model")
    told: dict[str, Any] = {"blessed": None, "model": None}
    if blessing is not None:
        told["blessed"] = blessing.custom_properties["blessed"].int_value == 1
    if pushed is not None and pushed.custom_properties["pushed"].int_value == 1:
        texts = {key: pushed.custom_properties[f"pushed_{key}"].string_value for key in ("version", "destination")}
        told["model"] = {"version": int(texts["version"]), "path": texts["destination"]}
    return told


def _ancestors(steps: Mapping[str, StepInputs], step: str) -> set[str]:
    """Returns a step with all that it depends on."""
    found, waiting = set[str](), [step]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [*steps[name].upstream, *steps[name].waits_for]
    return found
