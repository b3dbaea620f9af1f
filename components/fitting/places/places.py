"""Where a fit runs: backend, device, strategy, precision, and whether it needs a process of its own.

A process of its own is needed by another backend than the one that Keras has loaded here, by several devices and by a
TPU (which must be set up before TensorFlow does anything else), and on a GPU, whose memory only the end of a process
gives back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import keras

from kerasline.components.core import TrainingFailed
from kerasline.components.fitting.settings import TrainingOptions, check_machine, has_gpu

_CPU_REPLICAS = 2


@dataclass(frozen=True)
class Place:
    """Where a fit runs.

    Attributes:
      backend: What Keras computes with.
      device: ``cpu``, ``gpu`` or ``tpu``.
      strategy: ``none``, ``mirrored``, ``multi_worker`` or ``tpu``.
      replicas: Devices that share a batch; for ``multi_worker`` processes.
      precision: A Keras dtype policy.
      deterministic: Whether every operation must give the same bits in every run.
      own_process: Whether the fit needs a process of its own.
    """

    backend: str
    device: str
    strategy: str
    replicas: int
    precision: str
    deterministic: bool
    own_process: bool

    def describe(self) -> dict[str, Any]:
        """Returns what the report shows."""
        return asdict(self)


def choose_place(options: TrainingOptions) -> Place:
    """Settles where a fit runs on this machine.

    Args:
      options: Training options; what they leave to the machine is settled here.

    Raises:
      ConfigError: a package or a device is missing.
      TrainingFailed: TensorFlow sees fewer devices than were asked for, or a batch cannot be shared among them.
    """
    check_machine(options)
    device, gpus = _choose_device(options)
    strategy = _choose_strategy(options, device, gpus)
    replicas = _count_replicas(options, strategy, gpus)
    precision = options.precision
    if precision == "auto":
        precision = "mixed_bfloat16" if device == "tpu" else "float32"
    own = _needs_process(options, device, strategy)
    return Place(options.backend, device, strategy, replicas, precision, options.deterministic, own)


def _choose_device(options: TrainingOptions) -> tuple[str, int]:
    """Returns the device, and how many GPUs a fit can use."""
    if "tpu" in (options.device, options.strategy):
        return "tpu", 0
    gpus = 0 if options.device == "cpu" else count_gpus(options.backend)
    if options.device == "gpu" and not gpus:
        raise TrainingFailed(
            f"training.device gpu: this machine has a GPU, but {options.backend} cannot use it; install the CUDA "
            "libraries with 'make setup GPU=1', or use training.device: cpu"
        )
    return ("gpu" if gpus else "cpu"), gpus


def _choose_strategy(options: TrainingOptions, device: str, gpus: int) -> str:
    """Returns the strategy that was asked for, or the one that uses all devices."""
    if options.strategy != "auto":
        return options.strategy
    if device == "tpu":
        return "tpu"
    return "mirrored" if gpus > 1 and options.backend != "torch" else "none"


def _needs_process(options: TrainingOptions, device: str, strategy: str) -> bool:
    """Says whether a fit needs a process of its own; the module tells why."""
    hides_gpu = options.device == "cpu" and has_gpu()
    is_other_backend = options.backend != keras.backend.backend()
    return is_other_backend or hides_gpu or device != "cpu" or strategy in ("mirrored", "multi_worker")


def _count_replicas(options: TrainingOptions, strategy: str, gpus: int) -> int:
    """Returns how many devices share a batch, which must be a multiple of them."""
    if strategy not in ("mirrored", "multi_worker"):
        return 1
    replicas = options.replicas or (gpus if gpus > 1 else _CPU_REPLICAS)
    if strategy == "mirrored" and gpus and replicas > gpus:
        raise TrainingFailed(
            f"training.replicas: expected at most {gpus}, the GPUs of this machine, got {replicas}; lower it, or use "
            "training.device: cpu"
        )
    if options.batch_size % replicas:
        raise TrainingFailed(
            f"training.batch_size: expected a multiple of the {replicas} replicas that share a batch, got "
            f"{options.batch_size}; try {max(1, options.batch_size // replicas) * replicas}"
        )
    return replicas


def count_gpus(backend: str) -> int:
    """Counts the GPUs that a fit can use: TensorFlow is asked, other backends are taken at the driver's word."""
    if not has_gpu():
        return 0
    if backend != "tensorflow":
        return 1
    import tensorflow as tf

    return len(tf.config.list_physical_devices("GPU"))


@contextmanager
def settled(place: Place) -> Iterator[Any]:
    """Sets precision, determinism and strategy for a fit in this process.

    Gives:
      The strategy's scope to build and compile the model in: a context manager.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(place.precision)
    if place.deterministic and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    try:
        yield _scope(place)
    finally:
        keras.config.set_dtype_policy(before)
        if place.deterministic and keras.backend.backend() == "tensorflow":
            # Public TensorFlow can only switch it on; the steps after this one should not pay for it.
            from tensorflow.python.framework import config

            config.disable_op_determinism()


@contextmanager
def _scope(place: Place) -> Iterator[None]:
    if place.strategy == "none" or place.backend == "torch":
        yield
    elif place.backend == "jax":
        # Workers see the devices of all processes; each feeds its own part of a batch.
        distribution = keras.distribution.DataParallel(auto_shard_dataset=False)
        with distribution.scope():
            yield
    else:
        with _tensorflow_strategy(place).scope():
            yield


def _tensorflow_strategy(place: Place) -> Any:
    import tensorflow as tf

    if place.strategy == "mirrored":
        kind = "GPU" if place.device == "gpu" else "CPU"
        devices = [device.name for device in tf.config.list_logical_devices(kind)][: place.replicas]
        return tf.distribute.MirroredStrategy(devices)
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect()
        return tf.distribute.TPUStrategy(resolver)
    except (ValueError, RuntimeError, OSError, tf.errors.OpError) as error:
        raise TrainingFailed(
            f"training.device tpu: expected a TPU, but none answered ({_line(error)}); set TPU_NAME to its name, or "
            "use training.device: auto"
        ) from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
