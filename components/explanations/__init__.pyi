from .component import Explain as Explain
from .sharing import share_out as share_out
from .showing.pictures import data_uri as data_uri
from .showing.rows import read_rows as read_rows
from .showing.showing import show_row as show_row
