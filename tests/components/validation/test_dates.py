"""Values of a date column that are no dates are counted and named."""

from __future__ import annotations

import numpy as np
import pytest

from kerasline.components.features.plan import ColumnOptions, FeaturePlan, FeatureStep
from kerasline.components.leaks import Column
from kerasline.components.validation.checks.dates import check_dates
from kerasline.components.validation.samples.sampling import SplitSample


@pytest.mark.parametrize(
    ("cells", "form", "status", "share"),
    [
        (["2024-01-31", "31.01.2024"] * 5 + ["2024-02-01"] * 10, "ymd", "warned", 0.25),
        (["31.01.2024"] * 20, "ymd", "failed", 1.0),
        (["31.01.2024"] * 19 + [None], "dmy", None, 0),
        (["23:38"] * 19 + ["late"], "time", "warned", 0.05),
    ],
)
def test_dates_that_cannot_be_read(cells: list[str | None], form: str, status: str | None, share: float) -> None:
    options = ColumnOptions.model_validate({"kind": "date", "date_format": form})
    plan = FeaturePlan(
        steps=(FeatureStep(name="day", kind="date", dtype="string", options=options),),
        label="y", label_dtype="string", classes=("a", "b"), label_scale="none", task="binary",
    )  # fmt: skip
    sample = SplitSample(20, np.zeros(0, np.int64), {"day": Column("date", np.array(cells, object))})
    found = check_dates({"train": sample}, plan, "fail")
    assert [finding.status for finding in found] == ([status] if status else [])
    if found:
        assert found[0].figure == pytest.approx(share)
        assert f"no dates of date_format: {form}" in found[0].text
