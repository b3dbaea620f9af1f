"""What moved single answers, of models that are formulas, so that every number is known."""

from __future__ import annotations

import numpy as np
import pytest

from kerasline.components.datasets.description.spec import Column
from kerasline.components.explanations.contributions import contributions
from tests.components.explanations.test_explanations_of_tables import NUMBERS, Columns, many_columns, plan_of, plane

ORDER = ["height", "width", "noise"]


def rows(**columns: list[float]) -> Columns:
    """Rows of the columns that are given; the noise is 5."""
    found = {name: np.array(values, np.float32) for name, values in columns.items()}
    return {**found, "noise": np.full(len(found["height"]), 5, np.float32)}


def effects(found: dict[str, object]) -> dict[str, float]:
    """Column to effect."""
    return {one["column"]: one["effect"] for one in found["columns"]}  # type: ignore[attr-defined]


def test_each_column_of_a_sum_moves_the_answer_by_its_own_part() -> None:
    asked, usual = rows(height=[2, 0], width=[1, -4]), rows(height=[1], width=[1])
    first, second = contributions(plane, asked, usual, plan_of(NUMBERS), ORDER)
    assert (first["target"], first["usual"], first["rest"]) == ("y", 2, None)
    assert effects(first) == {"height": 3, "width": 0, "noise": 0}
    assert effects(second) == {"width": 5, "height": -3, "noise": 0}
    assert list(effects(second)) == ["width", "height", "noise"]  # the greatest first


def test_columns_that_only_count_together_share_what_they_move() -> None:
    def product(columns: Columns) -> np.ndarray:
        return (columns["height"] * columns["width"])[:, np.newaxis]

    (found,) = contributions(product, rows(height=[3], width=[4]), rows(height=[0], width=[0]), plan_of(NUMBERS), ORDER)
    assert effects(found) == pytest.approx({"height": 6, "width": 6, "noise": 0})


def test_effects_lead_from_the_usual_answer_to_that_of_the_row() -> None:
    random = np.random.default_rng(0)
    others = {name: random.normal(size=200).astype(np.float32) for name in ("height", "width", "noise")}
    asked = {name: values[:5] for name, values in others.items()}

    def curved(columns: Columns) -> np.ndarray:
        return np.sin(3 * columns["height"] * columns["width"] + columns["noise"] ** 2)[:, np.newaxis]

    found = contributions(curved, asked, others, plan_of(NUMBERS), ORDER)
    assert len({one["usual"] for one in found}) == 1
    reached = [one["usual"] + sum(effects(one).values()) for one in found]
    np.testing.assert_allclose(reached, curved(asked)[:, 0], atol=1e-5)


def test_the_score_of_the_class_that_was_predicted_is_explained() -> None:
    def second(columns: Columns) -> np.ndarray:
        return columns["height"][:, np.newaxis] / 10

    plan = plan_of(NUMBERS, ("no", "yes"))
    no, yes = contributions(second, rows(height=[1, 8], width=[0, 0]), rows(height=[5], width=[0]), plan, ORDER)
    assert (no["target"], yes["target"]) == ("score of no", "score of yes")
    assert effects(no)["height"] == pytest.approx(0.4) and effects(yes)["height"] == pytest.approx(0.3)

    def three(columns: Columns) -> np.ndarray:
        return np.stack([columns["height"], columns["width"], columns["noise"]], axis=1)

    plan = plan_of(NUMBERS, ("a", "b", "c"))
    (found,) = contributions(three, rows(height=[1], width=[9]), rows(height=[5], width=[2]), plan, ORDER)
    assert found["target"] == "score of b" and effects(found) == {"width": 7, "height": 0, "noise": 0}


def test_categories_and_the_columns_that_are_told_together() -> None:
    plan, others = many_columns(40)
    asked = {name: values[:2] + 1 for name, values in others.items()}

    def total(columns: Columns) -> np.ndarray:
        return np.sum([*columns.values()], axis=0)[:, np.newaxis]

    first, _ = contributions(total, asked, {name: v[:1] for name, v in others.items()}, plan, list(others))
    assert len(first["columns"]) == 10 and first["rest"] == pytest.approx(30, rel=1e-5)
    columns = (Column(name="colour", dtype="string", distinct=3), Column(name="noise", dtype="float", distinct=9))

    def is_red(rows: Columns) -> np.ndarray:
        return np.where(rows["colour"] == b"red", 0.9, 0.2)[:, np.newaxis]

    usual = {"colour": np.array([b""], object), "noise": np.full(1, np.nan, np.float32)}
    red = {"colour": np.array([b"red"], object), "noise": np.ones(1, np.float32)}
    (found,) = contributions(is_red, red, usual, plan_of(columns, ("no", "yes")), ["noise", "colour"])
    assert effects(found) == pytest.approx({"colour": 0.7, "noise": 0})


def test_time_ends_the_orders_and_nothing_is_told_without_known_columns() -> None:
    calls = 0

    def counted(columns: Columns) -> np.ndarray:
        nonlocal calls
        calls += 1
        return plane(columns)

    asked, others = rows(height=[2], width=[1]), rows(height=[1, 2, 3, 4], width=[1, 1, 1, 1])
    assert contributions(counted, asked, others, plan_of(NUMBERS), ORDER, seconds=2.5, clock=lambda: float(calls))
    assert calls == 4  # one for the answers, and three orders
    assert contributions(plane, asked, asked, plan_of(NUMBERS), []) == []
    alone = {"height": asked["height"]}
    assert (
        contributions(lambda rows: rows["height"][:, np.newaxis], alone, alone, plan_of(NUMBERS[:1]), ORDER[:1]) == []
    )
