"""What is heard of an epoch while it runs."""

from __future__ import annotations

import pytest

from kerasline.components.core import progress
from kerasline.components.fitting.watching.callbacks import EpochProgress


@pytest.mark.parametrize(
    ("unit", "text"),
    [("", "loss 0.25  mae 0.125"), ("(in deviations)", "loss 0.25  mae 0.125  (in deviations)")],
)
def test_figures_of_a_scaled_label_say_so(unit: str, text: str) -> None:
    heard: list[progress.Progress] = []
    stop = progress.listen(heard.append)
    EpochProgress(3, unit).on_epoch_end(0, {"loss": 0.25, "mae": 0.125})
    stop()
    assert [(one.activity, one.done, one.total, one.text) for one in heard] == [("epoch", 1, 3, text)]
    assert heard[0].figures == {"loss": 0.25, "mae": 0.125}
