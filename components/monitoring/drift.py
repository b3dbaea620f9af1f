"""How far served columns are from the data of their version, and how far chance alone takes so many rows.

The distances are the data gate's: Jensen-Shannon divergence of binned numbers and brightnesses, the largest difference
of shares of categories. A limit is the quantile of the distance between two samples of one distribution, of as many
rows as were served and as the version's profile has, drawn again and again from both together: so it is known how often
it is exceeded where nothing has changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kerasline.components.validation import profile_images

# A column of fewer rows is measured and raises no alarm: it would have to change all over.
FEWEST_ROWS = 30
# Samples that a limit is found by: as a rule, and where it is one of many or has many bins.
MOST_DRAWS, FEWEST_DRAWS, _CELLS = 10_000, 2_000, 2_000_000
# A quantile beyond what the draws can tell follows from their tail, which falls at least exponentially.
_TAIL, _TELLING = 0.02, 20
_MISSING = "(missing)"
_HISTOGRAMS = ("brightness", "contrast")


@dataclass
class Counts:
    """How often a column's values fall into the bins of its profile.

    Attributes:
      profile: of the column, as the data gate left it beside the version.
      before, now: for each distribution that is compared, counts by bin; numbers and categories have one.
      rows, missing, unseen: served rows, those without a value, and those of categories that the profile has not.
    """

    profile: Mapping[str, Any]
    before: list[np.ndarray] = field(init=False)
    now: list[np.ndarray] = field(init=False)
    rows: int = 0
    missing: int = 0
    unseen: int = 0

    def __post_init__(self) -> None:
        """Takes the profile's counts apart."""
        self.before = _counts_of(self.profile)
        self.now = [np.zeros(len(counts)) for counts in self.before]

    def add(self, values: Any, words: frozenset[str] = frozenset()) -> None:
        """Takes in values.

        Args:
          values: an Arrow array.
          words: that mean a missing value.
        """
        kind = self.profile["kind"]
        if kind == "image":
            images = [image for image in values.to_pylist() if image]
            found, missing, unseen = _count_images(self.profile, images), len(values) - len(images), 0
        elif kind == "numeric":
            counts, missing = _count_numbers(values, np.array(self.profile["edges"], float))
            found, unseen = [counts], 0
        else:
            counts, missing, unseen = _count_categories(values, list(self.profile["counts"]), words)
            found = [counts]
        self.now = [known + more for known, more in zip(self.now, found, strict=True)]
        self.rows, self.missing, self.unseen = self.rows + len(values), self.missing + missing, self.unseen + unseen

    def missing_before(self) -> float | None:
        """Returns the share of rows without a value in the profile, or None where it does not say."""
        if self.profile["kind"] == "image":
            return None
        missing = self.before[0][-1] if self.profile["kind"] == "numeric" else self.profile["counts"].get(_MISSING, 0)
        return float(missing / max(self.profile["n"], 1))

    def compare(self, chance: float, random: np.random.Generator, draws: int = MOST_DRAWS) -> dict[str, Any]:
        """Measures how far the served values are from the profile.

        Args:
          chance: probability of an alarm where nothing has changed.
          random: draws the samples.
          draws: how many of them at most.

        Returns:
          ``distance``, ``limit``, ``alarm``, ``rows`` and ``measure``, and ``note`` where there are too few rows.
        """
        is_shape = self.profile["kind"] != "categorical"
        measure = jensen_shannon if is_shape else largest_difference
        worst: dict[str, Any] = {"distance": 0.0, "limit": 1.0}
        for before, now in zip(self.before, self.now, strict=True):
            if not now.sum() or not before.sum():
                continue
            distance = float(measure(before[None], now[None])[0])
            limit = chance_limit(measure, before, now, chance / len(self.before), random, draws)
            if distance - limit >= worst["distance"] - worst["limit"]:
                worst = {"distance": distance, "limit": limit}
        rows = min(self.rows, self.profile["n"])
        alarm = rows >= FEWEST_ROWS and worst["distance"] > worst["limit"]
        told = {**worst, "alarm": bool(alarm), "rows": self.rows}
        told["measure"] = "Jensen-Shannon divergence" if is_shape else "L-infinity distance"
        if rows < FEWEST_ROWS:
            told["note"] = f"too few rows for an alarm: {rows:,}, and {FEWEST_ROWS} are needed"
        return told


