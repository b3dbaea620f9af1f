"""Why a model could not answer, in words for who asked: TensorFlow's message without the place in its graph."""

from __future__ import annotations

import re

# Lines and parts of lines that tell where in the graph, and not what.
_PLACES = re.compile(
    r"^(?:Graph execution error|Detected at node|<stack traces|\[\[\{\{|File \"|Error in user code).*$"
)
_AROUND = re.compile(r"\s*(?:\[Op:|\[\[\{\{|\{\{).*$|, value: .*$")
_FALLBACK = "the model fails on it"


def plain_reason(error: Exception) -> str:
    """Takes what went wrong out of an error of the graph: one line, or a general one where there is none."""
    text = str(getattr(error, "message", None) or error)
    if isinstance(error, UnicodeDecodeError):  # TensorFlow's message, which repeats bytes that it was given
        text = error.object.decode("utf-8", "replace")
    lines = (_AROUND.sub("", line.strip()) for line in text.splitlines() if not _PLACES.match(line.strip()))
    return next((line.rstrip(":") for line in lines if line), _FALLBACK)
