from .apart import specs_given as specs_given, tensors_given as tensors_given
from .augment import Augmentation as Augmentation
from .custom import arguments_of as arguments_of
from .description.hdf5 import check_weights as check_weights
from .description.options import (
    CustomOptions as CustomOptions,
    HubOptions as HubOptions,
    MlpOptions as MlpOptions,
    ModelOptions as ModelOptions,
    TabularOptions as TabularOptions,
    TransferOptions as TransferOptions,
)
from .description.presets import (
    check_digest as check_digest,
    find_preset as find_preset,
    is_remote as is_remote,
    preset_digest as preset_digest,
    read_preset as read_preset,
)
from .description.same_weights import (
    check_same_weights as check_same_weights,
    weights_digest as weights_digest,
)
from .description.spaces import DEFAULT_SPACES as DEFAULT_SPACES, default_space as default_space
from .description.spec import InputSpec as InputSpec, OutputSpec as OutputSpec, Task as Task
from .description.suiting import check_inputs as check_inputs, check_parts as check_parts
from .families import MODEL_FAMILIES as MODEL_FAMILIES, build_model as build_model
from .joining import SMALLEST as SMALLEST, average as average, with_temperature as with_temperature
from .parts.heads import (
    ALIASES as ALIASES,
    HEADS as HEADS,
    LOSS_CLASSES as LOSS_CLASSES,
    LabelForm as LabelForm,
    check_loss as check_loss,
    computable as computable,
    direction as direction,
    make_loss as make_loss,
    make_metrics as make_metrics,
    resolve_loss as resolve_loss,
)
from .tabular import EachMember as EachMember, MemberScale as MemberScale
from .transfer import unfreeze as unfreeze
