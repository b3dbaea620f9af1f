"""What a step is told fits an argument of a command, however many columns there are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.core.packing import pack_properties, unpack_properties, unpack_text
from kerasline.pipeline.container.long_texts import ARGUMENT_BYTES, pack_texts


def spec_of(**told: Any) -> dict[str, Any]:
    """A spec of one step that is told some constants, and one thing at the submission."""
    parameters: dict[str, Any] = {name: {"runtimeValue": {"constant": value}} for name, value in told.items()}
    parameters["epochs"] = {"componentInputParameter": "epochs"}
    return {"root": {"dag": {"tasks": {"train": {"inputs": {"parameters": parameters}}}}}}


def told_by(spec: dict[str, Any]) -> dict[str, Any]:
    """The constants as they stand in the spec."""
    parameters = spec["root"]["dag"]["tasks"]["train"]["inputs"]["parameters"]
    return {name: value["runtimeValue"]["constant"] for name, value in parameters.items() if "runtimeValue" in value}


def test_long_texts_travel_packed_and_arrive_as_they_were() -> None:
    plan = json.dumps([{"name": f"größe {i}", "kind": "numeric", "scale": "z_score"} for i in range(5_000)])
    spec = spec_of(plan=plan, rows=7, short='{"a": "gs://bucket"}')
    pack_texts(spec)
    told = told_by(spec)
    assert len(plan) > ARGUMENT_BYTES > len(json.dumps(spec)) * 4
    assert "gs://" not in told["plan"] and "{" not in told["plan"], "nothing in it is taken for a placeholder"
    assert (told["rows"], told["short"]) == (7, '{"a": "gs://bucket"}'), "what is short stays readable"
    assert {name: unpack_text(value) for name, value in told.items()} == {
        "plan": plan,
        "rows": 7,
        "short": told["short"],
    }
    again = spec_of(plan=plan)
    pack_texts(again)
    assert told_by(again)["plan"] == told["plan"], "it is part of the backend's cache key"


@pytest.mark.parametrize("name", ["US$$", "$(HOME)", "{{item}}", "{{$.inputs.parameters['epochs']}}"])
def test_what_a_service_would_replace_travels_packed(name: str) -> None:
    text = json.dumps({"columns": [{"name": name}, {"name": "price $"}]})
    spec = spec_of(plan=text)
    pack_texts(spec)
    assert not any(sign in told_by(spec)["plan"] for sign in "${")
    assert unpack_text(told_by(spec)["plan"]) == text


def test_what_does_not_fit_even_so_is_refused_with_the_step() -> None:
    import random

    noise = "".join(random.Random(3).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=200_000))
    with pytest.raises(ConfigError, match=r"described in 128 KiB.* but train is told \d+ KiB; have fewer columns"):
        pack_texts(spec_of(plan=noise))
    with pytest.raises(ConfigError, match="but the custom job of train is told"):
        pack_texts(spec_of(custom_config=json.dumps({"ai_platform_training_args": {"labels": noise}})), ["train"])


def test_a_job_is_told_packed_all_but_what_starts_it() -> None:
    """The config has in it what TFX reads before it starts the job."""
    config = {"ai_platform_enable_vertex": True, "ai_platform_training_args": {"job_spec": {}}}
    config |= {"settings": json.dumps({"plan": "columns " * 20_000}), "record": {"rows": 7}}
    told = {"custom_config": json.dumps(config), "schema": "feature " * 20_000, "run_fn": "module:function", "steps": 5}
    packed = pack_properties(told)
    assert len(json.dumps(packed)) < 4_000
    read = json.loads(packed["custom_config"])
    assert {key: read[key] for key in read if key.startswith("ai_")} == dict(list(config.items())[:2])
    assert (packed["run_fn"], packed["steps"]) == ("module:function", 5)
    again = unpack_properties(packed)
    assert again.keys() == told.keys() and {**again, "custom_config": ""} == {**told, "custom_config": ""}
    assert json.loads(again["custom_config"]) == config
    short = {"custom_config": json.dumps({"settings": "{}"}), "run_fn": "module:function"}
    assert pack_properties(short) == short, "what is short stays readable"
    assert unpack_properties(short) == short
    assert pack_properties({"plan": "x"}) == {"plan": "x"} == unpack_properties({"plan": "x"})


def test_a_damaged_text_is_said() -> None:
    spec = spec_of(plan="columns " * 20_000)
    pack_texts(spec)
    with pytest.raises(ConfigError, match="expected a parameter as compile packed it.*submit the spec again"):
        unpack_text(told_by(spec)["plan"][:-9])
