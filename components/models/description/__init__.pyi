from .bases import BASES as BASES, Base as Base
from .hdf5 import check_archive as check_archive, open_weights as open_weights
from .options import (
    AugmentationOptions as AugmentationOptions,
    CnnOptions as CnnOptions,
    CustomOptions as CustomOptions,
    DenseOptions as DenseOptions,
    HubOptions as HubOptions,
    MlpOptions as MlpOptions,
    ModelOptions as ModelOptions,
    SequenceOptions as SequenceOptions,
    TabularOptions as TabularOptions,
    TransferOptions as TransferOptions,
    per_layer as per_layer,
)
from .presets import (
    Preset as Preset,
    check_digest as check_digest,
    check_packages as check_packages,
    read_preset as read_preset,
)
from .same_weights import check_same_weights as check_same_weights
from .spec import InputSpec as InputSpec, OutputSpec as OutputSpec, Task as Task
from .suiting import (
    check_augmentation as check_augmentation,
    check_size as check_size,
    check_weights_file as check_weights_file,
    keras_models as keras_models,
    main_input as main_input,
    pooling_sizes as pooling_sizes,
    refuse_others as refuse_others,
    refuse_tokens as refuse_tokens,
    squeezenet_weights as squeezenet_weights,
)
