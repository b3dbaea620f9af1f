from .judging import BETTER as BETTER, WORSE as WORSE, judge as judge
from .pairs import find_compared as find_compared
