"""Resolves an experiment before its graph is built: data, task, features and the baseline become plain values.

Because they are settled here, the same graph runs on every target and every cache key is right.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasline.components.baseline import check_reference_limit
from kerasline.components.beam import AUTO, Work, choose_processes, complete_options, importing, room_for_processes
from kerasline.components.core import TEXT_PACKAGE
from kerasline.components.datasets import infer_task, resolve, settle_splits_anew
from kerasline.components.datasets.description import Dataset
from kerasline.components.datasets.splits import say_flattered, split_record
from kerasline.components.evaluation import DEFAULT_METRICS, EvaluationOptions, settle_evaluation
from kerasline.components.example_gen import RowRules
from kerasline.components.features import (
    Alternative,
    ColumnOptions,
    FeaturePlan,
    named_columns,
    plan_alternatives,
    plan_features,
    prefer_pieces,
    prefer_piecewise,
    tokenizer_in,
    with_quantities,
    with_tokenizer,
)
from kerasline.components.fitting import FitSettings, TrainingOptions, check_fit, check_memory, check_weight_column
from kerasline.components.formats import check_formats
from kerasline.components.models import TabularOptions, check_inputs
from kerasline.components.monitoring import check_redacted
from kerasline.components.own_code import is_own, use_folder
from kerasline.components.pushing import check_limits
from kerasline.components.tuning import FAMILY, check_memory_of_search, check_search, feature_values, values_to_try
from kerasline.components.validation import (
    Reference,
    check_column_names,
    find_reference,
    follow_types,
    make_rules,
    whole_columns,
)
from kerasline.pipeline.config import Experiment
from kerasline.pipeline.plan.as_read import label_record, reading_record, words_of
from kerasline.pipeline.plan.data_schemas import SchemaFile, curated_text
from kerasline.pipeline.plan.earlier_searches import SearchStart
from kerasline.pipeline.plan.in_production import (
    baseline_version,
    describe_pointer,
    repeated_version,
    version_of_other_data,
)
from kerasline.pipeline.plan.own_parts import OF_A_RUN, Stage, own_modules
from kerasline.pipeline.plan.presets import settle_preset, tokenizer_of
from kerasline.pipeline.plan.signing_key import resolve_key
from kerasline.pipeline.plan.starting_weights import learnt_versions, resolve_weights, started_from
from kerasline.pipeline.workspace import kept_descriptions

# Of the rows in eval, where the source says which they are.
_USUAL_SHARE = 0.1


@dataclass(frozen=True)
class RunPlan:
    """Everything that the graph is built from.

    Attributes:
      experiment: the config.
      dataset: the resolved data.
      features: what the transform graph does with each column.
      evaluation: settled metrics, slices and thresholds.
      baseline_version: the version to compare with, 0 where there is none.
      key: hash of all that decides the outcome of the run, apart from the baseline.
      schema: the curated schema as text, empty where it is inferred from this data.
      rules: what ingest does with single rows.
      reference: the profile that drift is measured from.
      schema_file: where the curated schema is, None to keep none.
      search_start: what the search takes over from an earlier one.
      alternatives: the plans that the search chooses among, ``features`` first; empty where it changes none.
      learnt: the versions whose rows the weights have learnt that the network starts from.
      started_from: the version that those weights are of, NAME@VERSION; empty where they are no version's.
      pointer: changes when somebody else than this run moved what is in production, so that it pushes again.
    """

    experiment: Experiment
    dataset: Dataset
    features: FeaturePlan
    evaluation: EvaluationOptions
    baseline_version: int
    key: str
    schema: str = ""
    rules: RowRules = RowRules()
    reference: Reference = Reference()
    schema_file: SchemaFile | None = None
    search_start: SearchStart = SearchStart()
    pointer: str = ""
    alternatives: tuple[Alternative, ...] = ()
    learnt: tuple[dict[str, Any], ...] = ()
    started_from: str = ""

    def fit_settings(self) -> FitSettings:
        """Returns what the Tuner and the Trainer are told."""
        return FitSettings(
            plan=self.features,
            model=self.experiment.model,
            training=self._training(),
            seed=self.experiment.seed,
            alternatives=self.alternatives,
        )

    def _training(self) -> TrainingOptions:
        training = self.experiment.training
        return training.model_copy(update={"tensorboard": True}) if self.experiment.report.tensorboard else training

    def own_modules(self, *stages: Stage) -> tuple[str, ...]:
        """Names the user's modules that the steps of some stages call."""
        return own_modules(self.experiment, *stages)

    def held_out_splits(self) -> list[str]:
        """Lists the splits that the model is not fitted on."""
        return [split for split in self.dataset.splits() if split != "train"]

    def beam_arguments(self) -> list[str]:
        """Returns Beam's options: one process unless the recipe says otherwise."""
        return complete_options([*self.experiment.run.engine(), *importing(self.worker_modules())])

    def flattered(self) -> str:
        """Says why the weights that the network starts from may have learnt rows that measure it now."""
        versions = [(f"{one['version']}, whose weights this model starts from,", one["split"]) for one in self.learnt]
        return say_flattered(versions, split_record(self.dataset))

    def worker_modules(self) -> list[str]:
        """Lists what Beam's workers import so that they can load the transform graph and the model."""
        return [TEXT_PACKAGE] if tokenizer_in(self.features) else []

    def processes(self) -> dict[str, int]:
        """Says which steps run in how many processes of this machine, where that is left to us and not one."""
        if self.experiment.run.beam != AUTO:
            return {}
        rows, share = self.dataset.rows, self.dataset.split.fractions.get("eval", _USUAL_SHARE)
        work = Work(rows, len(self.dataset.columns) + 1, int(rows * share), len(self.dataset.shards))
        return choose_processes(work, room_for_processes())

    def missing_words(self) -> dict[str, list[str]]:
        """Lists the words that training took for no value, by column that the model reads."""
        data, read = follow_types(self.dataset, self.rules), self.features.raw_arguments()
        return words_of([column for column in data.columns if column.name in read], data)

    def record(self) -> dict[str, Any]:
        """Returns what is written beside a pushed version: where it comes from, and how to read data for it."""
        arguments, data = self.features.raw_arguments(), follow_types(self.dataset, self.rules)
        columns = [
            c.model_dump(mode="json", exclude={"distinct", "numbers"}) for c in data.columns if c.name in arguments
        ]
        # Who measures a version later may not have the user's functions.
        measured = [name for name in self.evaluation.metrics if not is_own(name)]
        measured = measured or list(DEFAULT_METRICS[self.features.task])
        return {
            "recipe": self.experiment.name,
            "task": self.features.task,
            "classes": self.features.classes,
            "arguments": arguments,
            "watched": self.features.watched_columns(),
            "columns": columns,
            "label": label_record(data),
            "reading": reading_record(data),
            "main_metric": measured[0],
            "measured": measured,
            "serve": self.experiment.serve.model_dump(mode="json"),
            "watch": self.experiment.push.watch(),
            **data_record(self.dataset),
            "run_key": self.key,
            "baseline_version": self.baseline_version,
            "pointer_before": self.pointer,
            "learnt": list(self.learnt),
            "started_from": self.started_from,
        }


