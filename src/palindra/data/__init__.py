"""Files become labelled sequences: read, checked, divided into splits and put in order."""

from palindra.data.checks import Check, check_data, format_checks
from palindra.data.order import epoch_order, integers, uniform
from palindra.data.read import read_labelled
from palindra.data.similarity import similarity_clusters
from palindra.data.splits import require_splits, split_by_chromosome, split_by_similarity, split_random
from palindra.data.table import SPLITS, LabelledSequences
from palindra.data.task import Task, check_labels, infer_task
from palindra.data.unlabelled import NamedSequences, read_sequences

__all__ = [
    "SPLITS",
    "Check",
    "LabelledSequences",
    "NamedSequences",
    "Task",
    "check_data",
    "check_labels",
    "epoch_order",
    "format_checks",
    "infer_task",
    "integers",
    "read_labelled",
    "read_sequences",
    "require_splits",
    "similarity_clusters",
    "split_by_chromosome",
    "split_by_similarity",
    "split_random",
    "uniform",
]