def jensen_shannon(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the divergence (base 2) of histograms, both [samples, bins]: [samples]."""
    from scipy.spatial.distance import jensenshannon

    return np.asarray(np.nan_to_num(jensenshannon(first, second, base=2, axis=1)) ** 2)


def largest_difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the largest difference of shares of histograms, both [samples, values]: [samples]."""
    shares = [counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-300) for counts in (first, second)]
    return np.asarray(np.abs(shares[0] - shares[1]).max(axis=1))


def chance_limit(
    measure: Any,
    before: np.ndarray,
    now: np.ndarray,
    chance: float,
    random: np.random.Generator,
    most_draws: int = MOST_DRAWS,
) -> float:
    """Returns what a distance exceeds with a probability where both counts are samples of one distribution.

    Args:
      measure: the distance.
      before, now: counts by bin.
      chance: the probability.
      random: draws the samples.
      most_draws: of them.
    """
    rows = [max(1, round(counts.sum())) for counts in (before, now)]
    shares = (before + now) / (before + now).sum()
    shares = shares / shares.sum()
    draws = int(np.clip(_CELLS // len(shares), FEWEST_DRAWS, most_draws))
    distances = measure(*(random.multinomial(n, shares, draws).astype(float) for n in rows))
    if draws * chance >= _TELLING:
        return float(np.quantile(distances, 1 - chance, method="higher"))
    begin = float(np.quantile(distances, 1 - _TAIL))
    tail = distances[distances > begin]
    surplus = float(tail.mean() - begin) if len(tail) else 0.0
    return begin + surplus * float(np.log(_TAIL / chance))


def _counts_of(profile: Mapping[str, Any]) -> list[np.ndarray]:
    if profile["kind"] == "numeric":
        return [np.array(profile["counts"], float)]
    if profile["kind"] == "image":
        return [np.array(counts, float) for name in _HISTOGRAMS for counts in profile.get(name, ())]
    counts = np.array(list(profile["counts"].values()), float)
    # Where not all values were kept, the others are no news.
    return [np.append(counts, max(0.0, profile["n"] - counts.sum()))]


def _count_numbers(values: Any, edges: np.ndarray) -> tuple[np.ndarray, int]:
    """Counts numbers by bin, and missing ones last; an array counts as one row, however many values it has."""
    import pyarrow as pa

    rows = len(values)
    if pa.types.is_list(values.type):
        values = values.flatten()
    numbers = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    known = numbers[np.isfinite(numbers)]
    counts = np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1)
    missing = len(numbers) - len(known)
    whole = rows / max(1, len(numbers))
    return np.append(counts, missing) * whole, round(missing * whole)


def _count_categories(values: Any, names: Sequence[str], words: frozenset[str]) -> tuple[np.ndarray, int, int]:
    """Counts the profile's values, and all others last; and how many are missing, and how many are others."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows, weight = len(values), 1.0
    if pa.types.is_list(values.type):  # of tokens, whose 0 fills rows up
        flat = values.flatten()
        values = flat.filter(pc.greater(flat, 0)).cast(pa.int64())
        weight = rows / max(1, len(values))
    place = {name: index for index, name in enumerate(names)}
    counts, missing, unseen = np.zeros(len(names) + 1), 0, 0
    for found in pc.value_counts(values):
        value, number = found["values"].as_py(), found["counts"].as_py()
        is_missing = value is None or str(value) in words
        name = _MISSING if is_missing else str(value)
        counts[place.get(name, len(names))] += number * weight
        missing += number if is_missing else 0
        unseen += number if name not in place and not is_missing else 0
    return counts, missing, unseen


def _count_images(profile: Mapping[str, Any], images: Sequence[bytes]) -> list[np.ndarray]:
    found = profile_images(images)
    none = [0] * 16
    return [
        np.array(found[name][min(channel, found["channels"] - 1)] if found["n"] else none, float)
        for name in _HISTOGRAMS
        for channel in range(len(profile.get(name, ())))
    ]
