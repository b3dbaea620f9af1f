from . import local as local
from .kubeflow import compile_pipeline as compile_pipeline
from .remote_paths import (
    check_weights as check_weights,
    data_remark as data_remark,
    key_remark as key_remark,
    modules_remark as modules_remark,
    weights_remark as weights_remark,
)
from .targets import (
    check_target as check_target,
    engine_remark as engine_remark,
    models_below as models_below,
)
