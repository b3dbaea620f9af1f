from .cloud_job import FitJob as FitJob
from .keras_file import KERAS_FILE as KERAS_FILE
from .own_network import check_own_network as check_own_network
from .signatures import EVALUATION_ARGUMENT as EVALUATION_ARGUMENT, raw_input_specs as raw_input_specs
from .trainer import LOG_FOLDER as LOG_FOLDER, write_predictions as write_predictions
from .whole_fit import fit_whole as fit_whole
