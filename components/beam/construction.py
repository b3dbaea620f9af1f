"""What Beam looks up again and again while a pipeline is built is looked up once."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import FunctionType, MethodType
from typing import Any
from weakref import WeakKeyDictionary

_Arguments = tuple[list[str], list[Any]]
_TAKES_FROM = {"__wrapped__", "__signature__"}  # where a function says that it takes what another does


def hasten_construction() -> None:
    """Makes Beam remember what methods take, and how pipelines look at their options.

    For each transform, Beam 2.77 reads the signatures of all methods of its DoFn nine times, and parses options four
    times; in a run on a small table that is three seconds or more of computing. A second call changes nothing.

    Source: apache_beam transforms/userstate.py (get_dofn_specs), options/pipeline_options.py (view_as).
    """
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.transforms import core

    if not hasattr(core.get_function_args_defaults, "__wrapped__"):
        core.get_function_args_defaults = _remember_arguments(core.get_function_args_defaults)
        PipelineOptions.view_as = _remember_views(PipelineOptions.view_as)


def _remember_arguments(read: Callable[[Any], _Arguments]) -> Callable[[Any], _Arguments]:
    """Reads the names that a method takes once for all objects that have it; anything else is read each time.

    Defaults are not kept: they may change, and one that leads to the method would keep it for ever.
    """
    known: WeakKeyDictionary[FunctionType, list[str]] = WeakKeyDictionary()

    @wraps(read)
    def arguments(function: Any) -> _Arguments:
        method = function.__func__ if isinstance(function, MethodType) else None
        if not isinstance(method, FunctionType) or vars(method).keys() & _TAKES_FROM:
            return read(function)
        if method not in known:
            known[method] = read(function)[0]
        return list(known[method]), list(method.__defaults__ or ())

    return arguments


def _remember_views(view: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Makes one view of each kind of the same options: all of them share the values, whoever sets one."""
    known: WeakKeyDictionary[Any, dict[Any, Any]] = WeakKeyDictionary()

    @wraps(view)
    def view_as(options: Any, kind: Any) -> Any:
        views = known.setdefault(options, {})
        if kind not in views or views[kind]._all_options is not options._all_options:
            views[kind] = view(options, kind)
        return views[kind]

    return view_as
