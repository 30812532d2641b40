"""Which part of the genome belongs to which split: whole chromosomes, or regions such as ``II:0-400000``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from palindra.data.tracks.problems import Problem, refuse
from palindra.data.tracks.regions import EMPTY, Axis, Regions
from palindra.errors import InputError

PARTS = ("train", "valid", "test")


@dataclass(frozen=True, kw_only=True)
class Splits:
    """Chromosomes (``chr8``) or regions of them (``II:0-400000``, ``II:400000-``) of each split.

    Args:
        valid: for validation.
        test: for the test.
        train: for training; empty for everything that is not named and not dropped.
        drop: shell patterns of chromosomes that are left out altogether. The same list holds for every builder, and
            the dropped names are written into the data set: chrX stays unless it is named here.
    """

    valid: tuple[str, ...]
    test: tuple[str, ...]
    train: tuple[str, ...] = ()
    drop: tuple[str, ...] = ("*_*", "chrM", "chrMT", "chrY", "M", "MT", "Y")

    def dropped(self, chromosomes: Iterable[str]) -> list[str]:
        """Names of the chromosomes that a pattern leaves out."""
        return [name for name in chromosomes if matches(name, self.drop)]


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name fits one of some shell patterns, capitals told apart.

    Examples:
        >>> [matches(name, ("*_*", "chrM")) for name in ("chr1_alt", "chrM", "chrm")]
        [True, True, False]
    """
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def parse_region(text: str, chromosomes: Mapping[str, int]) -> tuple[str, int, int]:
    """A chromosome, or a part of it, as name, start and end (0-based, half-open).

    Raises:
        InputError: if there is no such chromosome, or the part is empty or reaches beyond its end.

    Examples:
        >>> parse_region("II:400000-", {"II": 813184}), parse_region("II", {"II": 813184})
        (('II', 400000, 813184), ('II', 0, 813184))
    """
    if text in chromosomes:  # first, because names may have colons themselves (HLA-A*01:01)
        return text, 0, chromosomes[text]
    match = re.fullmatch(r"(.+):(\d[\d,]*)-(\d[\d,]*)?", text)
    if match is None or match[1] not in chromosomes:
        known = ", ".join(list(chromosomes)[:40])
        raise InputError(
            f"region {text!r}: no such chromosome. Give a name, or a part such as {next(iter(chromosomes), 'chr1')}:"
            f"0-400000; the chromosomes are {known}."
        )
    length = chromosomes[match[1]]
    start = int(match[2].replace(",", ""))
    end = int(match[3].replace(",", "")) if match[3] else length
    if not start < end <= length:
        raise InputError(
            f"region {text!r}: start must be below end, and end at most {length}, the length of {match[1]}."
        )
    return match[1], start, end


def split_problems(splits: Splits, chromosomes: Mapping[str, int]) -> Iterator[Problem]:
    """Everything that is wrong with the splits: unknown or dropped chromosomes, regions that overlap."""
    dropped = set(splits.dropped(chromosomes))
    seen: list[tuple[str, str, int, int]] = []
    for part in PARTS:
        for text in getattr(splits, part):
            try:
                name, start, end = parse_region(text, chromosomes)
            except InputError as error:
                yield Problem(f"{part} {error}")
                continue
            if name in dropped:
                yield Problem(f"{part} region {text!r}: {name} is left out by drop = {list(splits.drop)}. Change one.")
            for other, chrom, low, high in seen:
                if chrom == name and start < high and low < end:
                    yield Problem(
                        f"splits {other} and {part} overlap here. Every position may belong to one split, once.",
                        interval=f"{name}:{max(start, low)}-{min(end, high)}",
                    )
            seen.append((part, name, start, end))
    for part in ("valid", "test"):
        if not getattr(splits, part):
            yield Problem(f"split {part} has no chromosome: name one, or a part of one such as chr1:0-400000.")


def allowed(splits: Splits, axis: Axis, *, margin: int) -> dict[str, Regions]:
    """For each split, the positions in which its windows must lie.

    Windows may be shifted by up to ``margin``, so every split keeps that far from the others: no position that a
    shifted training window reads lies in a validation or test region.

    Raises:
        InputError: if the splits cannot be used, or nothing is left for training.

    Examples:
        >>> axis = Axis({"I": 50, "II": 100})
        >>> for name, regions in allowed(Splits(valid=("II:0-40",), test=("II:40-",)), axis, margin=5).items():
        ...     print(name, regions)
        train 0-50
        valid 51-86
        test 96-151
    """
    chromosomes = axis.chromosomes
    refuse(split_problems(splits, chromosomes))

    def regions(texts: tuple[str, ...]) -> Regions:
        parsed = [parse_region(text, chromosomes) for text in texts]
        chroms = [axis.number[name] for name, _, _ in parsed]
        if not parsed:
            return EMPTY
        return Regions.of(axis.at(chroms, [p[1] for p in parsed]), axis.at(chroms, [p[2] for p in parsed]))

    found = {part: regions(getattr(splits, part)) for part in PARTS}
    if not splits.train:
        kept = tuple(name for name in axis.names if name not in splits.dropped(chromosomes))
        found["train"] = regions(kept).minus(found["valid"]).minus(found["test"])
    if not found["train"].total:
        raise InputError(
            "nothing is left for training: every chromosome is named for validation or test, or left out by drop = "
            f"{list(splits.drop)}."
        )
    apart = {}
    for part in PARTS:
        others = EMPTY
        for other in PARTS:
            others = others.join(found[other]) if other != part else others
        apart[part] = found[part].minus(others.widened(margin, axis))
    return apart
