from .columns import guess_column as guess_column
from .guess import ColumnGuess as ColumnGuess
from .labels import (
    LabelGuess as LabelGuess,
    guess_label as guess_label,
    labelled_rows as labelled_rows,
    require_label as require_label,
)
from .leaks import drop_leaks as drop_leaks
from .panels import mark_panels as mark_panels
from .repeats import equal_rows as equal_rows
