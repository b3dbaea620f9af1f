"""The config's ``data:`` block, typed.

Exactly one key names the source; the others say how its rows are split and how many of them are used. The
field descriptions become the JSON Schema that editors show.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from kerasline.components.core import Options, check_address, shown
from kerasline.components.datasets.databases import check_url
from kerasline.components.own_code import OwnName

# Cells of a text table that mean "no value". Numbers that read as NaN are missing whatever this list says.
MISSING_VALUES = ("", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "null", "NULL", "Null", "?")


def read_words(words: object) -> object:
    """Reads a list of cells as YAML gives it: null and -999 without quotes are words, too."""
    if not isinstance(words, list | tuple):
        raise ValueError(f"expected a list of cells such as [NA, '-'], got {shown(words)}")
    for word in words:
        if isinstance(word, bool) or not isinstance(word, str | int | float | None):
            raise ValueError(f"expected cells such as [NA, '-'], got {shown(word)}; put quotes around the word")
    return ["null" if word is None else str(word) for word in words]


Place = Annotated[str, AfterValidator(check_address)]  # a path, a glob or an address
Places = Place | list[Place]
_IN_SCHEMA = {"type": "array", "items": {"type": ["string", "number", "null"]}}
Words = Annotated[list[str], BeforeValidator(read_words), WithJsonSchema(_IN_SCHEMA)]


class TableOptions(Options):
    """What tables have in common, whatever their file format."""

    path: Places = Field(
        description="A file, several files, or globs such as 'sales/*.csv'; relative paths are looked for in "
        "--data-dir and then beside the recipe. Or addresses: s3://, gs://, abfs://, hdfs:// with globs, https://."
    )
    label: str | list[str] = Field(
        description="The column to predict; a list of 0/1 columns makes the task multilabel."
    )
    test_path: Places | None = Field(
        default=None,
        description="Files that are the test split; the rows of 'path' are then divided into train and eval.",
    )
    drop: list[str] = Field(default=[], description="Columns that are not inputs; 'split.column' may be one of them.")

    @model_validator(mode="after")
    def _label_stays(self) -> TableOptions:
        labels = [self.label] if isinstance(self.label, str) else self.label
        if not labels:
            raise ValueError("expected at least one label column, got an empty list")
        if len(set(labels)) < len(labels):
            raise ValueError(f"expected different label columns, got {labels}")
        both = sorted(set(labels) & set(self.drop))
        if both:
            raise ValueError(f"column {both[0]!r} is both the label and dropped; remove it from one of them")
        return self


class CsvOptions(TableOptions):
    """Text tables: comma, semicolon, tab or pipe separated, plain or packed."""

    header: bool = Field(default=True, description="Whether the first line names the columns.")
    columns: list[str] | None = Field(
        default=None, description="Names of the columns in the file's order; they replace those of the header."
    )
    delimiter: str = Field(
        default="auto", description="'auto', or the character between cells; 'tab' stands for a tab."
    )
    encoding: str = Field(
        default="utf-8", description="Such as utf-8, latin-1, cp1252 or utf-16; a UTF-8 BOM is ignored."
    )
    class_names: list[str] | None = Field(
        default=None, description="Names of the classes 0, 1, ... of a label that holds numbers."
    )
    label_decimal: Literal[".", ","] | None = Field(
        default=None,
        description="The decimal sign of the label; default: by evidence over all of its cells, which are refused "
        "where it is even. For inputs see features.COLUMN.decimal.",
    )
    missing_values: Words = Field(
        default=list(MISSING_VALUES),
        description="Cells that mean 'no value' in any column, after spaces around them are removed; the empty cell "
        "always does. features.COLUMN.missing_values says it for one column, the label included.",
    )
    quoting: Literal["auto", "standard", "none"] = Field(
        default="auto",
        description="Of cells between double quotes: auto refuses a quote that swallows lines which look like rows; "
        "standard takes every such cell as it is; none makes quotes part of the text.",
    )
    skip_lines: int = Field(default=0, ge=0, description="Lines above the header that are no part of the table.")
    ragged_rows: Literal["fail", "skip"] = Field(
        default="fail",
        description="What to do with a line that has too few or too many cells, or the names of the columns again; "
        "skipped lines are listed.",
    )

    @model_validator(mode="after")
    def _is_readable(self) -> CsvOptions:
        if self.delimiter not in ("auto", "tab") and len(self.delimiter) != 1:
            raise ValueError(f"expected 'auto', 'tab' or one character as delimiter, got {self.delimiter!r}")
        try:
            "".encode(self.encoding)
        except LookupError:
            raise ValueError(f"expected an encoding such as utf-8 or latin-1, got {self.encoding!r}") from None
        if self.columns is not None and len(set(self.columns)) < len(self.columns):
            raise ValueError("expected different column names in 'columns', got one twice")
        return self


class ParquetOptions(TableOptions):
    """Parquet, Feather, Arrow, ORC, JSON, workbooks; nested columns are refused, fixed-size lists are arrays."""


class SqlOptions(Options):
    """A table or a query of a database."""

    url: Annotated[str, AfterValidator(check_url)] = Field(
        description="sqlite:///FILE, duckdb:///FILE, postgresql://USER@HOST/DATABASE or mysql://USER@HOST/DATABASE. A "
        "password stands in the environment: USER:${VARIABLE}@HOST, or the database's own PGPASSWORD or MYSQL_PWD."
    )
    query: str | None = Field(default=None, description="A SELECT; ORDER BY keeps the rows of a repeated run in order.")
    table: str | None = Field(default=None, description="Instead of a query: all of a table, or of a view.")
    partition_column: str | None = Field(
        default=None,
        description="A column of numbers, dates or times of the query, by whose ranges a large one is read part by "
        "part, in an order that needs no ORDER BY.",
    )
    label: str | list[str] = Field(description="The column to predict; a list of 0/1 columns is multilabel.")
    drop: list[str] = Field(default=[], description="Columns that are not inputs.")

    @model_validator(mode="after")
    def _has_one_question(self) -> SqlOptions:
        given = [text for text in (self.query, self.table) if text is not None]
        if len(given) != 1 or not given[0].strip():
            raise ValueError(f"expected either 'query' or 'table', got {'both' if len(given) > 1 else 'none'}")
        if self.table is not None and not re.fullmatch(r"\w+(\.\w+)?", self.table):
            raise ValueError(f"expected the name of a table, such as shop.sales, got {shown(self.table)}")
        return self

    @property
    def question(self) -> str:
        """The query, or that of the whole table."""
        return self.query or f"SELECT * FROM {self.table}"


class PythonOptions(Options):
    """Rows that a function of yours gives."""

    function: OwnName = Field(
        description="module:function, which returns or yields data frames, Arrow tables or batches, or rows as dicts."
    )
    options: dict[str, Any] = Field(default={}, description="Arguments of the function, by name.")
    label: str | list[str] = Field(description="The column to predict; a list of 0/1 columns is multilabel.")
    drop: list[str] = Field(default=[], description="Columns that are not inputs.")


class ImageOptions(Options):
    """A folder of images: ``class/name.png``, or any folder with a CSV of paths and labels."""

    path: Place = Field(
        description="The folder. One sub-folder a class; or sub-folders train, test and perhaps eval or "
        "validation, each with one sub-folder a class."
    )
    test_path: Place | None = Field(
        default=None, description="A second folder of the same shape that is the test split."
    )
    labels_csv: Place | None = Field(
        default=None,
        description="A CSV that names the images (relative to 'path') and their labels; sub-folders then mean nothing.",
    )
    path_column: str = Field(default="path", description="The column of labels_csv that names the image.")
    label_column: str = Field(default="label", description="The column of labels_csv that holds the label.")
    check: Literal["decode", "header"] = Field(
        default="decode",
        description="Decode every image before the run, so that none fails within it, or read headers only.",
    )
    max_megapixels: float = Field(
        default=50.0, gt=0, description="Larger images are skipped and listed: a small file can claim any size."
    )
    empty_classes: Literal["fail", "skip"] = Field(
        default="fail", description="What to do with a class folder without a usable image."
    )


class NpzOptions(Options):
    """Arrays in NumPy's .npz; pickled objects are refused."""

    path: Place = Field(description="The .npz file.")
    features: str | list[str] = Field(
        default="x",
        description="Keys of the inputs, each with one row an example; 'x' also finds 'x_train', 'train_x' and 'X'.",
    )
    label: str = Field(
        default="y",
        description="Key of the labels; 'y' also finds 'Y', 'y_train' and 'train_y'. 'x_val' and 'y_val' become the "
        "eval split.",
    )
    test_features: str | list[str] | None = Field(
        default=None, description="Inputs of the test split; default: 'x_test' if there."
    )
    test_label: str | None = Field(default=None, description="Labels of the test split; default: 'y_test' if there.")
    images: bool | None = Field(
        default=None,
        description="Whether inputs are images; default: uint8 arrays (rows, height, width[, channels]) are.",
    )


