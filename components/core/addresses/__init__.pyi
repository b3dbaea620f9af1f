from .addresses import (
    CACHE_VARIABLE as CACHE_VARIABLE,
    Address as Address,
    address_of as address_of,
    cache_folder as cache_folder,
    check_address as check_address,
    copy_of as copy_of,
    is_address as is_address,
    name_addresses as name_addresses,
    read_address as read_address,
)
from .metadata_url import (
    PASSWORD_VARIABLE as PASSWORD_VARIABLE,
    MetadataServer as MetadataServer,
    parse_metadata_url as parse_metadata_url,
)
