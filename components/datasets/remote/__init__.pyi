from .copies import (
    fetch_file as fetch_file,
    fetch_folder as fetch_folder,
    fetch_input as fetch_input,
    fetch_listed as fetch_listed,
    fetch_matching as fetch_matching,
    list_copies as list_copies,
    parse as parse,
)
from .objects import RemoteFile as RemoteFile
from .places import as_addresses as as_addresses, as_paths as as_paths
