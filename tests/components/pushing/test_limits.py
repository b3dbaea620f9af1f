"""Limits of ``push.rollback_on`` that nothing could ever cross are refused before anything runs."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from kerasline.components.core import ConfigError
from kerasline.components.pushing import PushOptions, check_limits


@pytest.mark.parametrize("name", ["metric_drop", "accuracy_drop"])
def test_a_share_never_falls_by_two(name: str) -> None:
    options = PushOptions.model_validate({"rollback_on": {name: 2}})
    with pytest.raises(ConfigError, match=f"push.rollback_on.{name}: .*f1 lies between 0 and 1 and never falls by 2"):
        check_limits(options, "f1")
    for metric in ("mae", "rmse", "r2", "log_loss"):
        check_limits(options, metric)
    check_limits(PushOptions.model_validate({"rollback_on": {name: 0.02}}), "f1")
    check_limits(PushOptions(), "f1")


def test_two_names_of_one_limit_are_one_too_many() -> None:
    with pytest.raises(ValidationError, match="metric_drop or accuracy_drop, which mean the same, got both"):
        PushOptions.model_validate({"rollback_on": {"metric_drop": 0.1, "accuracy_drop": 0.1}})
