"""YAML in which a text stays a text, whoever reads it.

PyYAML leaves ``08``, ``1e5``, ``0o17``, ``0X1F``, ``2026-1-2`` and ``y`` bare; other readers, such as those of Kubeflow
and kubectl, take them for numbers, a time and a truth value. Underscores in numbers do not count there.

Source: https://yaml.org/spec/1.2.2 (10.3.2); go-yaml/yaml v3 and kubernetes-sigs/yaml goyaml.v2 resolve.go (resolve,
allowedTimestampFormats)
"""

from __future__ import annotations

import re
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """Quotes what any reader takes for something else than a text."""


_DECIMAL = r"[-+]?(\.[\d_]+|[\d_]+(\.[\d_]*)?)([eE][-+_]*[\d_]+)?"
_BASED = r"[-+]?_*0_*([xX][\da-fA-F_]+|[oO][0-7_]+|[bB][-+]?[01_]+)"
_TIME = r"\d{4}-\d\d?-\d\d?([Tt ].*)?"
_OTHERS = re.compile(rf"({_DECIMAL}|{_BASED}|{_TIME})\Z")
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _OTHERS, list("-+.0123456789"))
_Dumper.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"[yYnN]\Z"), list("yYnN"))


def dump_yaml(*documents: Any, sort_keys: bool = False) -> str:
    """Returns documents as YAML that PyYAML, Kubeflow and kubectl read alike.

    Args:
      documents: Values of JSON.
      sort_keys: Whether keys come by name, or in their order.
    """
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=sort_keys)
