"""Distances, what chance makes of them, and pixel statistics."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kerasline.components.datasets.images.png import encode_png
from kerasline.components.validation.samples.distances import chance_jensen_shannon, jensen_shannon, largest_difference
from kerasline.components.validation.samples.pixels import image_distance, profile_images


def test_jensen_shannon_divergence() -> None:
    assert jensen_shannon(np.array([1.0, 3.0]), np.array([10.0, 30.0])) == pytest.approx(0)
    assert jensen_shannon(np.array([5.0, 0.0]), np.array([0.0, 2.0])) == pytest.approx(1)
    # 0.5 * log2(1 / 0.75) + 0.5 * (0.5 * log2(0.5 / 0.75) + 0.5 * log2(0.5 / 0.25))
    expected = 0.5 * math.log2(4 / 3) + 0.25 * math.log2(2 / 3) + 0.25
    assert jensen_shannon(np.array([2.0, 0.0]), np.array([1.0, 1.0])) == pytest.approx(expected)


@pytest.mark.parametrize(("bins", "rows"), [(4, 60), (10, 200), (20, 5000)])
def test_chance_is_exceeded_about_once_in_a_thousand(bins: int, rows: int) -> None:
    random = np.random.default_rng(1)
    allowed = chance_jensen_shannon(bins, rows, rows)
    shares = np.full(bins, 1 / bins)
    pairs = random.multinomial(rows, shares, size=(4000, 2)).astype(float)
    beyond = sum(jensen_shannon(first, second) > allowed for first, second in pairs)
    assert beyond <= 16
    usual = np.median([jensen_shannon(first, second) for first, second in pairs])
    assert allowed < 8 * usual  # and it is no empty allowance


def test_largest_difference_names_the_value() -> None:
    figure, chance, value = largest_difference({"a": 700, "b": 300}, {"a": 5000, "b": 3000, "c": 2000}, 1000, 10_000)
    assert figure == pytest.approx(0.2)
    assert value in ("a", "c")
    assert 0.03 < chance < 0.06


def test_a_rare_value_in_a_split_of_a_few_rows_is_chance() -> None:
    figure, chance, value = largest_difference({"rare": 2, "usual": 10}, {"rare": 1, "usual": 99}, 12, 100)
    assert figure == pytest.approx(2 / 12 - 0.01)
    assert value in ("rare", "usual")
    assert chance > figure - 0.1


def images(shift: int, spread: int, channels: int = 3, count: int = 200) -> list[bytes]:
    random = np.random.default_rng(shift * 7 + spread)
    shape = (count, 8, 8, channels) if channels > 1 else (count, 8, 8)
    pixels = np.clip(random.normal(shift, spread, shape), 0, 255).astype(np.uint8)
    return [encode_png(image) for image in pixels]


def test_profile_of_images() -> None:
    profile = profile_images(images(100, 20))
    assert (profile["n"], profile["channels"]) == (200, 3)
    assert profile["mean"] == pytest.approx([100, 100, 100], abs=1)
    assert profile["std"] == pytest.approx([20, 20, 20], abs=1)
    assert sum(profile["pixels"][0]) == pytest.approx(200, rel=1e-4)
    assert sum(profile["brightness"][1]) == sum(profile["contrast"][2]) == 200


@pytest.mark.parametrize(
    ("shift", "spread", "channels", "drifts"),
    [(100, 20, 3, False), (160, 20, 3, True), (100, 60, 3, True), (100, 20, 1, True)],
)
def test_pixels_tell_of_brightness_contrast_and_channels(shift: int, spread: int, channels: int, drifts: bool) -> None:
    now, before = profile_images(images(shift, spread, channels)), profile_images(images(100, 20))
    figure, chance, _ = image_distance(now, before)
    assert (figure > 0.1 + chance) is drifts


def test_what_cannot_be_decoded_is_left_out() -> None:
    assert profile_images([b"no image", *images(100, 20, count=3)])["n"] == 3
