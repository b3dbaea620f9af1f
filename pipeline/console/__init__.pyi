from .closing import Typed as Typed, outcome_words as outcome_words, show_outcome as show_outcome
from .failures import (
    ENGINE_LOST as ENGINE_LOST,
    describe_failure as describe_failure,
    explain_machine as explain_machine,
    find_cause as find_cause,
    is_engine_lost as is_engine_lost,
)
from .interrupts import no_interrupt_lost as no_interrupt_lost
from .screen import (
    Screen as Screen,
    format_seconds as format_seconds,
    print_table as print_table,
    screen_apart as screen_apart,
    table_width as table_width,
)
