from . import idx as idx, npz as npz, tfrecord as tfrecord
from .arrays import (
    IMAGE_SHAPE as IMAGE_SHAPE,
    IMAGES_PER_SHARD as IMAGES_PER_SHARD,
    TABLE_ROWS_PER_SHARD as TABLE_ROWS_PER_SHARD,
    Dtype as Dtype,
    Part as Part,
    Parts as Parts,
    check_lengths as check_lengths,
    columns_of as columns_of,
    digest_parts as digest_parts,
    has_image_shape as has_image_shape,
    label_facts as label_facts,
    rows_of as rows_of,
    shards_of as shards_of,
)
from .keys import Keys as Keys, named_alike as named_alike
from .tfrecord import (
    check_no_sequence as check_no_sequence,
    compression_of as compression_of,
    with_plain_images as with_plain_images,
)
