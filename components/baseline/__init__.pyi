from .component import Baseline as Baseline
from .lost_version import BaselineLost as BaselineLost, check_baseline as check_baseline
from .reference_rules import (
    ANSWERS_FILE as ANSWERS_FILE,
    REFERENCES_FILE as REFERENCES_FILE,
    check_reference_limit as check_reference_limit,
)
