"""The config's ``training:`` block, typed."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from kerasline.components.core import DURATION, Options, seconds_of, shown
from kerasline.components.fitting.settings import names
from kerasline.components.models import direction
from kerasline.components.own_code import OwnName, check_own_name, is_own, name_of


class Monitor(Options):
    """Base of what watches a figure of the fit."""

    monitor: str = Field(
        "val_loss",
        description="val_loss, another figure that the task has, such as val_auc, or val_ and the name of a function "
        "of training.metrics.",
    )
    mode: Literal["auto", "min", "max"] = Field(
        "auto", description="Which way is better: known of the task's own figures, to be said of metrics of yours."
    )

    @field_validator("monitor")
    @classmethod
    def _is_one_name(cls, value: str) -> str:
        return names.find_metric(value)

    def way(self) -> Literal["min", "max"]:
        """Returns which way is better."""
        return direction(self.monitor, self.mode)


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

    optimizer: str = Field(
        "adam", description="Any Keras optimizer by name: adam, sgd, rmsprop, ...; or your own as module:function."
    )
    optimizer_arguments: dict[str, Any] = Field(default={}, description="More arguments of the optimizer, by name.")
    learning_rate: float = Field(0.001, gt=0, description="How far a step goes; a schedule starts from it.")
    learning_rate_schedule: dict[str, Any] | None = Field(
        None,
        description="A keras.optimizers.schedules class that starts from learning_rate: {name: CosineDecay, "
        "decay_epochs: 10}; steps (decay_steps) or epochs, default: the whole training.",
    )
    loss: str | None = Field(
        None, description="Any Keras loss that suits the task, or your own as module:function; default: the task's."
    )
    loss_arguments: dict[str, Any] = Field(default={}, description="Arguments of the loss, by name: {delta: 2.0}.")
    metrics: list[OwnName] = Field(
        default=[],
        description="Your own, as module:function, measured after every epoch beside the task's: functions of "
        "(y_true, y_pred), or classes of keras.metrics.Metric.",
    )
    callbacks: list[OwnName] = Field(
        default=[], description="Your own, as module:function: each is called for a keras.callbacks.Callback of a fit."
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Classes only, with a crossentropy loss.")
    mixup: float = Field(
        0.0, ge=0, description="Blends pairs of rows by Beta(mixup, mixup) shares; 0.2 is usual, 0 turns it off."
    )
    batch_size: int = Field(64, ge=1, description="Rows of a step.")
    epochs: int = Field(10, ge=1, description="Times that the train split is gone through, at most.")
    budget: str | None = Field(
        None,
        pattern=DURATION,
        description="A fit ends after this time with its best epoch so far: 90s, 10m, 2h. Each fit has as much, "
        "such as trials and the members of an ensemble; a fit and its refit share it.",
    )
    refit: bool = Field(
        False,
        description="Fit anew on train and validation rows, for as many epochs as were best on the latter.",
    )
    calibration: Literal["none", "temperature"] = Field(
        "none",
        description="temperature: divide the logits by what makes scores of validation rows come true as often as they "
        "say; which class is likeliest stays.",
    )
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
        2048,
        ge=1,
        description="Transformed data up to this size trains from memory; larger data streams, shuffled, from a "
        "temporary file that takes the room of the rows.",
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

    @field_validator("budget")
    @classmethod
    def _is_time(cls, value: str | None) -> str | None:
        if value is not None and seconds_of(value) <= 0:
            raise ValueError(f"expected time for some epochs, such as 10m, got {value}")
        return value

    @field_validator("optimizer")
    @classmethod
    def _is_optimizer(cls, value: str) -> str:
        return names.find_optimizer(value)

    @field_validator("loss")
    @classmethod
    def _is_name(cls, value: str | None) -> str | None:
        if value is not None and is_own(value):
            return check_own_name(value)
        if value is not None and not value.replace("_", "").isalnum():
            raise ValueError(f"expected the name of a Keras loss, got {shown(value)}")
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
    def _has_rows_that_show_it(self) -> TrainingOptions:
        asked = {"refit": self.refit, "calibration": self.calibration != "none"}
        for key, is_asked in asked.items():
            if is_asked and self.validation_fraction == 0:
                raise ValueError(f"expected validation_fraction above 0 with {key}, whose rows it goes by, got 0")
        if self.refit and self.fine_tune is not None:
            raise ValueError("expected refit or fine_tune, got both; leave one out")
        if self.refit and self.reduce_on_plateau is not None:
            raise ValueError(
                "expected learning_rate_schedule instead of reduce_on_plateau with refit, which has no validation rows "
                "to watch"
            )
        return self

    def kept_by(self) -> str:
        """Returns the figure by which the kept epoch is chosen; empty where the last one is kept."""
        if self.early_stopping is not None:
            return self.early_stopping.monitor
        return "val_loss" if self.budget is not None and self.validation_fraction > 0 else ""

    def is_kept_by(self) -> Literal["min", "max"]:
        """Returns which way is better for the figure by which the kept epoch is chosen."""
        return "min" if self.early_stopping is None else self.early_stopping.way()

    def own_figures(self) -> list[str]:
        """Lists the names that the user's metrics have in a fit's history."""
        return [name_of(dotted) for dotted in self.metrics]

    @model_validator(mode="after")
    def _devices_agree(self) -> TrainingOptions:
        if self.strategy == "multi_worker" and self.backend != "jax":
            raise ValueError(
                f"expected backend: jax for strategy: multi_worker, got {self.backend}; Keras 3 has no workers of "
                "TensorFlow or PyTorch"
            )
        if self.backend == "torch" and self.strategy not in ("auto", "none"):
            raise ValueError(f"expected strategy: none for backend: torch, got {self.strategy}; use tensorflow or jax")
        self._refuse_half_a_tpu()
        if self.strategy == "multi_worker" and self.budget is not None:
            raise ValueError("expected no budget with strategy: multi_worker, whose processes end together, got one")
        if self.replicas is not None and self.strategy not in ("mirrored", "multi_worker"):
            raise ValueError(f"expected strategy: mirrored or multi_worker with replicas, got {self.strategy}")
        return self

    def _refuse_half_a_tpu(self) -> None:
        """Refuses a TPU that device, strategy and backend do not agree on."""
        if "tpu" not in (self.device, self.strategy):
            return
        if self.backend != "tensorflow":
            raise ValueError(f"expected backend: tensorflow for a TPU, got {self.backend}")
        if self.device not in ("auto", "tpu"):
            raise ValueError(f"expected device: tpu for strategy: tpu, got {self.device}")
        if self.strategy not in ("auto", "tpu"):
            raise ValueError(f"expected strategy: tpu for device: tpu, got {self.strategy}")
