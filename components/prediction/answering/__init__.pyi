from .answering import ServedModel as ServedModel
from .unseen import join_counts as join_counts
