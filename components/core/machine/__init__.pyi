from .child_process import (
    end_child as end_child,
    follow_parent as follow_parent,
    module_command as module_command,
    start_child as start_child,
)
from .code_hash import code_version as code_version
from .code_state import code_state as code_state, take_code_state as take_code_state
from .file_facts import file_facts as file_facts, lack_of_file as lack_of_file
from .libraries import (
    describe_difference as describe_difference,
    describe_environment as describe_environment,
    library_versions as library_versions,
    packages_hash as packages_hash,
    prepare_libraries as prepare_libraries,
)
from .writing import (
    copy_folder as copy_folder,
    keep_newest as keep_newest,
    write_at_once as write_at_once,
    written_at_once as written_at_once,
)
