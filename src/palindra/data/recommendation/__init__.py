"""Who took what and when: interactions from files, histories in the order of time, windows and negatives."""

from palindra.data.recommendation.interactions import Interactions, read_interactions
from palindra.data.recommendation.splits import Histories, keep_frequent, split_in_time
from palindra.data.recommendation.windows import PADDING, Unseen, Windows, last_items, windows

__all__ = [
    "PADDING",
    "Histories",
    "Interactions",
    "Unseen",
    "Windows",
    "keep_frequent",
    "last_items",
    "read_interactions",
    "split_in_time",
    "windows",
]
