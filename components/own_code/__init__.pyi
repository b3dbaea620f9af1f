from .calling import call_own as call_own, own_origin as own_origin
from .checking import check_function as check_function
from .loading import load_function as load_function, use_folder as use_folder
from .naming import (
    OwnName as OwnName,
    check_own_name as check_own_name,
    is_own as is_own,
    module_of as module_of,
    name_of as name_of,
)
