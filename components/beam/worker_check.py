"""Whether Beam's workers have the libraries of the machine that hands them the work.

Workers elsewhere run in an image of their own. One that was built from another lock reads, transforms or measures by
other versions, or fails in the middle of a step with an error about none of this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import apache_beam as beam

from kerasline.components.core import ConfigError, describe_difference, library_versions


class CheckWorker(beam.DoFn):
    """Hands elements on, in workers that have the libraries of the machine where it was made."""

    def __init__(self) -> None:
        super().__init__()
        self._expected = library_versions()

    def setup(self) -> None:
        """Raises ConfigError in a worker that has others."""
        check_libraries(self._expected)

    def process(self, element: Any) -> Iterator[Any]:
        """Hands an element on."""
        yield element


def check_libraries(expected: Mapping[str, str]) -> None:
    """Raises ConfigError where this process has other libraries than the one that gave it the work."""
    difference = describe_difference(expected, library_versions())
    if difference:
        raise ConfigError(
            f"expected Beam's workers to have the libraries of the machine that starts the run, but they have "
            f"{difference}; build --sdk_container_image from the image of this version of kerasline"
        )
