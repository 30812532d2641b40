"""Files of the command line as a genome with splits and classes."""

from __future__ import annotations

from pathlib import Path

from palindra.data.genome import Features, Genome, read_bed
from palindra.data.language import LanguageData, language_data
from palindra.errors import InputError


def open_language_data(
    genome: Path,
    *,
    train_regions: Path | None = None,
    valid_regions: Path | None = None,
    test_regions: Path | None = None,
    valid_contigs: str | None = None,
    test_contigs: str | None = None,
    classes: Path | None = None,
) -> LanguageData:
    """The genome and its splits as the options say.

    Raises:
        InputError: for files that cannot be used, options that do not go together, no validation split, or splits that
            share positions.
    """
    opened = Genome.open(genome)

    def bed(path: Path | None) -> Features | None:
        return None if path is None else read_bed(path, chromosomes=opened.chromosomes, genome=genome)

    def split(name: str, regions: Path | None, contigs: str | None) -> Features | list[str]:
        if regions is not None and contigs is not None:
            raise InputError(f"--{name}-regions and --{name}-contigs say the same thing twice: give one of them.")
        found = bed(regions)
        if found is not None:
            return found
        return [one.strip() for one in contigs.split(",") if one.strip()] if contigs else []

    valid = split("valid", valid_regions, valid_contigs)
    if not valid:
        raise InputError(
            "validation needs a part of the genome that is not learned from: give --valid-contigs, e.g. "
            f"{list(opened.chromosomes)[-1]}, or --valid-regions with a BED file."
        )
    return language_data(
        opened,
        train=bed(train_regions),
        valid=valid,
        test=split("test", test_regions, test_contigs),
        classes=bed(classes),
    )
