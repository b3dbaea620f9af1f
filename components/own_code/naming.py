"""How a recipe names a function of its user: ``package.module:function``."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from kerasline.components.core import shown

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def is_own(name: str) -> bool:
    """Says whether a name means a function of the user's, and none that the library has."""
    return ":" in name


def module_of(dotted: str) -> str:
    """Returns the module of a function's name."""
    return dotted.partition(":")[0]


def name_of(dotted: str) -> str:
    """Returns a function's name without its module."""
    return dotted.partition(":")[2]


def check_own_name(value: str) -> str:
    """Returns the name of a function as it is.

    Raises:
      ValueError: it is no name of one.
    """
    if not _DOTTED.fullmatch(value):
        raise ValueError(f"expected module:function, such as my_module:my_function, got {shown(value)}")
    return value


# A field of a config that names a function.
OwnName = Annotated[str, AfterValidator(check_own_name)]
