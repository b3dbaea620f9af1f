from .blocks import Block as Block
from .planning import (
    PredictionPlan as PredictionPlan,
    output_columns as output_columns,
    reading_of_record as reading_of_record,
)
from .readers import READERS as READERS
