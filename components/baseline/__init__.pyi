from .component import Baseline as Baseline
from .lost_version import BaselineLost as BaselineLost, check_baseline as check_baseline
