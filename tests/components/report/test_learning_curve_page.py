"""The page of a learning curve: what it says, and that it is drawn from the figures alone."""

from __future__ import annotations

from typing import Any

from kerasline.components.report.learning_curve_page import plot_shares, render_learning_curve


def found(*, failed: bool = False) -> dict[str, Any]:
    shares = [
        {"share": 0.5, "rows": 400, "value": 41.0, "low": 38.0, "high": 44.0, "seeds": [40.0, 42.0], "message": ""},
        {"share": 1.0, "rows": 800, "value": 30.5, "low": 28.0, "high": 33.0, "seeds": [30.0, 31.0], "message": ""},
    ]
    if failed:
        nothing = dict.fromkeys(("value", "low", "high"))
        shares[0] = {"share": 0.5, "rows": 400, **nothing, "seeds": [None, None], "message": "the <loss> is not finite"}
    return {"recipe": "flats", "run_id": "r", "metric": "mae", "shares": shares, "verdict": "more_rows_helped",
            "reason": "from 400 to 800 rows"}  # fmt: skip


def test_the_curve_names_both_ends_and_shows_each_seed() -> None:
    plot = plot_shares(found())
    assert plot is not None and plot.spec is not None
    assert plot.title == "The mean absolute error is 41 with 400 rows and 30.5 with 800"
    assert [row["y"] for row in plot.spec["datasets"]["plotted"]] == [[41.0, 30.5], [38.0, 28.0], [44.0, 33.0]]
    page = render_learning_curve(found())
    assert "More rows helped: from 400 to 800 rows." in page and "30, 31" in page


def test_a_share_whose_fits_failed_says_why() -> None:
    assert plot_shares(found(failed=True)) is None
    page = render_learning_curve(found(failed=True))
    assert "failed, failed" in page and "the &lt;loss&gt; is not finite" in page