def data_record(dataset: Dataset) -> dict[str, Any]:
    """Returns what is written beside a pushed version of the data that it was made from."""
    return {
        "data": {"title": dataset.title or dataset.name, "kind": dataset.kind, "rows": dataset.rows},
        "span_digests": dataset.spans,
        "spans": next((note for note in dataset.notes if note.startswith("spans ")), None),
        "data_fingerprint": dataset.fingerprint,
        "split": split_record(dataset),
    }


def plan_run(
    experiment: Experiment,
    base_dir: Path,
    data_dir: Path | None,
    models: Path,
    schema_file: SchemaFile | None = None,
    reference: Reference | None = None,
    *,
    cache: bool = True,
) -> RunPlan:
    """Resolves data, task, features, schema and baseline.

    Args:
      experiment: the config.
      base_dir: where relative paths of the recipe start.
      data_dir: ``--data-dir``, or None.
      models: ``MODELS/NAME``.
      schema_file: where the curated schema is; None to infer it and keep none.
      reference: what drift is measured from, where that is not found on this machine.
      cache: whether the fit of an earlier run may be reused, if the recipe does not forbid it.

    Returns:
      The plan.

    Raises:
      ConfigError: the data cannot be read, or the config does not suit it.
    """
    workspace = models.parent.parent
    settled = settle(experiment, base_dir, data_dir, workspace, schema_file)
    start = started_from(experiment, workspace)
    learnt = learnt_versions(start, experiment.name, workspace, settled.dataset)
    experiment, dataset, rules = settled.experiment, settled.dataset, settled.rules
    key = _run_key(settled)
    repeated = repeated_version(models, key, experiment.run.metadata) if cache and experiment.run.cache else None
    baseline = baseline_version(models, repeated)
    compared = version_of_other_data(models, baseline, dataset.fingerprint)
    reference = reference or find_reference(experiment.validation.drift, models, compared, base_dir)
    return RunPlan(
        experiment, dataset, settled.features, settled.evaluation, baseline, key, settled.schema, rules, reference,
        schema_file, pointer=describe_pointer(models, repeated), alternatives=settled.alternatives,
        learnt=learnt, started_from=start,
    )  # fmt: skip


@dataclass(frozen=True)
class Settled:
    """What a config and its data decide together; see :class:`RunPlan` for the fields."""

    experiment: Experiment
    dataset: Dataset
    features: FeaturePlan
    evaluation: EvaluationOptions
    schema: str
    rules: RowRules
    alternatives: tuple[Alternative, ...]