class IdxOptions(Options):
    """Arrays in the IDX files of MNIST, plain or gzipped."""

    path: Place = Field(description="The folder with the four files, named as MNIST names them.")
    images: str | None = Field(default=None, description="File of the images; default: train-images-idx3-ubyte[.gz].")
    labels: str | None = Field(default=None, description="File of the labels; default: train-labels-idx1-ubyte[.gz].")
    test_images: str | None = Field(
        default=None, description="Default: t10k-images-idx3-ubyte[.gz], where it is there."
    )
    test_labels: str | None = Field(
        default=None, description="Default: t10k-labels-idx1-ubyte[.gz], where it is there."
    )
    class_names: list[str] | None = Field(default=None, description="Name of class 0, 1, ...; default: the numbers.")

    @field_validator("class_names")
    @classmethod
    def _check_names(cls, names: list[str] | None) -> list[str] | None:
        if names is not None and len(set(names)) < len(names):
            raise ValueError("expected different names in 'class_names', got one twice")
        return names


class TfRecordOptions(Options):
    """TFRecord files of tf.Examples, plain or packed with gzip or zlib."""

    path: Places = Field(description="Files or globs.")
    label: str = Field(description="The feature to predict.")
    features: dict[str, Literal["float", "int", "string", "image", "array", "tokens"]] | None = Field(
        default=None,
        description="The inputs and their types; default: every feature but the label, by what it holds.",
    )
    test_path: Places | None = Field(default=None, description="Files that are the test split.")
    drop: list[str] = Field(default=[], description="Features that are not inputs.")
    check: Literal["decode", "header"] = Field(
        default="decode",
        description="Decode every image before the run, so that none fails within it, or read headers only.",
    )


