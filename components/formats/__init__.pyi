from .component import FormatExport as FormatExport
from .kinds import KINDS as KINDS, check_formats as check_formats
