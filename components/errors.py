"""The errors that a user can cause, each with the exit code that the command line returns for it.

Their message is one sentence that says what was expected, what came, and what to do next; the command line prints it
as it is and shows a traceback only with ``--debug``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class KeraslineError(Exception):
    """A failure whose message is meant for the user."""

    exit_code = 1


class ConfigError(KeraslineError):
    """The config, the arguments or the data source are wrong; nothing has run."""

    exit_code = 2


class DataRejected(KeraslineError):
    """The data gate stopped the run."""

    exit_code = 3


class TrainingFailed(KeraslineError):
    """Training or tuning could not produce a usable model (NaN loss, out of memory, no completed trial)."""


class ParityFailed(KeraslineError):
    """The exported model could not be compared with the model that was trained."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Returns a hint such as `` Did you mean 'epochs'?`` for a misspelt word, or an empty string."""
    matches = difflib.get_close_matches(str(word), [str(k) for k in known], n=1, cutoff=0.5)
    return f" Did you mean {matches[0]!r}?" if matches else ""
