from .judging import BETTER as BETTER, WORSE as WORSE, judge as judge, judge_watch as judge_watch
from .limits import LimitWatch as LimitWatch
from .pairs import find_compared as find_compared
