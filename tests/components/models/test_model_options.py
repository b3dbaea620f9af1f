"""The options of the families: what they refuse, what they say, what the JSON schema shows."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from pydantic import TypeAdapter, ValidationError

from kerasline.components.models import MODEL_FAMILIES, MlpOptions, ModelOptions
from kerasline.components.models.description.bases import BASES
from kerasline.components.models.description.options import AugmentationOptions, CnnOptions, TransferOptions

ADAPTER = TypeAdapter(ModelOptions)


def test_family_decides_the_class_and_lists_survive_json() -> None:
    options = ADAPTER.validate_python({"family": "mlp", "units": [256, 128], "dropout": [0.4, 0.3]})
    assert isinstance(options, MlpOptions)
    assert options.units == (256, 128)
    shown = json.loads(options.model_dump_json())
    assert list(shown)[0] == "family"
    assert ADAPTER.validate_python(shown) == options


def test_one_number_stands_for_a_list_of_one() -> None:
    assert MlpOptions(units=16).units == (16,)
    assert CnnOptions(dense=64).dense == (64,)
    assert MlpOptions(units=[]).units == ()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"family": "mlp", "units": [64, 0]}, "greater than or equal to 1"),
        ({"family": "mlp", "units": [True]}, "valid integer"),
        ({"family": "mlp", "dropout": 1.0}, "less than 1"),
        ({"family": "mlp", "units": [8, 8], "dropout": [0.1]}, "dropout must be one number or a list of 2"),
        ({"family": "mlp", "activation": "rleu"}, "'relu'"),
        ({"family": "mlp", "l2": -1}, "greater than or equal to 0"),
        ({"family": "mlp", "filters": [8]}, "Extra inputs are not permitted"),
        ({"family": "cnn", "filters": []}, "at least 1 item"),
        ({"family": "cnn", "filters": [8, 8], "kernel_size": [3]}, "kernel_size must be one number or a list of 2"),
        ({"family": "cnn", "dense": [], "dropout": [0.1]}, "dropout must be one number where dense is empty"),
        ({"family": "sequence", "layer": "conv1d", "bidirectional": True}, "leave them out for layer: conv1d"),
        ({"family": "sequence", "layer": "conv1d", "reduce": "last"}, "reduce must be average or max"),
        ({"family": "transfer", "base": "vgg_16"}, "Did you mean 'vgg16'?"),
        ({"family": "transfer", "base": "vgg16", "alpha": 0.5}, "alpha goes with mobilenet"),
        ({"family": "custom", "build": "build_model"}, "expected module:function, such as my_module:my_function"),
        ({"family": "tabular", "units": [8, 8], "dropout": [0.1]}, "dropout must be one number or a list of 2"),
        ({"family": "tabular", "members": 0}, "greater than or equal to 1"),
        ({"family": "rnn"}, "'mlp', 'tabular', 'cnn', 'sequence', 'transfer', 'hub', 'custom'"),
    ],
)
def test_a_mistake_is_refused_with_what_was_expected(config: dict, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ADAPTER.validate_python(config)
    assert message in str(caught.value)


def test_options_do_not_change() -> None:
    options = MlpOptions()
    with pytest.raises(ValidationError, match="frozen"):
        options.l2 = 0.1


def test_schema_describes_every_field_and_names_every_base() -> None:
    schema = ADAPTER.json_schema()
    for family in MODEL_FAMILIES.values():
        block = schema["$defs"][family.options.__name__]
        undescribed = [
            name for name, field in block["properties"].items() if not (field.get("description") or "$ref" in field)
        ]
        assert undescribed == []
        assert block["additionalProperties"] is False
    assert schema["$defs"]["TransferOptions"]["properties"]["base"]["enum"] == sorted(BASES)
    assert {"squeezenet", "vgg16", "xception", "efficientnet_b0", "nasnet_mobile"} <= set(BASES)


def test_augmentation_is_off_by_default() -> None:
    assert not AugmentationOptions().active
    assert AugmentationOptions(cutout=0.2).active
    assert not TransferOptions().augmentation.active


def test_options_are_read_without_keras() -> None:
    code = (
        "import sys\n"
        "from kerasline.components import models\n"
        "from kerasline.components.models.description import spaces\n"
        "from kerasline.components.models.parts import heads\n"
        "print([m for m in ('keras', 'tensorflow', 'numpy', 'h5py') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
