"""What the options of an explanation say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """How a run is explained; see the help of ``palindra explain``."""

    output_name: str | None = None
    contribution: str = "total"
    method: str = "deeplift"
    compare_methods: tuple[str, ...] = ("deeplift", "integrated-gradients", "corrected-gradient")
    motifs: Path | None = None
    jaspar: str | None = None
    search_motifs: bool = True
    patterns: tuple[str, ...] = ()  # of the user, whose importance is measured first
    backgrounds: Path | None = None
    also: tuple[Path, ...] = ()
    train: Path | None = None
    layer: str | None = None
    both_strands: bool = False
    every: bool = False  # also sequences that are not predicted positive
    split: str | None = None
    sequence_column: str | None = None
    genome: Path | None = None
    map_names: bool = False
    cache: Path | None = None
    max_sequences: int = 200
    window: int | None = None  # bp in the middle that TF-MoDISco searches
    umap: bool = False
    seed: int = 0
