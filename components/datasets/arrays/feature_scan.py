"""What is known of one feature of tf.Examples after many records, and the column or label that it makes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from kerasline.components.core import ConfigError
from kerasline.components.datasets.description import Column, LabelFacts, LabelNumbers, facts_of_written
from kerasline.components.datasets.images import Checked, Survey
from kerasline.components.datasets.values import NumberEvidence, WrittenNumbers, are_booleans, plain_boolean

MAX_DISTINCT = 10_000
_MOST_ODD = 100  # values that are no image in a feature of images
_TEXTS_AT_ONCE = 4096
_TIFF_STARTS = (b"II*\0", b"MM\0*")
_IMAGE_STARTS = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", *_TIFF_STARTS)
_BMP_START, _BMP_HEADER_BYTES = b"BM", 26  # a word may begin so, but has no zeros in its first bytes
# Kinds of lists that a column of each type may be stored as; the other types are bytes.
_STORED = {"float": {"float", "int"}, "array": {"float", "int"}, "int": {"int"}, "tokens": {"int"}}
_OF_ONE_VALUE = ("float", "int", "string", "image")
_CONTROLS = bytes(sorted(set(range(32)) - set(b"\t\n\r\f\v")))  # of which raw pixels and serialized tensors have many
_MOST_CONTROLS = 0.01  # of the bytes of text


class Values(NamedTuple):
    """What one record has of a feature.

    Attributes:
      kind: Of the list that holds the values: bytes, float or int.
      values: At least one.
      checked: What is known of the first, where it begins like an image and was looked at.
    """

    kind: str
    values: list[Any]
    checked: Checked | None = None


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
      images: Records whose bytes begin like an image.
      others: Records with other bytes.
      unusable: Of the images, those that cannot be used, and why the first cannot.
      is_utf8: Whether all bytes are UTF-8.
      is_filled_up: Whether any end in zeros, which stay part of the values, as the model is given them.
      letters: How many of these there are.
      controls: How many of them no text has.
      survey: What the images are like.
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
    images: int = 0
    others: int = 0
    unusable: list[str] = field(default_factory=list)
    is_utf8: bool = True
    is_filled_up: bool = False
    letters: int = 0
    controls: int = 0
    survey: Survey = field(default_factory=Survey)
    counts: dict[Any, int] | None = field(default_factory=dict)
    booleans: bool = True
    evidence: NumberEvidence = field(default_factory=NumberEvidence)
    ranges: LabelNumbers = field(default_factory=LabelNumbers)
    texts: list[str] = field(default_factory=list)

    def add(self, found: Values) -> None:
        """Takes in one record's values."""
        kind, values, checked = found
        self.present += 1
        self.kinds.add(kind)
        self.lengths.add(len(values))
        if kind == "bytes":
            self._take_bytes(values[0], checked)
        else:
            self.minimum, self.maximum = min(self.minimum, *values), max(self.maximum, *values)
        if self.counts is not None:
            value = values[0] if len(values) == 1 else None
            self.counts[value] = self.counts.get(value, 0) + 1
            if len(self.counts) > MAX_DISTINCT:
                self.counts = None

    def _take_bytes(self, content: bytes, checked: Checked | None) -> None:
        if checked is None:
            self.others += 1
        else:
            self._take_image(checked)
        self._weigh(content)
        if self.is_utf8 and content.strip():
            self._take_text(content.decode().strip())

    def _take_image(self, checked: Checked) -> None:
        self.images += 1
        self.survey.add(checked, "")
        if checked.shape is None:
            self.unusable.append(checked.problem)
        else:
            self.counts = None  # images are not told apart, and keeping them would fill the memory

    def _weigh(self, content: bytes) -> None:
        text = content.rstrip(b"\0")  # to which programs fill up text of a fixed length
        self.is_utf8 = self.is_utf8 and _is_utf8(text)
        self.is_filled_up = self.is_filled_up or len(text) < len(content)
        if self.is_utf8:
            self.letters += len(text)
            self.controls += len(text) - len(text.translate(None, _CONTROLS))

    @property
    def is_text(self) -> bool:
        """Whether all bytes are text, in which a stray control character may stand; zeros alone are none."""
        has_letters = self.letters > 0 or not self.is_filled_up
        return self.is_utf8 and has_letters and self.controls <= _MOST_CONTROLS * self.letters

    @property
    def is_image(self) -> bool:
        """Whether the values are images, of which some may be something else by mistake."""
        return self.kinds == {"bytes"} and self.others < min(self.images, _MOST_ODD)

    @property
    def is_flawless(self) -> bool:
        """Whether every value is an image that can be used."""
        return not self.unusable and not self.others

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
    if dtype == "tokens" and scan.minimum < 0:
        raise ConfigError(
            f"Feature {scan.name!r} has the token id {scan.minimum}, but ids begin at 0, which fills what is shorter; "
            "write others."
        )
    if dtype == "array" and len(scan.lengths) > 1:
        raise ConfigError(
            f"Feature {scan.name!r} has from {min(scan.lengths)} to {max(scan.lengths)} values a record, but "
            "an array needs always as many; drop it."
        )


def _facts(scan: FeatureScan, dtype: str) -> dict[str, Any]:
    """Returns the fields of a column that only columns of its type have."""
    if dtype == "image":
        found = _image_column(scan)
        return {"shape": found.shape, "levels": found.levels}
    if dtype == "array":
        return {"shape": (max(scan.lengths),)}
    if dtype == "tokens":
        return {"shape": (max(scan.lengths),), "vocabulary_size": int(scan.maximum) + 1}
    distinct = None if scan.counts is None else len(scan.counts)
    if dtype == "string":
        return {"distinct": distinct, "boolean": scan.is_boolean, "numbers": scan.numbers}
    return {"distinct": distinct}


def begins_like_image(value: bytes) -> bool:
    """Says whether bytes begin as those of an image do."""
    is_bmp = value.startswith(_BMP_START) and b"\0" in value[:_BMP_HEADER_BYTES]
    is_marked = value[8:12] == b"WEBP" or value[4:12] == b"ftypavif"
    return is_bmp or is_marked or value.startswith(_IMAGE_STARTS)


def _infer(scan: FeatureScan) -> str:
    if scan.kinds == {"bytes"}:
        return "image" if scan.is_image else "string"
    if scan.lengths == {1}:
        return "int" if scan.kinds == {"int"} else "float"
    return "tokens" if scan.kinds == {"int"} and len(scan.lengths) > 1 else "array"


def _image_column(scan: FeatureScan) -> Column:
    if scan.images == len(scan.unusable):  # be there any or none
        reason = scan.unusable[0] if scan.unusable else "not an image"
        raise ConfigError(f"No image of feature {scan.name!r} can be used. The first: {reason}.")
    return scan.survey.column()


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
        if not scan.is_text:
            raise ConfigError(
                f"Label {scan.name!r} of {origin} holds bytes that are no text; write its classes as UTF-8."
            )
        if len(scan.kinds) > 1:
            raise ConfigError(
                f"Label {scan.name!r} of {origin} is text in some records and a number in others; write it in one way."
            )
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
        text = plain_boolean(plain(value)) if scan.is_boolean else plain(value)
        counts[text] = counts.get(text, 0) + rows
    return counts


def plain(value: Any) -> Any:
    """Decodes text; other values stay as they are."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
