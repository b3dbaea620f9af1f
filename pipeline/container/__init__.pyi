from .buckets import BUCKETS as BUCKETS, check_reachable as check_reachable, mount_of as mount_of
from .compiled_for import VARIABLE as VARIABLE, check_image as check_image, describe as describe
from .data_places import paths_of as paths_of
from .given_values import check_pipeline_root as check_pipeline_root, read_values as read_values
from .long_texts import pack_texts as pack_texts
from .runtime_parameters import declare_parameters as declare_parameters
from .shared_places import check_claim as check_claim, check_claim_reaches as check_claim_reaches
