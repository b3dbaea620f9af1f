from . import rows as rows, table as table, values as values
from .blocks import Block as Block, OddFile as OddFile, read_blocks as read_blocks
from .encoding import (
    detect_encoding as detect_encoding,
    encoding_reason as encoding_reason,
    find_total as find_total,
)
from .quotes import StrayQuote as StrayQuote
from .scan import INFINITIES as INFINITIES, NANS as NANS, ColumnScan as ColumnScan, parse as parse
from .text import (
    NAMES_AGAIN as NAMES_AGAIN,
    Dialect as Dialect,
    Line as Line,
    body as body,
    count_named as count_named,
    detect_delimiter as detect_delimiter,
    dialect_of as dialect_of,
    fitted as fitted,
    header_cells as header_cells,
    header_of as header_of,
    lines as lines,
    partition_cells as partition_cells,
    what_is_no_row as what_is_no_row,
)
