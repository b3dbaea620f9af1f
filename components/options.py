"""The config blocks of the rooms that are a single file: training, evaluation, push, report.

Rooms with several files keep their options beside them (``datasets/options.py``, ``models/options.py``,
``tuning/options.py``, ``validation/options.py``, ``features.py``). Everything here is plain pydantic, so that a recipe
can be checked without importing TensorFlow.
"""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from kerasline.components.engine import join_options
from kerasline.components.fitting import names
from kerasline.components.metadata_url import PASSWORD_VARIABLE, parse_metadata_url
from kerasline.components.refusals import refuse_boolean
from kerasline.components.slices import parse_slice


class Options(BaseModel):
    """Base of every config block: unknown keys are refused, values cannot change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_boolean_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        return refuse_boolean(cls.model_fields[str(info.field_name)].annotation, value)


class Monitor(Options):
    """Base of what watches a figure of the fit."""

    monitor: str = Field(
        "val_loss",
        description="val_loss or another figure that the task has, such as val_auc; its direction is inferred.",
    )

    @field_validator("monitor")
    @classmethod
    def _is_one_name(cls, value: str) -> str:
        return names.find_metric(value)


class EarlyStopping(Monitor):
    """Stop when the monitored value no longer improves, and keep the best weights."""

    patience: int = Field(3, ge=0, description="Epochs without improvement before training stops.")
    min_delta: float = Field(0.0, ge=0, description="Smaller changes do not count as improvement.")


class ReduceOnPlateau(Monitor):
    """Lower the learning rate when the monitored value no longer improves."""

    factor: float = Field(0.5, gt=0, lt=1, description="The rate is multiplied by this.")
    patience: int = Field(2, ge=0, description="Epochs without improvement before that.")
    min_learning_rate: float = Field(1e-6, ge=0, description="The rate is not lowered below this.")


class FineTune(Options):
    """A second phase of model.family transfer: layers of the base are trained too, at a lower rate."""

    from_layer: str = Field(
        "all", description="The first layer of the base to train, or a block of layers such as fire8; all: every one."
    )
    epochs: int = Field(5, ge=1, description="Epochs of this phase, after those of training.epochs.")
    learning_rate: float = Field(1e-5, gt=0, description="Constant; usually a hundredth of training.learning_rate.")


class TrainingOptions(Options):
    """How the model is fitted."""

    optimizer: str = Field("adam", description="Any Keras optimizer by name: adam, sgd, rmsprop, adagrad, ...")
    optimizer_arguments: dict[str, Any] = Field(default={}, description="More arguments of the optimizer, by name.")
    learning_rate: float = Field(0.001, gt=0, description="How far a step goes; a schedule starts from it.")
    learning_rate_schedule: dict[str, Any] | None = Field(
        None,
        description="A keras.optimizers.schedules class that starts from learning_rate: {name: CosineDecay, "
        "decay_epochs: 10}; steps (decay_steps) or epochs, default: the whole training.",
    )
    loss: str | None = Field(None, description="Any Keras loss that suits the task; default: the task's own.")
    loss_arguments: dict[str, Any] = Field(default={}, description="Arguments of the loss, by name: {delta: 2.0}.")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Classes only, with a crossentropy loss.")
    mixup: float = Field(
        0.0, ge=0, description="Blends pairs of rows by Beta(mixup, mixup) shares; 0.2 is usual, 0 turns it off."
    )
    batch_size: int = Field(64, ge=1, description="Rows of a step.")
    epochs: int = Field(10, ge=1, description="Times that the train split is gone through, at most.")
    fine_tune: FineTune | None = Field(None, description="A second phase for model.family transfer.")
    validation_fraction: float = Field(
        0.1, ge=0, lt=0.9, description="Part of the train split kept for early stopping and tuning."
    )
    early_stopping: EarlyStopping | None = Field(None, description="When to stop before training.epochs.")
    reduce_on_plateau: ReduceOnPlateau | None = Field(None, description="When to lower the learning rate.")
    clip_norm: float | None = Field(None, gt=0, description="Gradients are clipped to this norm, variable by variable.")
    class_weights: Literal["balanced"] | dict[str, float] | None = Field(
        None, description="'balanced', or a weight for each class by name."
    )
    sample_weight: str | None = Field(
        None,
        description="A column of numbers of 0 and more that weigh the rows in the loss; it is no model input then.",
    )
    memory_limit_mb: int = Field(
        2048, ge=1, description="Transformed data up to this size trains from memory; larger data streams."
    )
    tensorboard: bool = Field(False, description="Write TensorBoard logs beside the training history.")
    deterministic: bool = Field(
        False, description="The same weights to the last bit in every run on the same machine; slower."
    )
    device: Literal["auto", "cpu", "gpu", "tpu"] = Field("auto", description="auto: a GPU where there is one.")
    strategy: Literal["auto", "none", "mirrored", "multi_worker", "tpu"] = Field(
        "auto",
        description="How several devices share a batch; auto: mirrored where there are several GPUs. multi_worker is "
        "several processes of this machine, with backend jax.",
    )
    replicas: int | None = Field(
        None,
        ge=2,
        le=64,
        description="Devices of mirrored or processes of multi_worker; default: all GPUs, or 2 on CPU.",
    )
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = Field(
        "auto", description="Of the computations; weights are float32. auto: float32, on a TPU mixed_bfloat16."
    )
    backend: Literal["tensorflow", "jax", "torch"] = Field(
        "tensorflow", description="What Keras computes with; the exported model is the same."
    )

    @field_validator("optimizer")
    @classmethod
    def _is_optimizer(cls, value: str) -> str:
        return names.find_optimizer(value)

    @field_validator("loss")
    @classmethod
    def _is_name(cls, value: str | None) -> str | None:
        if value is not None and not value.replace("_", "").isalnum():
            raise ValueError(f"expected the name of a Keras loss, got {value!r}")
        return value

    @model_validator(mode="after")
    def _suits_the_optimizer(self) -> TrainingOptions:
        names.check_optimizer_arguments(self.optimizer, self.optimizer_arguments)
        clipping = [name for name in names.CLIPPING if name in self.optimizer_arguments]
        if len(clipping) + (self.clip_norm is not None) > 1:
            given = " and ".join([*clipping, "clip_norm"][:2])
            raise ValueError(f"expected one way of clipping gradients, got {given}; leave one out")
        if self.learning_rate_schedule is not None:
            names.find_schedule(self.learning_rate_schedule)
            if self.reduce_on_plateau is not None:
                raise ValueError(
                    "expected learning_rate_schedule or reduce_on_plateau, got both; two things cannot set one rate"
                )
        return self

    @model_validator(mode="after")
    def _devices_agree(self) -> TrainingOptions:
        if self.strategy == "multi_worker" and self.backend != "jax":
            raise ValueError(
                f"expected backend: jax for strategy: multi_worker, got {self.backend}; Keras 3 has no workers of "
                "TensorFlow or PyTorch"
            )
        if self.backend == "torch" and self.strategy not in ("auto", "none"):
            raise ValueError(f"expected strategy: none for backend: torch, got {self.strategy}; use tensorflow or jax")
        if (self.device == "tpu" or self.strategy == "tpu") and self.backend != "tensorflow":
            raise ValueError(f"expected backend: tensorflow for a TPU, got {self.backend}")
        if self.strategy == "tpu" and self.device not in ("auto", "tpu"):
            raise ValueError(f"expected device: tpu for strategy: tpu, got {self.device}")
        if self.device == "tpu" and self.strategy not in ("auto", "tpu"):
            raise ValueError(f"expected strategy: tpu for device: tpu, got {self.strategy}")
        if self.replicas is not None and self.strategy not in ("mirrored", "multi_worker"):
            raise ValueError(f"expected strategy: mirrored or multi_worker with replicas, got {self.strategy}")
        return self


class Threshold(Options):
    """Limits for one metric; a model outside them is not blessed."""

    min: float | None = Field(None, description="The metric must be at least this.")
    max: float | None = Field(None, description="The metric must be at most this.")
    max_drop: float | None = Field(
        None, ge=0, description="How much worse than the model in production it may be, in the metric's own units."
    )

    @model_validator(mode="after")
    def _has_a_limit(self) -> Threshold:
        if self.min is None and self.max is None and self.max_drop is None:
            raise ValueError("expected at least one of min, max and max_drop")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}: no model can pass")
        return self


class Budgets(Options):
    """What the exported model may cost; measured whether there is a limit or not."""

    latency_p50_ms: float | None = Field(None, gt=0, description="Milliseconds of the median single request.")
    latency_p99_ms: float | None = Field(None, gt=0, description="Milliseconds that 99 of 100 single requests take.")
    size_bytes: int | None = Field(None, ge=1, description="Bytes of the SavedModel.")
    parameters: int | None = Field(None, ge=1, description="Parameters of the network.")


class EvaluationOptions(Options):
    """What is measured on the eval split and what a model must reach to be blessed."""

    metrics: list[str] = Field(default=[], description="Default: the usual metrics of the task.")
    slices: list[str | list[str]] = Field(
        default=[], description="Columns, or lists of columns for crossings, whose values are measured apart."
    )
    thresholds: dict[str, Threshold] = Field(
        default={}, description="Metric name to limits; default: the task's main metric must not drop."
    )
    slice_thresholds: dict[str, dict[str, Threshold]] = Field(
        default={},
        description="Limits by slice: 'sex' (each value of it), 'sex=female', 'sex, city=Kyoto' or '*' (every slice).",
    )
    min_slice_rows: int = Field(50, ge=1, description="Slices of fewer eval rows are reported and not gated.")
    beat_trivial: bool = Field(
        True,
        description="Must be better than the trivial model (majority class, mean) beyond luck: in the main metric, or "
        "row by row in log loss or squared error, or in the ROC AUC.",
    )
    budgets: Budgets = Field(default=Budgets())

    @field_validator("slice_thresholds")
    @classmethod
    def _names_slices(cls, value: dict[str, dict[str, Threshold]]) -> dict[str, dict[str, Threshold]]:
        for key, limits in value.items():
            parse_slice(key)
            if not limits:
                raise ValueError(f"expected metrics with limits for {key!r}, such as {{accuracy: {{min: 0.9}}}}")
        return value


class PushOptions(Options):
    """Where a blessed model goes."""

    keep: int = Field(5, ge=2, description="Versions to keep; the current one and its predecessor always stay.")
    formats: list[Literal["saved_model", "keras", "onnx", "tflite", "tflite_int8"]] = Field(
        default=["saved_model"],
        description="The SavedModel always; the others take transformed inputs and lie in the version's formats/.",
    )

    @field_validator("formats")
    @classmethod
    def _savedmodel_first(cls, value: list[str]) -> list[str]:
        return ["saved_model", *(name for name in dict.fromkeys(value) if name != "saved_model")]

    def further_formats(self) -> list[str]:
        """Lists the formats beside the SavedModel."""
        return [name for name in self.formats if name != "saved_model"]


class ReportOptions(Options):
    """What the report shows."""

    examples: int = Field(12, ge=0, le=200, description="Mistakes to show.")
    explanations: Literal["auto", "off"] = Field(
        "auto", description="What the model leans on and looks at, as far as it can be said in seconds; off: nothing."
    )
    tensorboard: bool = Field(
        False, description="TensorBoard logs of the fit, beside the report; of runs on this machine."
    )
    mlflow: str | None = Field(
        None,
        description="Log runs on this machine to MLflow there: sqlite:///mlflow.db, http://HOST:5000, databricks. "
        "Needs make setup MLFLOW=1; a password goes into MLFLOW_TRACKING_PASSWORD.",
    )

    @field_validator("mlflow")
    @classmethod
    def _tells_no_password(cls, value: str | None) -> str | None:
        if value is not None and (not value.strip() or urlsplit(value).password is not None):
            # The value itself would be in the message, and so on the screen and in logs.
            raise ValueError(
                "expected the address of an MLflow store without a password, such as http://HOST:5000, got one that is "
                "empty or has a password; put it into MLFLOW_TRACKING_PASSWORD"
            )
        return value


class StepResources(Options):
    """What a step gets on Vertex AI or Kubeflow; a run on this machine takes what there is."""

    cpu: float | None = Field(None, gt=0, description="Cores.")
    memory_gb: float | None = Field(None, gt=0, description="Memory in GB.")
    accelerator: str | None = Field(
        None, description="Vertex: such as NVIDIA_TESLA_T4. Kubeflow: the resource's name, such as nvidia.com/gpu."
    )
    accelerator_count: int = Field(1, ge=1, description="How many of them.")


class CustomJob(Options):
    """A step as a custom job of Vertex AI, on a machine of its own; the step itself then only waits for it."""

    machine: str = Field("n1-standard-8", description="Such as n1-standard-8, a2-highgpu-1g or ct5lp-hightpu-1t.")
    accelerator: str | None = Field(None, description="Such as NVIDIA_TESLA_T4, or TPU_V3 with machine: cloud-tpu.")
    accelerator_count: int = Field(1, ge=1, description="How many of them.")
    tpu_topology: str | None = Field(None, description="Of machines whose TPUs have one: 1x1, 2x2, 2x4, ...")
    disk_gb: int | None = Field(None, ge=100, description="Size of the boot disk; default: Vertex AI's, 100.")
    spot: bool = Field(False, description="A Spot machine: cheaper, and taken away at any time.")
    max_hours: float | None = Field(
        None, gt=0, description="The job is stopped after this; default: Vertex AI's 7 days."
    )


class RunOptions(Options):
    """Where and how the steps run."""

    resources: dict[str, StepResources] = Field(default={}, description="By step, such as train: {cpu: 8}.")
    custom_jobs: dict[Literal["train", "tune"], CustomJob] = Field(
        default={}, description="Vertex: steps as custom jobs, such as train: {machine: a2-highgpu-1g}."
    )
    retries: int = Field(0, ge=0, le=10, description="Vertex, Kubeflow: how often a failed step is tried again.")
    labels: dict[str, str] = Field(default={}, description="Vertex: labels of the job.")
    service_account: str | None = Field(None, description="Vertex, Kubeflow: who the steps run as.")
    network: str | None = Field(None, description="Vertex: full name of the peered network.")

    beam: list[str] = Field(
        default=[], description="Beam pipeline options, as on its command line: ['--direct_num_workers=2', ...]."
    )
    metadata: str | None = Field(
        None,
        description="mysql://USER@HOST:PORT/DATABASE for ML Metadata of a team, the password in "
        f"{PASSWORD_VARIABLE}; default: a SQLite file in the workspace.",
    )
    cache: bool = Field(True, description="Reuse the outputs of steps whose inputs have not changed.")

    @field_validator("beam")
    @classmethod
    def _beam_takes_options(cls, value: list[str]) -> list[str]:
        return join_options(value)

    @field_validator("metadata")
    @classmethod
    def _metadata_is_an_address(cls, value: str | None) -> str | None:
        if value is not None:
            parse_metadata_url(value)
        return value
