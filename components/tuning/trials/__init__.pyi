from .folds import count_folds as count_folds, take_fold as take_fold
from .halving import checkpoint_of as checkpoint_of, remove_lost as remove_lost
from .memory import forgetting as forgetting
from .oracles import make_oracle as make_oracle
from .record import (
    TRIALS_FILE as TRIALS_FILE,
    best_score as best_score,
    choose_winner as choose_winner,
    keep_trial as keep_trial,
    read_trials as read_trials,
)
