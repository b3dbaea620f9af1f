from .pictures import overlay as overlay, picture as picture, small as small
from .rows import Row as Row, decode_row as decode_row, find_records as find_records, sample_records as sample_records
from .showing import show_row as show_row
