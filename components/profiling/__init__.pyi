from .drafting import draft_recipe as draft_recipe, safe_name as safe_name
from .guessing.labels import LabelGuess as LabelGuess
from .settings import choose_settings as choose_settings
