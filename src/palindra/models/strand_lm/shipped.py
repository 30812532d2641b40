"""The small language model that comes with the package, by the name ``default``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from palindra.models.strand_lm.model import StrandLM
from palindra.models.strand_lm.saving import load

NAME = "default"
SHIPPED = Path(__file__).parents[1] / "weights" / "strand_lm_yeast"


def shipped() -> tuple[StrandLM, dict[str, Any]]:
    """The language model of yeast that ships with the package, in evaluation mode, and what is known about it.

    A tied model, exactly equivariant, of chromosomes II and IV of *S. cerevisiae*; README.md in its folder says how it
    was trained and what it can be expected to know.

    Examples:
        >>> model, meta = shipped()
        >>> model.config.mixer, meta["data"]["genome"]
        ('tied', 'R64-1-1_II_IV.fa.gz')
    """
    return load(SHIPPED)


def folder_of(model: str | Path) -> Path:
    """The folder of a language model, ``default`` being the one that ships with the package.

    A folder of that name is given by a path with more than one part, e.g. ``runs/default``.

    Examples:
        >>> folder_of("default").name, str(folder_of("runs/mine"))
        ('strand_lm_yeast', 'runs/mine')
    """
    return SHIPPED if str(model) == NAME else Path(model)
