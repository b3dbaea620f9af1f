from .callbacks import (
    EndInTime as EndInTime,
    EpochProgress as EpochProgress,
    SaveEpochs as SaveEpochs,
    StopAtNaN as StopAtNaN,
    TensorBoardLog as TensorBoardLog,
    settlers as settlers,
    watchers as watchers,
)
from .checkpoints import CheckpointFile as CheckpointFile, FitState as FitState
from .keeping import KeptModel as KeptModel
