from . import errors as errors, progress as progress
from .addresses.addresses import (
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
from .addresses.metadata_url import (
    PASSWORD_VARIABLE as PASSWORD_VARIABLE,
    MetadataServer as MetadataServer,
    parse_metadata_url as parse_metadata_url,
)
from .artifacts import Explanations as Explanations, RunReport as RunReport, Verdict as Verdict
from .errors import (
    LONGEST_MESSAGE as LONGEST_MESSAGE,
    ConfigError as ConfigError,
    DataRejected as DataRejected,
    KeraslineError as KeraslineError,
    ParityFailed as ParityFailed,
    TrainingFailed as TrainingFailed,
    cut as cut,
    nearest as nearest,
    shown as shown,
)
from .further_ops import (
    INSTALL_HUB as INSTALL_HUB,
    TEXT_PACKAGE as TEXT_PACKAGE,
    load_saved_model as load_saved_model,
    register_operations as register_operations,
)
from .machine.child_process import (
    end_child as end_child,
    follow_parent as follow_parent,
    module_command as module_command,
    start_child as start_child,
)
from .machine.code_hash import code_version as code_version
from .machine.code_state import code_state as code_state, take_code_state as take_code_state
from .machine.file_facts import file_facts as file_facts, lack_of_file as lack_of_file
from .machine.libraries import (
    describe_difference as describe_difference,
    describe_environment as describe_environment,
    library_versions as library_versions,
    loading_libraries as loading_libraries,
    packages_hash as packages_hash,
    prepare_libraries as prepare_libraries,
)
from .machine.writing import (
    copy_folder as copy_folder,
    keep_newest as keep_newest,
    remove_left as remove_left,
    write_at_once as write_at_once,
    written_at_once as written_at_once,
)
from .measures.durations import DURATION as DURATION, seconds_of as seconds_of
from .measures.tolerance import (
    LARGEST as LARGEST,
    LARGEST_IN_DEVIATIONS as LARGEST_IN_DEVIATIONS,
    ROUNDING as ROUNDING,
    ROUNDING_OF_LOGS as ROUNDING_OF_LOGS,
    distances as distances,
    spread_of as spread_of,
)
from .measures.versions import is_version as is_version
from .option_base import Options as Options
from .outputs import check_output as check_output, write_output as write_output
from .packing import (
    pack_properties as pack_properties,
    pack_text as pack_text,
    unpack_properties as unpack_properties,
    unpack_text as unpack_text,
)
from .progress import Progress as Progress
from .refusals import describe as describe, refuse_boolean as refuse_boolean
from .wording import (
    counted as counted,
    first_line as first_line,
    first_repeated as first_repeated,
    last_line as last_line,
    new_name as new_name,
    percent as percent,
    printable as printable,
    rate as rate,
    rounded as rounded,
)
from .yaml_text import dump_yaml as dump_yaml
