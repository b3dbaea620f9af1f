from .columns import read_columns as read_columns
from .damage import explain_damage as explain_damage, is_about_images as is_about_images
from .description.labels import infer_task as infer_task
from .description.options import DataOptions as DataOptions
from .files.files import Places as Places, check_data_dir as check_data_dir
from .peeking import Peek as Peek, peek as peek, task_of_named as task_of_named
from .resolving import read_shard as read_shard, resolve as resolve, settle_splits_anew as settle_splits_anew
from .splits.splits import assign_split as assign_split
