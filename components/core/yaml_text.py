"""YAML in which a text stays a text, whoever reads it.

PyYAML leaves ``08``, ``1e5``, ``0o17`` and ``2026-1-2`` bare, which are texts by YAML 1.1; readers of YAML 1.2, such as
those of Kubeflow and kubectl, take them for numbers and times.

Source: https://yaml.org/spec/1.2.2 (10.3.2); go-yaml/yaml v3 resolve.go (resolve, allowedTimestampFormats)
"""

from __future__ import annotations

import re
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """Quotes what any reader takes for something else than a text."""


_NUMBER = r"[-+]?(\.[\d_]+|[\d_]+(\.[\d_]*)?)([eE][-+]?\d+)?|[-+]?0o?[0-7_]+"
_TIME = r"\d{4}-\d\d?-\d\d?([Tt ].*)?"
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(rf"({_NUMBER}|{_TIME})\Z"), list("-+.0123456789"))


def dump_yaml(*documents: Any, sort_keys: bool = False) -> str:
    """Returns documents as YAML that PyYAML, Kubeflow and kubectl read alike.

    Args:
      documents: Values of JSON.
      sort_keys: Whether keys come by name, or in their order.
    """
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=sort_keys)
