from .attention import (
    headline as headline,
    look_at as look_at,
    may_be_used as may_be_used,
    show_figure as show_figure,
    show_setting as show_setting,
)
from .because import describe_because as describe_because
from .diagnosis import diagnose as diagnose
from .leaning import (
    describe_leaning as describe_leaning,
    describe_unmeasured as describe_unmeasured,
    leading as leading,
)
from .references import (
    compare_with_references as compare_with_references,
    describe_limits as describe_limits,
    measure_references as measure_references,
    sentences as sentences,
)
