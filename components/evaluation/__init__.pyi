from .intervals import (
    SHARES_OF_ROWS as SHARES_OF_ROWS,
    average_precision as average_precision,
    measure_with_intervals as measure_with_intervals,
    metric_intervals as metric_intervals,
    metrics_of as metrics_of,
    paired_interval as paired_interval,
    resample as resample,
    row_figures as row_figures,
    row_losses as row_losses,
    wilson as wilson,
)
from .metrics import (
    DEFAULT_METRICS as DEFAULT_METRICS,
    METRICS as METRICS,
    Metric as Metric,
    measure as measure,
    rank_auc as rank_auc,
    settle_evaluation as settle_evaluation,
)
from .options import Budgets as Budgets, EvaluationOptions as EvaluationOptions, Threshold as Threshold
from .own_metrics import check_own_limits as check_own_limits, modules_of as modules_of
from .results import (
    Failure as Failure,
    Figures as Figures,
    SliceFigures as SliceFigures,
    read_evaluation as read_evaluation,
    read_failures as read_failures,
)
from .sequential import (
    FEWEST as FEWEST,
    FEWEST_UNBOUNDED as FEWEST_UNBOUNDED,
    DailyMean as DailyMean,
    daily_difference as daily_difference,
    daily_mean as daily_mean,
    daily_surplus as daily_surplus,
)
from .slices import (
    EVERY as EVERY,
    covers as covers,
    crossing as crossing,
    parse_slice as parse_slice,
    show_slice as show_slice,
)
from .tfma_config import EXTRACTORS as EXTRACTORS, eval_config as eval_config
