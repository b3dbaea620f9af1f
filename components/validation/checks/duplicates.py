"""Rows of one split that stand in another as well: what is measured on them says little about new data."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kerasline.components.core import counted, percent
from kerasline.components.validation.policy import DuplicatesCheck, Finding, status_of
from kerasline.components.validation.samples import SplitSample

# 8 bytes each; beyond this, hashes are a sample.
MOST_HASHES = 8_000_000


def hash_share(rows: int) -> float:
    """Returns the part of the hashes that is kept of so many rows."""
    return min(1.0, MOST_HASHES / max(1, rows))


def check_duplicates(samples: Mapping[str, SplitSample], options: DuplicatesCheck) -> list[Finding]:
    """Counts the rows of eval and test that are equal, label and all, to a row of an earlier split."""
    policy = "fail" if options.policy == "quarantine" else options.policy
    advice = "--set validation.duplicates=warn, or put the copies aside with =quarantine"
    findings = []
    earlier: list[np.ndarray] = []
    names: list[str] = []
    for split in ("train", "eval", "test"):
        if split not in samples:
            continue
        hashes = samples[split].hashes
        if earlier and len(hashes):
            copies = np.isin(hashes, np.concatenate(earlier))
            share = float(copies.mean())
            count = round(share * samples[split].rows)
            passed = share <= options.limit
            told = f"{count} of {counted(samples[split].rows, 'row')} ({percent(share, 2)})"
            text = f"{told} also in {' or '.join(names)}"
            findings.append(
                Finding(
                    "duplicates", status_of(passed, policy),
                    text if passed else f"{text}, above the limit {options.limit:.4g}", split,
                    measure="share of rows", figure=share, limit=options.limit, accept="" if passed else advice,
                )
            )  # fmt: skip
        earlier.append(hashes)
        names.append(split)
    return findings