class SpanOptions(Options):
    """Data that arrives piece by piece: a pattern names the spans, a window takes the newest of them."""

    pattern: Place = Field(
        description="Files with {SPAN} or {YYYY}, {MM}, {DD}, perhaps {VERSION}: 'data/span-{SPAN}/*.csv'. "
        "Of each span the newest version counts."
    )
    window: int | None = Field(default=None, ge=1, description="How many of the newest spans are used; default: all.")
    first: int | str | None = Field(
        default=None, description="Oldest span to use: its number, or its date as YYYY-MM-DD."
    )
    last: int | str | None = Field(default=None, description="Newest span to use, for running again what ran before.")
    settle_seconds: float = Field(
        default=0.0,
        ge=0,
        description="A span with a file younger than this is still being copied and waits for the next run.",
    )
    marker: str | None = Field(
        default=None,
        description="A file such as _SUCCESS that says that a span's folder is complete; others wait.",
    )
    format: Literal["csv", "parquet"] = Field(default="csv", description="What the files are.")
    label: str | list[str] = Field(description="The column to predict.")
    drop: list[str] = Field(default=[], description="Columns that are not inputs.")
    reader: dict[str, Any] = Field(
        default={}, description="More keys of the csv: or parquet: block, such as delimiter or encoding."
    )

    @field_validator("first", "last", mode="before")
    @classmethod
    def _date_as_text(cls, value: object) -> object:
        return value.isoformat() if isinstance(value, date) else value  # YAML reads 2024-01-31 as a date


