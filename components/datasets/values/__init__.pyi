from .boolean_forms import (
    FALSE as FALSE,
    FALSE_PATTERN as FALSE_PATTERN,
    TRUE as TRUE,
    TRUE_PATTERN as TRUE_PATTERN,
    are_booleans as are_booleans,
    are_true_and_false as are_true_and_false,
    mixes_spellings as mixes_spellings,
    plain_boolean as plain_boolean,
    plain_booleans as plain_booleans,
    read_boolean as read_boolean,
)
from .date_forms import (
    DATE_CLEANING as DATE_CLEANING,
    DATE_PATTERNS as DATE_PATTERNS,
    EXAMPLES as EXAMPLES,
    FIRST_YEAR_OF_TWO_DIGITS as FIRST_YEAR_OF_TWO_DIGITS,
    MONTHS as MONTHS,
    TIME_PATTERNS as TIME_PATTERNS,
    UNIX_UNITS as UNIX_UNITS,
    DateFormat as DateFormat,
    read_date as read_date,
    reads_as_date as reads_as_date,
)
from .missing import (
    Named as Named,
    check_lost as check_lost,
    describe_lost as describe_lost,
    missing_words as missing_words,
    numbers_of as numbers_of,
    own_words as own_words,
    without as without,
)
from .nulls import null_where as null_where
from .number_evidence import (
    NumberEvidence as NumberEvidence,
    WrittenNumbers as WrittenNumbers,
    evidence_of as evidence_of,
    is_unit as is_unit,
    plain_cell as plain_cell,
    plain_cells as plain_cells,
)
from .number_forms import (
    CURRENCIES as CURRENCIES,
    FAMILIES as FAMILIES,
    NUMBER as NUMBER,
    PERCENT as PERCENT,
    Decimal as Decimal,
    NumberForm as NumberForm,
    read_number as read_number,
    reading_of as reading_of,
)
from .totals import LINES_LOOKED_AT as LINES_LOOKED_AT, total_word as total_word
