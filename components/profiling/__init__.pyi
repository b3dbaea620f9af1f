from .drafting import draft_recipe as draft_recipe, safe_name as safe_name
