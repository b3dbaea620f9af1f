from .changes import (
    changed_from_defaults as changed_from_defaults,
    config_changes as config_changes,
    flatten as flatten,
)
from .experiment import (
    RECIPE_ENDINGS as RECIPE_ENDINGS,
    RECIPES as RECIPES,
    Experiment as Experiment,
    find_recipe as find_recipe,
    load_experiment as load_experiment,
    parse_experiment as parse_experiment,
    read_yaml as read_yaml,
    recipe_names as recipe_names,
)
from .json_schema import recipe_schema as recipe_schema
from .known_keys import elsewhere as elsewhere, key_names as key_names
from .plain_values import plain_values as plain_values
from .recipe_text import read_recipe as read_recipe, write_text as write_text
from .run_options import CustomJob as CustomJob, RunOptions as RunOptions, StepResources as StepResources
