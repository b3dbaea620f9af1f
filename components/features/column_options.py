"""The recipe's ``features:`` block: how one column becomes model input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from kerasline.components.core import Options
from kerasline.components.datasets.description import Words
from kerasline.components.datasets.values import DateFormat
from kerasline.components.own_code import OwnName

Kind = Literal["numeric", "categorical", "boolean", "date", "text", "image", "array", "tokens", "cross", "drop"]


class ColumnOptions(Options):
    """How one column becomes model input; what is not given follows from its kind."""

    kind: Kind | None = Field(
        None,
        description="Default: from the column's type and values. drop leaves it out. numeric on text takes the number "
        "in it: signs of currency and percent and marks between thousands are passed over, k and million multiply, "
        "units such as g and kg or min and h become one (see unit), and other text counts as missing.",
    )
    scale: Literal["z_score", "min_max", "log", "buckets", "piecewise", "none"] = Field(
        "z_score",
        description="Numbers; for dates z_score or piecewise, part by part. log is sign(x) * log(1 + |x|), then "
        "z-score; buckets are quantiles, one-hot; piecewise is the distance from the median in quartile ranges, "
        "by its logarithm far out, and the share of the train rows below. Default: z_score, with model.family tabular "
        "piecewise. Of a label to estimate z_score, log or none; answers and metrics are in the label's own "
        "units whatever it is.",
    )
    function: OwnName | None = Field(
        None,
        description="Numbers only: your own as module:function, which is given the column's values as a tensor before "
        "they are filled in and scaled, and becomes part of the exported model.",
    )
    buckets: int = Field(10, ge=2, le=1000, description="Quantile buckets of scale: buckets.")
    decimal: Literal[".", ","] | None = Field(
        None,
        description="The decimal sign of numbers that are text; the other sign may stand between thousands. Default: "
        "by evidence over all cells of the column, a point where that is even.",
    )
    unit: str | None = Field(
        None,
        description="What stands around numbers that are text: duration (read in seconds), byte, mass (kg), length "
        "(m), ordinal; number for words such as k, M and million, which multiply; a currency or %; or any other unit, "
        "which is passed over. A cell with another unit counts as missing. Default: by evidence over all cells.",
    )
    date_format: DateFormat = Field(
        "ymd",
        description="Dates, each with a time or without: ymd is 2024-01-31, 2024/1/31, 20240131, 20240131T233800Z, "
        "2024-01 or 2024Q1; dmy is 31.01.2024, 31/1/24, 31 Jan 2024 or Wed, 31 Jan 2024 23:38:00 +0200; mdy is "
        "01/31/2024, Jan 31, 2024 or Wed Jan 31 23:38:00 2024. Hours are those that are written: zones and offsets "
        "are passed over. time is a time of day or a duration, in hours: 23:38, 11:38 PM, 100:30:00, 1 day 02:03:04 or "
        "P1DT2H. unix, unix_ms, unix_us and unix_ns count from 1970 in seconds or parts of them.",
    )
    missing_values: Words | None = Field(
        None,
        description="Cells that mean 'no value' in this column, or in the label, in place of the table's own list "
        "(csv.missing_values; of Parquet, none): [] leaves the empty cell alone, so that NA and null are values.",
    )
    impute: Literal["mean", "median"] | float = Field("mean", description="What stands for a missing number.")
    indicator: bool | None = Field(
        None, description="Add a 0/1 input that says whether the value was missing; default: where values are missing."
    )
    encode: Literal["one_hot", "embedding", "hash", "bag", "tokens", "pieces"] | None = Field(
        None,
        description="Categories: one_hot, embedding or hash. Text: bag (which words), tokens (a sequence "
        "of ids) or pieces (those that the preset of model.family hub was trained on).",
    )
    vocabulary_size: int = Field(1000, ge=1, description="The most frequent categories or words that are kept.")
    oov_buckets: int = Field(1, ge=1, description="Inputs for values outside the vocabulary.")
    hash_buckets: int = Field(64, ge=2, description="Of encode: hash, and of crosses.")
    length: int = Field(64, ge=1, description="Tokens of a text that are kept.")
    cross: list[str] = Field(
        default=[],
        description="Columns whose joint value is the category; numbers with scale: buckets take part by their bucket.",
    )
    size: tuple[int, int] | None = Field(None, description="Images: height and width after resizing.")
    channels: Literal[1, 3] | None = Field(None, description="Images: 1 grey, 3 RGB.")
    normalise: Literal["none", "standard"] = Field(
        "none",
        description="Images: pixels are always scaled to 0..1; standard then gives each image mean 0, variance 1.",
    )


def named_columns(features: Mapping[str, ColumnOptions]) -> dict[str, list[str] | None]:
    """Lists the columns that a recipe names, each with its own words for a missing value, for who reads the data."""
    return {name: options.missing_values for name, options in features.items() if not options.cross}


# The kinds that one word can stand for.
SHORT_KINDS: tuple[Kind, ...] = ("numeric", "categorical", "boolean", "date", "text", "image", "drop")


def expand_shorthand(block: Any) -> Any:
    """Gives ``drop``, ``min_max`` and the like, which may stand for a column's options, as the block that they mean."""
    if not isinstance(block, str):
        return block
    return {"kind": block} if block in SHORT_KINDS else {"scale": block}
