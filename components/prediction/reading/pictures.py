"""Images before a model decodes them: a file of a few hundred kilobytes can claim gigabytes of pixels."""

from __future__ import annotations

from collections.abc import Iterable

from kerasline.components.datasets.images import examine

MAX_PIXELS = 5e7  # as data.images.max_megapixels has it by default


def image_problems(contents: Iterable[bytes | None]) -> dict[int, str]:
    """Finds images that cannot be decoded, by their headers.

    Args:
      contents: encoded images; None where there is none, which is no problem of this kind.

    Returns:
      The place of each of them, and what is wrong with it.
    """
    there = ((place, content) for place, content in enumerate(contents) if content is not None)
    checked = ((place, examine(content, False, MAX_PIXELS)) for place, content in there)
    return {place: found.problem for place, found in checked if found.shape is None}
