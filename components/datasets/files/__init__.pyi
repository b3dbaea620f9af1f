from .archives import member_name as member_name
from .files import (
    PACKED as PACKED,
    PACKING_ERRORS as PACKING_ERRORS,
    TYPED as TYPED,
    Places as Places,
    check_data_dir as check_data_dir,
    check_unchanged as check_unchanged,
    damaged_packing as damaged_packing,
    digest_file as digest_file,
    holds_lines as holds_lines,
    is_gzip as is_gzip,
    is_packed as is_packed,
    missing_file as missing_file,
    open_bytes as open_bytes,
    read_bytes as read_bytes,
    size_of as size_of,
)
from .kinds import (
    GIT_LFS as GIT_LFS,
    HEIF as HEIF,
    JSON as JSON,
    SVG as SVG,
    WORKBOOK as WORKBOOK,
    name_kind as name_kind,
)
from .partitions import (
    Partition as Partition,
    check_names as check_names,
    digest_with as digest_with,
    drop_in_files as drop_in_files,
    files_below as files_below,
    is_litter as is_litter,
    partitions_of as partitions_of,
)
