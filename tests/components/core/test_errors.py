"""Exit codes of the user's errors, and the hint for a misspelt word."""

from __future__ import annotations

import pytest

from kerasline.components.core.errors import (
    ConfigError,
    DataRejected,
    KeraslineError,
    ParityFailed,
    TrainingFailed,
    nearest,
)


def test_exit_codes_are_those_of_the_contract() -> None:
    codes = {kind: kind.exit_code for kind in (ConfigError, DataRejected, TrainingFailed, ParityFailed)}
    assert codes == {ConfigError: 2, DataRejected: 3, TrainingFailed: 1, ParityFailed: 1}
    assert all(issubclass(kind, KeraslineError) for kind in codes)


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("epoch", ["batch_size", "epochs"], " Did you mean 'epochs'?"),
        ("acuracy", ["auc", "accuracy"], " Did you mean 'accuracy'?"),
        ("zzz", ["epochs", "units"], ""),
        ("epochs", [], ""),
        (3, [1, 2, 30], " Did you mean '30'?"),
    ],
)
def test_nearest(word: str, known: list[str], hint: str) -> None:
    assert nearest(word, known) == hint
