"""What is loaded is not looked through for garbage meanwhile."""

from __future__ import annotations

import gc

import pytest

from kerasline.components.core import loading_libraries


@pytest.mark.parametrize("is_enabled", [True, False])
def test_the_collector_is_as_it_was_also_where_loading_fails(is_enabled: bool) -> None:
    try:
        gc.enable() if is_enabled else gc.disable()
        with pytest.raises(ImportError), loading_libraries():
            assert not gc.isenabled()
            raise ImportError("a library is not there")
        assert gc.isenabled() is is_enabled
    finally:
        gc.enable()