class SplitOptions(Options):
    """Which rows train the model, which decide whether it is blessed, which are kept for the last figures."""

    method: Literal["source", "hash", "row", "stratified", "group", "time"] | None = Field(
        default=None,
        description="hash: by a hash of the row, so that equal rows stay together; row: by its number, "
        "which divides equal rows, too; stratified: as hash, "
        "within each class, shares as exact as they can be; group: rows with one value of 'column' stay "
        "together; time: the newest rows of 'column' are test, those before them eval; source: as the "
        "source says, by its own test set or by 'column' (train, eval, test). Default: source where it "
        "brings a test set, otherwise hash, or stratified "
        "where a hash of few rows would leave a split empty.",
    )
    train: float | None = Field(default=None, gt=0, lt=1, description="Default: what eval and test leave.")
    eval: float | None = Field(default=None, gt=0, lt=1, description="Default: 0.1.")
    test: float | None = Field(
        default=None, ge=0, lt=1, description="Default: 0.1; not used where the source brings a test set."
    )
    column: str | None = Field(default=None, description="For group, time and source.")
    seed: int | None = Field(default=None, description="Default: the recipe's seed.")

    @model_validator(mode="after")
    def _is_consistent(self) -> SplitOptions:
        if self.method in ("group", "time") and self.column is None:
            raise ValueError(f"method {self.method!r} needs 'column', such as column: customer_id")
        if self.column is not None and self.method not in ("group", "time", "source"):
            raise ValueError("'column' is for the methods group, time and source; set 'method' to one of them")
        parts = [part for part in (self.train, self.eval, self.test) if part is not None]
        if len(parts) == 3 and abs(sum(parts) - 1) > 1e-6:
            raise ValueError(f"expected train, eval and test to sum to 1, got {sum(parts):g}")
        if sum(parts) > 1 + 1e-6:
            raise ValueError(f"expected train, eval and test to sum to 1 at most, got {sum(parts):g}")
        return self


SOURCES = ("dataset", "csv", "parquet", "images", "npz", "idx", "tfrecord", "spans", "sql", "python")


class DataOptions(Options):
    """Where the rows come from and how they are split."""

    dataset: str | None = Field(default=None, description="A data set by name, such as digits, iris or mnist.")
    csv: CsvOptions | None = Field(default=None, description="Text tables.")
    parquet: ParquetOptions | None = Field(
        default=None, description="Tables whose columns have types: Parquet, Feather, Arrow, ORC, JSON, Excel."
    )
    sql: SqlOptions | None = Field(default=None, description="A table or a query of a database.")
    python: PythonOptions | None = Field(default=None, description="A table that a function of yours gives.")
    images: ImageOptions | None = Field(default=None, description="A folder of images.")
    npz: NpzOptions | None = Field(default=None, description="Arrays of NumPy.")
    idx: IdxOptions | None = Field(default=None, description="Arrays in the files of MNIST.")
    tfrecord: TfRecordOptions | None = Field(default=None, description="tf.Examples.")
    spans: SpanOptions | None = Field(default=None, description="Tables that arrive piece by piece.")
    options: dict[str, Any] = Field(
        default={}, description="Arguments of a named data set, such as noise and size of regression_surface."
    )
    split: SplitOptions = Field(default=SplitOptions())
    limit: int | None = Field(
        default=None, ge=3, description="Use this many rows only, spread over the data: for smoke runs."
    )

    @model_validator(mode="after")
    def _has_one_source(self) -> DataOptions:
        given = [key for key in SOURCES if getattr(self, key) is not None]
        if len(given) != 1:
            got = " and ".join(given) if given else "none"
            raise ValueError(f"expected exactly one source of {', '.join(SOURCES)}, got {got}")
        if self.options and self.dataset is None:
            raise ValueError("'options' are arguments of a named data set; they need 'dataset'")
        return self

    @property
    def source(self) -> str:
        """The one source key that is set."""
        return next(key for key in SOURCES if getattr(self, key) is not None)

    @property
    def table(self) -> TableOptions | SqlOptions | PythonOptions | SpanOptions | None:
        """The block of a table with named columns; None for images, arrays and data sets by name."""
        return self.csv or self.parquet or self.sql or self.python or self.spans
