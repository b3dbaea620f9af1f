from .copies import FEWEST_ROWS as FEWEST_ROWS
from .measuring import strongest_sign as strongest_sign
from .values import Column as Column
