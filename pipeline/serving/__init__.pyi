from .server import serve as serve
from .watched import GAUGES as GAUGES
