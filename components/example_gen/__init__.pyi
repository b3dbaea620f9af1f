from .component import DatasetExampleGen as DatasetExampleGen
from .encoding import encode_row as encode_row
from .row_rules import (
    COLUMN as COLUMN,
    QUARANTINE_FOLDER as QUARANTINE_FOLDER,
    REASON as REASON,
    ColumnRule as ColumnRule,
    RowRules as RowRules,
    make_judge as make_judge,
)
from .shards import write_shard as write_shard
