"""A model's signatures, described as TensorFlow Serving's metadata does."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from google.protobuf import json_format

from kerasline.pipeline.serving.models import LoadedVersion


def describe_signatures(loaded: LoadedVersion) -> dict[str, Any]:
    """Describes a model's signatures as TensorFlow Serving's metadata does."""
    described = {}
    for name, signature in loaded.signatures.items():
        _, specs = signature.structured_input_signature
        described[name] = {
            "inputs": {key: _describe_tensor(spec, f"{name}_{key}:0") for key, spec in specs.items()},
            "outputs": {
                key: _describe_tensor(tf.TensorSpec(value.shape, value.dtype), value.name)
                for key, value in signature.structured_outputs.items()
            },
            "method_name": "tensorflow/serving/predict",
            "defaults": {},
        }
    return {
        "model_spec": {"name": loaded.name, "signature_name": "", "version": str(loaded.version)},
        "metadata": {"signature_def": {"signature_def": described}},
    }


def _describe_tensor(spec: Any, name: str) -> dict[str, Any]:
    shape = json_format.MessageToDict(spec.shape.as_proto(), preserving_proto_field_name=True)
    sizes = [{"size": dimension["size"], "name": ""} for dimension in shape.get("dim", [])]
    kind = tf.dtypes.as_dtype(spec.dtype)
    return {
        "dtype": f"DT_{kind.name.upper()}" if kind != tf.float32 else "DT_FLOAT",
        "tensor_shape": {"dim": sizes, "unknown_rank": shape.get("unknown_rank", False)},
        "name": name,
    }
