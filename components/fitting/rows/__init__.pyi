from .feeding import WHOLE as WHOLE, Feed as Feed, FeedOrder as FeedOrder, Share as Share
from .rows import Arrays as Arrays, FitData as FitData, class_table as class_table, weigh_classes as weigh_classes
