from . import inside as inside
from .watching import map_layers as map_layers
