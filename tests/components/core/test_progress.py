"""Progress reaches those who listen, and the log."""

from __future__ import annotations

import logging

import pytest

from kerasline.components.core.progress import Progress, listen, report


def test_listeners_hear_what_is_reported_until_they_leave(caplog: pytest.LogCaptureFixture) -> None:
    first: list[Progress] = []
    second: list[Progress] = []
    forget_first, forget_second = listen(first.append), listen(second.append)
    with caplog.at_level(logging.INFO, "kerasline.progress"):
        report("epoch", 1, 5, "loss 0.3")
        forget_first()
        report("trial", 2, None, "failed", permanent=True)
    forget_second()
    report("epoch", 5, 5)
    assert first == [Progress("epoch", 1, 5, "loss 0.3", False)]
    assert second == [*first, Progress("trial", 2, None, "failed", True)]
    assert caplog.messages == ["epoch 1/5 loss 0.3", "trial 2/? failed"]
