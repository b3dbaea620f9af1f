from .blocks import Block as Block
from .planning import PredictionPlan as PredictionPlan, output_columns as output_columns
from .readers import READERS as READERS
