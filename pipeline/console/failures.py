"""What an error that ended a run comes to, in one sentence: the user's own, the machine's, or an unexpected one."""

from __future__ import annotations

import re
from pathlib import Path

from kerasline.components.core import DataRejected, KeraslineError, errors, first_line
from kerasline.components.datasets import explain_damage, is_about_images
from kerasline.components.datasets.description import Dataset
from kerasline.components.registry import PushRefused

_TOLD = re.compile(rf"^{re.escape(errors.__name__)}\.(\w+): (.+)$", re.MULTILINE)
ENGINE_LOST = "Beam's job service, which run.beam or --beam leads to, is gone; start it, and run"
# What the texts of errors have in common when it is the machine that gave out, from whichever library they come.
_MACHINE = (
    (
        ("No space left on device", "Errno 28]", "disk is full", "Disk quota exceeded", "Errno 122]"),
        "the disk is full",
        "free some space, of which 'kerasline doctor' shows how much there is",
    ),
    (
        ("File too large", "Errno 27]"),
        "a file may not grow any further",
        "raise the limit on the size of files (ulimit -f)",
    ),
    (
        ("MemoryError", "std::bad_alloc", "Cannot allocate memory", "Errno 12]", "OOM when allocating"),
        "the memory is used up",
        "lower training.batch_size or data.limit, or give it more memory",
    ),
    (
        ("Too many open files", "Errno 24]"),
        "too many files are open",
        "raise the limit on open files (ulimit -n)",
    ),
    (
        ("Read-only file system", "Errno 30]"),
        "the file system can only be read",
        "give --workspace a folder that can be written",
    ),
)


def describe_failure(error: Exception, step: str, log: Path, data: Dataset) -> tuple[str, str]:
    """Returns the status of a run that an error ended, and the sentence that goes with it.

    Args:
      error: as it arrived.
      step: that was running.
      log: of the run.
      data: that the run reads.
    """
    cause = find_cause(error)
    if isinstance(cause, KeraslineError):
        text = str(cause).split(" [while running")[0].strip()
        # By kind and not by class: the gate's own error is one that knows its verdict.
        rejected, refused = isinstance(cause, DataRejected), isinstance(cause, PushRefused)
        return "data_rejected" if rejected else "not_blessed" if refused else "failed", text
    if is_engine_lost(error):
        return "failed", (
            f"the step {step} could not go on: {ENGINE_LOST} again: the steps that had finished are kept; the log is "
            f"{log}"
        )
    machine = explain_machine(error)
    if machine:
        return "failed", f"the step {step} could not go on: {machine}, and run again; the log is {log}"
    if any(column.dtype == "image" for column in data.columns) and is_about_images(str(error)):
        return "data_rejected", explain_damage(data)
    what = f"{type(cause).__name__}: {first_line(cause, 'no message')}"
    return "failed", f"the step {step} failed with {what}; the log {log} has the rest, --debug shows it here"


def explain_machine(error: BaseException) -> str | None:
    """Says what the machine is short of and what to do, where that is what an error comes from."""
    current: BaseException | None = error
    while current is not None:
        text = f"{type(current).__name__}: {current}"
        for marks, what, advice in _MACHINE:
            if any(mark in text for mark in marks):
                return f"{what}; {advice}"
        current = current.__cause__ or current.__context__
    return None


def is_engine_lost(error: BaseException) -> bool:
    """Says whether an error comes from a job service that was there and is not any more."""
    import grpc

    current: BaseException | None = error
    while current is not None:
        if isinstance(current, grpc.FutureTimeoutError):  # it was gone when the step began
            return True
        if isinstance(current, grpc.RpcError) and isinstance(current, grpc.Call):
            return current.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
        current = current.__cause__ or current.__context__
    return False


def find_cause(error: BaseException) -> BaseException:
    """Finds the error that is meant for the user below those that wrapped it, or the outermost one.

    Of an error in another process, such as a Beam worker's, only the text of its traceback arrives.
    """
    current: BaseException | None = error
    while current is not None:
        if isinstance(current, KeraslineError):
            return current
        current = current.__cause__ or current.__context__
    for name, text in reversed(_TOLD.findall(str(error))):
        kind = getattr(errors, name, None)
        if isinstance(kind, type) and issubclass(kind, KeraslineError):
            return kind(text)
    return error