def settle(
    experiment: Experiment,
    base_dir: Path,
    data_dir: Path | None,
    workspace: Path,
    schema_file: SchemaFile | None = None,
) -> Settled:
    """Resolves data, task and features, and checks the config against them.

    Args:
      experiment: the config.
      base_dir: where relative paths of the recipe start.
      data_dir: ``--data-dir``, or None.
      workspace: that has the versions which the config may start from, and keeps what was found out about data.
      schema_file: where the curated schema is; None to infer it.

    Raises:
      ConfigError: the data cannot be read, or the config does not suit it.
    """
    use_folder(base_dir, own_modules(experiment))
    experiment = resolve_key(resolve_weights(experiment, workspace), base_dir)
    experiment = settle_preset(experiment, base_dir)
    kept = kept_descriptions(workspace)
    dataset = resolve(
        experiment.data, name=experiment.name, base_dir=base_dir, data_dir=data_dir, task=experiment.task,
        seed=experiment.seed, named=named_columns(experiment.features), kept=kept,
    )  # fmt: skip
    schema = curated_text(schema_file, dataset) if schema_file else ""
    searched = feature_values(experiment.tuning.space) if experiment.tuning else {}
    if not searched:  # a search may try whole numbers as categories
        typed = with_quantities(dataset, experiment.features, whole_columns(schema))
        if typed is not dataset:
            dataset = settle_splits_anew(typed, experiment.data, base_dir=base_dir, data_dir=data_dir, kept=kept)
    settled = [name for name, options in experiment.features.items() if options.kind]
    rules = make_rules(schema, dataset, experiment.validation, settled)
    ingested = follow_types(dataset, rules)
    task = infer_task(ingested.label) if experiment.task == "auto" else experiment.task
    tokenizer = tokenizer_of(experiment.model)
    options = _suited(experiment, ingested, reads_pieces=tokenizer is not None)
    features = with_tokenizer(plan_features(ingested, options, task), tokenizer)
    alternatives = plan_alternatives(searched, ingested, options, features)
    check_formats(experiment.push.further_formats())
    columns = [column.name for column in dataset.columns] + [dataset.label.name]
    check_column_names(experiment.validation, columns)
    check_redacted(experiment.serve, columns)
    evaluation = settle_evaluation(experiment.evaluation, task, columns)
    check_reference_limit(evaluation, features)
    check_limits(experiment.push, evaluation.metrics[0])
    check_inputs(experiment.model, features.inputs())
    fit = FitSettings(
        plan=features, model=experiment.model, training=experiment.training, seed=experiment.seed,
        alternatives=alternatives,
    )  # fmt: skip
    check_fit(fit)
    train_rows = int(dataset.rows * dataset.split.fractions.get("train", 0.0))
    check_memory(fit, train_rows)
    if experiment.tuning:
        check_search(fit, experiment.tuning)
        check_memory_of_search(fit, experiment.tuning, train_rows)
    return Settled(experiment, dataset, features, evaluation, schema, rules, alternatives)


def _suited(experiment: Experiment, dataset: Dataset, *, reads_pieces: bool) -> dict[str, ColumnOptions]:
    """Returns the recipe's features, with what suits the model where the recipe leaves it open."""
    options = _leave_out_weight(experiment, dataset)
    if _may_embed_numbers(experiment):
        options = prefer_piecewise(dataset, options)
    return prefer_pieces(dataset, options) if reads_pieces else options


def _may_embed_numbers(experiment: Experiment) -> bool:
    """Says whether the tabular family, which embeds ranks, is the recipe's or one that a search tries."""
    families = experiment.tuning.space.get(FAMILY) if experiment.tuning else None
    is_tried = families is not None and "tabular" in values_to_try(families)
    return is_tried or isinstance(experiment.model, TabularOptions)


def _leave_out_weight(experiment: Experiment, dataset: Dataset) -> dict[str, ColumnOptions]:
    """Returns the recipe's features without the column that weighs the rows."""
    weight = experiment.training.sample_weight
    if weight is None:
        return experiment.features
    check_weight_column(weight, dataset)
    return {**experiment.features, weight: ColumnOptions(kind="drop")}


def _run_key(settled: Settled) -> str:
    """Returns 16 hexadecimal digits that stay while a run would compute the same."""
    from kerasline.components.core import code_version

    experiment = settled.experiment
    elsewhere: Any = {"run": True, "schedule": True, "serve": True, "description": True}
    elsewhere |= {"report": {"mlflow"}, "push": {"sign"}}
    decisive = {
        "experiment": experiment.model_dump(mode="json", exclude=elsewhere),
        "data": settled.dataset.fingerprint,
        "rules": settled.rules.to_json(),
        # The curated schema decides them, too.
        "types": {step.name: step.dtype for step in settled.features.steps},
        "code": code_version("kerasline.pipeline.graph", *own_modules(experiment, *OF_A_RUN)),
    }
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]
