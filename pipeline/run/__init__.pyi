from .reproducing import Reproduction as Reproduction, reproduce as reproduce
from .running import forecast_recipe as forecast_recipe, run_recipe as run_recipe
from .smoke import run_smoke as run_smoke
