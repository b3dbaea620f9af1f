"""What is known of one feature of tf.Examples after many records, and the column or label that it makes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from kerasline.components.core import ConfigError
from kerasline.components.datasets.description import Column, LabelFacts, LabelNumbers, facts_of_written
from kerasline.components.datasets.images import examine, is_deep
from kerasline.components.datasets.values import NumberEvidence, WrittenNumbers, are_booleans

_MAX_DISTINCT = 10_000
_MAX_PIXELS = 5e7
_TEXTS_AT_ONCE = 4096
_TIFF_STARTS = (b"II*\0", b"MM\0*")
_IMAGE_STARTS = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", *_TIFF_STARTS)
_BMP_START, _BMP_HEADER_BYTES = b"BM", 26  # a word may begin so, but has no zeros in its first bytes
# Kinds of lists that a column of each type may be stored as; the other types are bytes.
_STORED = {"float": {"float", "int"}, "array": {"float", "int"}, "int": {"int"}, "tokens": {"int"}}
_OF_ONE_VALUE = ("float", "int", "string", "image")


@dataclass
class FeatureScan:
    """What is known of one feature after the records so far.

    Attributes:
      name: Of the feature.
      kinds: Of the lists that held its values: bytes, float, int.
      lengths: How many values a record had.
      present: Records that had any.
      minimum: Smallest number.
      maximum: Largest number.
      is_image: Whether all bytes begin like an image.
      is_text: Whether all bytes that are no image are text.
      first_image: Bytes of the first image.
      levels: Largest value of a pixel of the images with 16 bits a channel, 0 where there is none.
      counts: Records of each value, None where there are too many different ones to count.
      booleans: Whether every text is true or false.
      evidence: Which numbers the texts hold.
      ranges: How large these are.
      texts: Those that the evidence has not seen yet.
    """

    name: str
    kinds: set[str] = field(default_factory=set)
    lengths: set[int] = field(default_factory=set)
    present: int = 0
    minimum: float = math.inf
    maximum: float = -math.inf
    is_image: bool = True
    is_text: bool = True
    first_image: bytes = b""
    levels: int = 0
    counts: dict[Any, int] | None = field(default_factory=dict)
    booleans: bool = True
    evidence: NumberEvidence = field(default_factory=NumberEvidence)
    ranges: LabelNumbers = field(default_factory=LabelNumbers)
    texts: list[str] = field(default_factory=list)

    def add(self, kind: str, values: list[Any]) -> None:
        """Takes in one record's values.

        Args:
          kind: Of the list that holds them: bytes, float or int.
          values: At least one.
        """
        self.present += 1
        self.kinds.add(kind)
        self.lengths.add(len(values))
        if kind == "bytes":
            self._take_bytes(values[0])
        else:
            self.minimum, self.maximum = min(self.minimum, *values), max(self.maximum, *values)
        if self.counts is not None:
            value = values[0] if len(values) == 1 else None
            self.counts[value] = self.counts.get(value, 0) + 1
            if len(self.counts) > _MAX_DISTINCT:
                self.counts = None

    def _take_bytes(self, content: bytes) -> None:
        self.is_image = self.is_image and _begins_like_image(content)
        if self.is_image:
            self._take_image(content)
            return
        self.is_text = self.is_text and _is_text(content)
        if self.is_text and content.strip():
            self._take_text(content.decode().strip())

    def _take_image(self, content: bytes) -> None:
        self.counts = None  # images are not told apart, and keeping them would fill the memory
        self.first_image = self.first_image or content
        if is_deep(content) or content.startswith(_TIFF_STARTS):
            self.levels = max(self.levels, examine(content, decode=True, max_pixels=_MAX_PIXELS).levels or 0)

    def _take_text(self, text: str) -> None:
        self.booleans = self.booleans and are_booleans([text])
        self.texts.append(text)
        if len(self.texts) == _TEXTS_AT_ONCE:
            self._look()

    def _look(self) -> None:
        self.evidence.add(self.texts)
        self.ranges.measure(self.texts, self.evidence)
        self.texts = []

    @property
    def is_boolean(self) -> bool:
        """Whether the feature is text that says true and false."""
        return self._holds_text and self.booleans

    @property
    def numbers(self) -> WrittenNumbers | None:
        """The numbers that text holds, None for any other feature."""
        if self.texts:
            self._look()
        return self.evidence.settle() if self._holds_text else None

    @property
    def _holds_text(self) -> bool:
        return self.kinds == {"bytes"} and self.is_text and not self.is_image


def column_of(scan: FeatureScan, dtype: str | None, rows: int) -> Column:
    """Describes the column that a feature makes.

    Args:
      scan: What is known of it.
      dtype: The type that the recipe gives it, or None.
      rows: Records with a label.

    Raises:
      ConfigError: Its values cannot be of that type, or of any.
    """
    found: Any = dtype or _infer(scan)
    _check_values(scan, found)
    return Column(name=scan.name, dtype=found, missing=rows - scan.present, **_facts(scan, found))


def _check_values(scan: FeatureScan, dtype: str) -> None:
    """Refuses values that a column of a type cannot have."""
    if not scan.kinds <= _STORED.get(dtype, {"bytes"}):
        raise ConfigError(
            f"Feature {scan.name!r} holds {' and '.join(sorted(scan.kinds))} values, which are not {dtype}; "
            "correct tfrecord.features."
        )
    if dtype == "string" and not scan.is_text:
        raise ConfigError(
            f"Feature {scan.name!r} holds bytes that are neither text nor a PNG, JPEG, WebP, TIFF, AVIF, GIF or BMP "
            "image; drop it or write its values as numbers."
        )
    if dtype in _OF_ONE_VALUE and scan.lengths != {1}:
        raise ConfigError(
            f"Feature {scan.name!r} has up to {max(scan.lengths)} values a record, so it cannot be {dtype}; "
            "drop it or make it array or tokens in tfrecord.features."
        )
    if dtype == "array" and len(scan.lengths) > 1:
        raise ConfigError(
            f"Feature {scan.name!r} has from {min(scan.lengths)} to {max(scan.lengths)} values a record, but "
            "an array needs always as many; drop it."
        )


def _facts(scan: FeatureScan, dtype: str) -> dict[str, Any]:
    """Returns the fields of a column that only columns of its type have."""
    if dtype == "image":
        return {"shape": _image_shape(scan), "levels": scan.levels or None}
    if dtype == "array":
        return {"shape": (max(scan.lengths),)}
    if dtype == "tokens":
        return {"shape": (max(scan.lengths),), "vocabulary_size": int(scan.maximum) + 1}
    distinct = None if scan.counts is None else len(scan.counts)
    if dtype == "string":
        return {"distinct": distinct, "boolean": scan.is_boolean, "numbers": scan.numbers}
    return {"distinct": distinct}


def _begins_like_image(value: bytes) -> bool:
    is_bmp = value.startswith(_BMP_START) and b"\0" in value[:_BMP_HEADER_BYTES]
    is_marked = value[8:12] == b"WEBP" or value[4:12] == b"ftypavif"
    return is_bmp or is_marked or value.startswith(_IMAGE_STARTS)


def _infer(scan: FeatureScan) -> str:
    if scan.kinds == {"bytes"}:
        return "image" if scan.is_image else "string"
    if scan.lengths == {1}:
        return "int" if scan.kinds == {"int"} else "float"
    return "tokens" if scan.kinds == {"int"} and len(scan.lengths) > 1 else "array"


def _image_shape(scan: FeatureScan) -> tuple[int, int, int]:
    checked = examine(scan.first_image, decode=True, max_pixels=_MAX_PIXELS)
    if checked.shape is None:
        raise ConfigError(f"The first image of feature {scan.name!r} cannot be used: {checked.problem}.")
    return checked.shape


def label_of(scan: FeatureScan, rows: int, origin: str) -> LabelFacts:
    """Collects the facts of the label that a feature makes.

    Args:
      scan: What is known of it.
      rows: Records with a label.
      origin: Of the data, for messages.

    Raises:
      ConfigError: A record has several labels.
    """
    if scan.lengths != {1}:
        raise ConfigError(f"Label {scan.name!r} of {origin} has several values a record; only one can be predicted.")
    if "bytes" in scan.kinds:
        facts = LabelFacts(scan.name, "string", _text_counts(scan), rows, origin=origin)
        written = scan.numbers
        return replace(facts, written=written, as_numbers=facts_of_written(facts, written, scan.ranges))
    known = scan.counts or {}
    return LabelFacts(
        scan.name,
        "int" if scan.kinds == {"int"} else "float",
        scan.counts,
        rows,
        minimum=scan.minimum,
        maximum=scan.maximum,
        whole=bool(known) and all(float(value).is_integer() for value in known),
        origin=origin,
    )


def _text_counts(scan: FeatureScan) -> dict[str | int | float, int] | None:
    """Returns the rows of each text, true and false in any case being one."""
    if scan.counts is None:
        return None
    counts: dict[str | int | float, int] = {}
    for value, rows in scan.counts.items():
        text = plain(value).lower() if scan.is_boolean else plain(value)
        counts[text] = counts.get(text, 0) + rows
    return counts


def plain(value: Any) -> Any:
    """Decodes text; other values stay as they are."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
