from .component import Explain as Explain
from .pictures import data_uri as data_uri
from .rows import read_rows as read_rows
from .showing import show_row as show_row
