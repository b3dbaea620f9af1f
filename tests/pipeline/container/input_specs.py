"""Parts of a step's input specification, as compile writes them."""

from __future__ import annotations

EXAMPLES = {
    "instanceSchema": "title: tfx.Examples\ntype: object\nproperties:\n  span:\n    type: integer\n"
    "  version:\n    type: integer\n  split_names:\n    type: string\n"
}
PARAMETERS = {"rows": {"parameterType": "NUMBER_INTEGER"}, "plan": {"parameterType": "STRING"}}
