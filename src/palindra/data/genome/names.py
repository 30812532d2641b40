"""Chromosome names of one file in the words of another: chr1 against 1, chrM against MT."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from palindra.errors import InputError

_MITOCHONDRION = frozenset({"m", "mt", "mito"})
_SHOWN = 6  # names listed in one message


@dataclass(frozen=True)
class NameMatch:
    """Which chromosomes of a file are which of a genome.

    Args:
        same: names that both use.
        renamed: name in the file -> name in the genome, where they differ and only one can be meant.
        missing: names of the file that have no counterpart, or more than one.
        lengths: name in the file -> (its length there, in the genome), where names agree and lengths do not.
    """

    same: tuple[str, ...]
    renamed: dict[str, str]
    missing: tuple[str, ...]
    lengths: dict[str, tuple[int, int]]

    @property
    def mapping(self) -> dict[str, str]:
        """Name in the file -> name in the genome, for every chromosome that has one."""
        return {name: name for name in self.same} | self.renamed

    def __str__(self) -> str:
        parts = [f"{len(self.same)} chromosome names agree"]
        if self.renamed:
            pairs = [f"{name} is {other}" for name, other in self.renamed.items()]
            parts.append(f"{len(pairs)} differ but can be mapped ({listed(pairs)})")
        if self.missing:
            parts.append(f"{len(self.missing)} are not in the genome ({listed(self.missing)})")
        if self.lengths:
            pairs = [f"{name} {here:,} against {there:,}" for name, (here, there) in self.lengths.items()]
            parts.append(f"{len(pairs)} have another length ({listed(pairs)})")
        return "; ".join(parts)


def match_names(wanted: Iterable[str] | Mapping[str, int], known: Iterable[str] | Mapping[str, int]) -> NameMatch:
    """Compare the chromosome names of a file with those of a genome.

    Names match where they differ only by the prefix ``chr``, by capitals, or as ``M``, ``MT`` and ``Mito`` do, if that
    leaves one pair of names; where both sides give lengths, those must be equal as well (the mitochondrion of hg19 is
    another sequence as chrM than as MT).

    Args:
        wanted: names of the file, or name -> length.
        known: names of the genome, or name -> length.

    Examples:
        >>> match_names(["chr1", "chrM", "chrUn_x"], {"1": 1000, "MT": 90})
        NameMatch(same=(), renamed={'chr1': '1', 'chrM': 'MT'}, missing=('chrUn_x',), lengths={})
        >>> print(match_names({"chr1": 1000, "2": 7}, {"1": 1000, "2": 8}))
        1 chromosome names agree; 1 differ but can be mapped (chr1 is 1); 1 have another length (2 7 against 8)
    """
    names = list(dict.fromkeys(wanted))
    here = wanted if isinstance(wanted, Mapping) else {}
    there = known if isinstance(known, Mapping) else {}
    genome = set(known)
    same = tuple(name for name in names if name in genome)
    times = Counter(map(_key, names))
    counterparts: dict[str, list[str]] = {}
    for name in dict.fromkeys(known):
        counterparts.setdefault(_key(name), []).append(name)
    renamed: dict[str, str] = {}
    for name in names:
        others = counterparts.get(_key(name), [])
        # Two names for one chromosome, on either side, would put two chromosomes onto one.
        if name not in genome and len(others) == 1 and times[_key(name)] == 1:
            equal = name not in here or others[0] not in there or here[name] == there[others[0]]
            renamed |= {name: others[0]} if equal else {}
    return NameMatch(
        same=same,
        renamed=renamed,
        missing=tuple(name for name in names if name not in genome and name not in renamed),
        lengths={
            name: (here[name], there[name])
            for name in same
            if name in here and name in there and here[name] != there[name]
        },
    )


def require_match(
    source: str,
    wanted: Iterable[str] | Mapping[str, int],
    genome: str,
    known: Mapping[str, int],
    *,
    map_names: bool = False,
    partial: bool = False,
) -> dict[str, str]:
    """Name in a file -> name in a genome, or an error that says which names or lengths disagree.

    Args:
        source: the file whose chromosomes are wanted, for errors.
        wanted: its names, or name -> length.
        genome: the file whose chromosomes are known, for errors.
        known: name -> length.
        map_names: whether names that differ (chr1 against 1) may be mapped; an error says so where they may not.
        partial: whether the file may have chromosomes that the genome lacks, as long as they share one.

    Raises:
        InputError: if names are missing or lengths disagree.

    Examples:
        >>> require_match("a.bw", {"chr1": 9}, "g.fa", {"1": 9}, map_names=True)
        {'chr1': '1'}
    """
    match = match_names(wanted, known)
    if match.lengths:
        raise InputError(
            f"{source}: its chromosomes have other lengths than in {genome}: "
            + listed(f"{name} {here:,} against {there:,}" for name, (here, there) in match.lengths.items())
            + ". The two are of different genomes or versions; give those of one."
        )
    if match.renamed and not map_names:
        raise InputError(
            f"{source}: {genome} names {len(match.renamed)} of its chromosomes otherwise: "
            + listed(f"{name} is {other}" for name, other in match.renamed.items())
            + ". Rename them in the file, or ask for names to be mapped (map_names)."
        )
    mapping = match.mapping
    if match.missing and not (partial and mapping):
        raise InputError(
            f"{source}: {len(match.missing)} of its chromosomes are not in {genome}: {listed(match.missing)}; there it "
            f"has {listed(known)}. Remove them from the file, or give the genome that it belongs to."
        )
    return mapping


def listed(words: Iterable[str]) -> str:
    """The first words with commas, and how many more there are."""
    every = list(words)
    more = len(every) - _SHOWN
    return ", ".join(every[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _key(name: str) -> str:
    key = name.lower().removeprefix("chr") or name
    return "mt" if key in _MITOCHONDRION else key
