"""The pushed versions of a model on disk, and the pointer that says which one is in production.

``MODELS/NAME/VERSION/`` is a SavedModel as TensorFlow Serving expects it, with ``version.json`` (the record) inside;
``MODELS/NAME/current.json`` is the pointer and ``MODELS/NAME/history.jsonl`` has a line for each move of it. A version
is written beside its place and renamed, and so is the pointer: a crash leaves the old state or the new one, and the
next push removes what it left beside them.

Two locks, which the operating system drops with their process: one push at a time for a model, and one move of its
pointer at a time.

Only files of this room are opened here, and no library beside filelock is loaded.
"""

from kerasline.components.production.keeping import prune, read_pins, remove_leftovers, set_pin
from kerasline.components.production.locks import push_lock, registry_lock
from kerasline.components.production.moving import find_predecessor, move_pointer
from kerasline.components.production.pointer import current_version, read_history, read_pointer
from kerasline.components.production.pushing import PushRefused, push_version
from kerasline.components.production.serving_config import SERVING_CONFIG, mend_serving_config, write_serving_config
from kerasline.components.production.versions import (
    FORMATS_FOLDER,
    RECORD_FILE,
    add_version,
    digest_model,
    find_problem,
    list_models,
    list_versions,
    read_record,
)

__all__ = [
    "FORMATS_FOLDER",
    "RECORD_FILE",
    "SERVING_CONFIG",
    "PushRefused",
    "add_version",
    "current_version",
    "digest_model",
    "find_predecessor",
    "find_problem",
    "list_models",
    "list_versions",
    "mend_serving_config",
    "move_pointer",
    "prune",
    "push_lock",
    "push_version",
    "read_history",
    "read_pins",
    "read_pointer",
    "read_record",
    "registry_lock",
    "remove_leftovers",
    "set_pin",
    "write_serving_config",
]
