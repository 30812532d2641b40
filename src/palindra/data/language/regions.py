"""Which stretches of a genome are learned from, which choose the model and which test it: never the same positions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from palindra.data.genome import Features, Genome, complement, regions, subtract, touches
from palindra.data.genome.exclude import Spans
from palindra.data.genome.names import listed
from palindra.data.language.soft_masked import SoftMasked
from palindra.errors import InputError

Split = Literal["train", "valid", "test"]
_NONE: Spans = np.empty((0, 2), dtype=np.int64)

Regions = dict[str, Spans]  # contig -> sorted, disjoint stretches


@dataclass(frozen=True)
class LanguageData:
    """A genome, its splits, its soft-masked positions and the classes that scores are given for.

    Args:
        genome: the sequence.
        splits: for each of train, valid and perhaps test, the stretches of each contig; no two share a position.
        soft_masked: lower-case positions.
        classes: name of a class (exon, intergenic, ...) -> its stretches; classes may share positions.
    """

    genome: Genome
    splits: Mapping[str, Regions]
    soft_masked: SoftMasked
    classes: Mapping[str, Regions]

    def positions(self, split: str) -> int:
        """Number of positions of a split, N included."""
        return sum(int((spans[:, 1] - spans[:, 0]).sum()) for spans in self.splits[split].values())

    def pieces(self, split: str) -> list[tuple[str, int, int]]:
        """The stretches of a split, (contig, start, end) in the order of the genome, without gaps of the assembly."""
        known, gaps = self.splits[split], self.soft_masked.gaps
        return [
            (name, a, b)
            for name in self.genome.chromosomes
            if name in known
            for a, b in subtract(known[name], gaps.get(name, _NONE)).tolist()
        ]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that training and scores depend on: the FASTA, the splits and the classes."""
        digest = hashlib.sha256(self.genome.fingerprint.encode())
        for kind in (self.splits, self.classes):
            for name, parts in sorted(kind.items()):
                digest.update(f"|{name}".encode())
                for contig, spans in sorted(parts.items()):
                    digest.update(f"|{contig}|".encode() + np.ascontiguousarray(spans, dtype="<i8").tobytes())
        return digest.hexdigest()


def language_data(
    genome: Genome,
    *,
    train: Features | None = None,
    valid: Features | Sequence[str] = (),
    test: Features | Sequence[str] = (),
    classes: Features | None = None,
) -> LanguageData:
    r"""Divide a genome into splits.

    Args:
        genome: the sequence.
        train: regions to learn from; by default all that is in no other split.
        valid: regions, or names of whole contigs, that choose the model.
        test: regions, or names of whole contigs, that are scored once, at the end.
        classes: intervals whose names are classes of positions, for scores of each class.

    Raises:
        InputError: if a contig is unknown, a split has no positions, two splits share positions, or classes have no
            names.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> folder = TemporaryDirectory()
        >>> fasta = Path(folder.name, "small.fa")
        >>> _ = fasta.write_text(">a\nACGTACGT\n>b\nACGTnn\n")
        >>> data = language_data(Genome.open(fasta), valid=["b"])
        >>> data.pieces("train"), data.pieces("valid"), data.soft_masked.positions
        ([('a', 0, 8)], [('b', 0, 6)], 2)
        >>> folder.cleanup()
    """
    lengths = genome.chromosomes
    given = {
        name: (_placed(one, genome), one) for name, one in (("valid", valid), ("test", test), ("train", train)) if one
    }
    splits: dict[str, Regions] = {name: found for name, (found, _) in given.items()}
    _check_disjoint({name: one for name, one in given.items() if name in splits})
    if "train" not in splits:
        taken = [splits[name] for name in ("valid", "test") if name in splits]
        rest = {name: complement([], length) for name, length in lengths.items()}
        for one in taken:
            rest = {name: subtract(spans, one[name]) if name in one else spans for name, spans in rest.items()}
        splits["train"] = {name: spans for name, spans in rest.items() if len(spans)}
    for name in ("train", "valid"):
        if not splits.get(name):
            raise InputError(
                f"{genome.fasta}: there is nothing in split {name!r}. Give regions (BED) or contigs of the genome for "
                "validation, and leave some for training: it has " + listed(lengths) + "."
            )
    data = LanguageData(genome, splits, SoftMasked.of(genome), _classes(classes, genome))
    for name in splits:
        if not data.pieces(name):
            raise InputError(f"{genome.fasta}: the regions of split {name!r} have no letters A, C, G, T, only gaps.")
    return data


def _placed(given: Features | Sequence[str], genome: Genome) -> Regions:
    lengths = genome.chromosomes
    if isinstance(given, Features):
        return regions(given.on(lengths, genome=str(genome.fasta)))
    if unknown := [name for name in given if name not in lengths]:
        raise InputError(f"{genome.fasta}: has no contig {unknown[0]!r}; it has {listed(lengths)}.")
    return {name: np.array([[0, lengths[name]]], dtype=np.int64) for name in given}


def _check_disjoint(given: Mapping[str, tuple[Regions, Features | Sequence[str]]]) -> None:
    """Refuse two splits that share positions: scores of what was learned by heart mean nothing."""
    names = sorted(given)
    for number, first in enumerate(names):
        for second in names[number + 1 :]:
            (mine, _), (theirs, source) = given[first], given[second]
            for contig in mine.keys() & theirs.keys():
                hit = mine[contig][touches(mine[contig], theirs[contig])]
                if not len(hit):
                    continue
                here = f"{contig}:{hit[0, 0]}-{hit[0, 1]}"
                where = ""
                if isinstance(source, Features):
                    chrom = np.array(source.chrom)
                    rows = np.flatnonzero((chrom == contig) & (source.start < hit[0, 1]) & (source.end > hit[0, 0]))
                    where = f" ({source.where(int(rows[0]))})" if len(rows) else ""
                raise InputError(
                    f"the regions for {first} and {second} overlap: {first} has {here}, and {second} shares positions "
                    f"with it{where}. Remove them from one of the two, so that no position is both learned and scored."
                )


def _classes(given: Features | None, genome: Genome) -> dict[str, Regions]:
    if given is None:
        return {}
    if given.name is None:
        raise InputError(
            f"{given.source}: has no names, and these are the classes. Write the class of each interval in the fourth "
            "column, e.g. chr1<tab>100<tab>200<tab>exon."
        )
    placed = given.on(genome.chromosomes, genome=str(genome.fasta))
    names = np.array(placed.name)
    taken = {ALL, OTHER, LOWER, UPPER}
    if clash := sorted(taken & set(names.tolist())):
        raise InputError(
            f"{given.source}: the class {clash[0]!r} has a name that is used already. Give it another one."
        )
    return {name: regions(placed.take(names == name)) for name in dict.fromkeys(placed.name or ())}


ALL, OTHER, LOWER, UPPER = "all", "other", "soft-masked", "not soft-masked"
"""Names of classes that every genome has: all positions, those in no class of the user, lower and upper case."""
