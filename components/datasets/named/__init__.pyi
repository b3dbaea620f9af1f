from .catalog import DATASETS as DATASETS, READERS as READERS, check_named as check_named
