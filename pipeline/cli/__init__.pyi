from .entry import main as main
from .interrupted import end_interrupted as end_interrupted
