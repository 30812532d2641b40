"""Data sets of genome windows with their sequence, tracks and labels: declared, built once, read at random."""

from palindra.data.tracks.binning import bin_means
from palindra.data.tracks.build import build
from palindra.data.tracks.check import folder_problems, input_problems
from palindra.data.tracks.describe import Description, describe
from palindra.data.tracks.merging import merge_peaks
from palindra.data.tracks.partition import Splits
from palindra.data.tracks.peaks import Peaks
from palindra.data.tracks.problems import Problem
from palindra.data.tracks.settings import (
    DataSettings,
    Exclusions,
    Storage,
    TestSets,
    load_settings,
    settings_from,
    settings_to_plain,
)
from palindra.data.tracks.store import TrackData
from palindra.data.tracks.tiling import Tiles
from palindra.data.tracks.track import Track, check_tracks, partners, target_of
from palindra.data.tracks.windows import Windows

__all__ = [
    "DataSettings",
    "Description",
    "Exclusions",
    "Peaks",
    "Problem",
    "Splits",
    "Storage",
    "TestSets",
    "Tiles",
    "Track",
    "TrackData",
    "Windows",
    "bin_means",
    "build",
    "check_tracks",
    "describe",
    "folder_problems",
    "input_problems",
    "load_settings",
    "merge_peaks",
    "partners",
    "settings_from",
    "settings_to_plain",
    "target_of",
]
