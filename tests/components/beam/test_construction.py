"""While a pipeline is built, Beam reads a method once, and options have one view of each kind."""

from __future__ import annotations

import gc
import weakref
from functools import wraps
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions, TypeOptions
from apache_beam.transforms import core
from apache_beam.transforms.userstate import SetStateSpec, get_dofn_specs

from kerasline.components.beam import hasten_construction

SEEN = SetStateSpec("seen", beam.coders.StrUtf8Coder())
STATE = beam.DoFn.StateParam(SEEN)


@pytest.fixture(autouse=True)
def _hastened() -> None:
    hasten_construction()
    hasten_construction()


class Twice(beam.DoFn):
    def process(self, element: int, times: int = 2) -> Any:
        yield element * times


class Once(beam.DoFn):
    def process(self, element: tuple[str, int], seen: Any = STATE) -> Any:
        yield element


def test_a_method_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class New(Twice):
        def process(self, element: int, times: int = 2) -> Any:
            yield element * times

    asked = []
    read = core.get_signature
    monkeypatch.setattr(core, "get_signature", lambda function: [asked.append(function), read(function)][1])
    written: list[int] = []
    with beam.Pipeline() as pipeline:
        numbers = pipeline | beam.Create([1, 2, 3])
        for times in (2, 3, 4):
            _ = numbers | f"{times}" >> beam.ParDo(New(), times) | f"{times} kept" >> beam.Map(written.append)
    assert len([function for function in asked if "New.process" in str(function)]) == 1
    assert not hasattr(core.get_function_args_defaults.__wrapped__, "__wrapped__")


def test_what_methods_take_is_what_beam_finds() -> None:
    beams_own = core.get_function_args_defaults.__wrapped__
    functions = [Twice().process, Once().process, Twice().setup, Twice.process, len, lambda x, y=3: x, "a".split]
    for _ in range(2):
        assert [core.get_function_args_defaults(each) for each in functions] == [beams_own(each) for each in functions]
    core.get_function_args_defaults(functions[0])[0].append("changed by who asked")
    assert core.get_function_args_defaults(functions[0])[0] == ["element", "times"]
    assert get_dofn_specs(Once()) == ({SEEN}, set())


def test_defaults_are_those_that_a_method_has_now() -> None:
    class Scaled(Twice):
        def process(self, element: int, times: int = 2, *, more: int = 3) -> Any:
            yield element * times

        @wraps(process)
        def wrapped(self, *arguments: Any) -> Any:
            yield from self.process(*arguments)

    assert core.get_function_args_defaults(Scaled().process) == (["element", "times"], [2])
    assert core.get_function_args_defaults(Scaled().wrapped) == (["element", "times"], [2])
    Scaled.process.__defaults__ = (5,)
    assert core.get_function_args_defaults(Scaled().process) == (["element", "times"], [5])
    assert core.get_function_args_defaults(Scaled().wrapped) == (["element", "times"], [5])


def test_a_class_whose_defaults_lead_to_itself_is_freed() -> None:
    class Own(beam.DoFn):
        def process(self, element: int, kind: Any = None) -> Any:
            yield element

    Own.process.__defaults__ = (Own,)
    assert core.get_function_args_defaults(Own().process)[1] == [Own]
    left = weakref.ref(Own)
    del Own
    gc.collect()
    assert left() is None


def test_views_share_values_with_their_options_alone() -> None:
    options, others = PipelineOptions(["--direct_num_workers=3"]), PipelineOptions([])
    assert options.view_as(DirectOptions) is options.view_as(DirectOptions)
    options.view_as(StandardOptions).runner = "DirectRunner"
    assert options.view_as(TypeOptions).view_as(StandardOptions).runner == "DirectRunner"
    assert others.view_as(StandardOptions).runner is None
    workers = [each.view_as(DirectOptions).direct_num_workers for each in (options, others)]
    assert workers == [3, 1]
    options._all_options = {}
    assert options.view_as(StandardOptions).runner is None
