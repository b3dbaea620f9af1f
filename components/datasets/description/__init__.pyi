from .found import Found as Found
from .label_numbers import LabelNumbers as LabelNumbers, facts_of_written as facts_of_written
from .labels import (
    LabelFacts as LabelFacts,
    TrainedValues as TrainedValues,
    facts_of_values as facts_of_values,
    infer_task as infer_task,
    is_classes as is_classes,
    only_in_tests as only_in_tests,
    settle_label as settle_label,
)
from .options import (
    MISSING_VALUES as MISSING_VALUES,
    CsvOptions as CsvOptions,
    DataOptions as DataOptions,
    IdxOptions as IdxOptions,
    ImageOptions as ImageOptions,
    NpzOptions as NpzOptions,
    ParquetOptions as ParquetOptions,
    PythonOptions as PythonOptions,
    SpanOptions as SpanOptions,
    SplitOptions as SplitOptions,
    SqlOptions as SqlOptions,
    TfRecordOptions as TfRecordOptions,
    Words as Words,
)
from .row_names import is_row_name as is_row_name, row_name_notes as row_name_notes
from .sampling import apply_limit as apply_limit, indices_of as indices_of, thin as thin
from .spec import (
    SPLITS as SPLITS,
    Column as Column,
    Dataset as Dataset,
    Label as Label,
    SplitMethod as SplitMethod,
    SplitPlan as SplitPlan,
)
from .tables import (
    Roles as Roles,
    SplitColumn as SplitColumn,
    assign_roles as assign_roles,
    label_value as label_value,
    multi_facts as multi_facts,
    same_columns as same_columns,
)
