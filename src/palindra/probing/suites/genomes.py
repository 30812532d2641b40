"""Genomes by the name of their assembly: given, or found beside the data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from palindra.data.genome import Genome
from palindra.errors import InputError

_SUFFIXES = (".fa", ".fasta", ".fna", ".fa.gz", ".fasta.gz", ".fna.gz")
_SAME = {
    "GRCh37": ("GRCh37", "hg19"),
    "GRCh38": ("GRCh38", "hg38"),
    "GRCm38": ("GRCm38", "mm10"),
    "WBcel235": ("WBcel235", "ce11"),
}


class Genomes:
    """FASTA files by assembly, opened when they are first needed.

    Args:
        given: assembly -> FASTA.
        folder: where a FASTA is looked for whose name says the assembly, also in its folder ``genomes``.
        cache: folder of the codes of genomes; by default beside the FASTA.
    """

    def __init__(self, given: Mapping[str, Path], folder: Path, *, cache: Path | None = None) -> None:
        self._given = {name: Path(path) for name, path in given.items()}
        self._folder = folder
        self._cache = cache
        self._opened: dict[Path, Genome] = {}

    def find(self, assembly: str) -> Path | None:
        """The FASTA of an assembly, ``.cdna`` after its name asking for transcripts; None where there is none."""
        known = [path for name, path in self._given.items() if _fits(name, assembly) and _kind(name) == _kind(assembly)]
        return next(iter(known), None) or next(
            (path for path in self._beside() if _fits(path.name, assembly) and _kind(path.name) == _kind(assembly)),
            None,
        )

    def open(self, assembly: str, purpose: str) -> Genome:
        """The genome of an assembly.

        Raises:
            InputError: if there is none, saying how it is given.
        """
        path = self.find(assembly)
        if path is None:
            raise InputError(
                f"{purpose}: its sequences are intervals of {assembly}, and there is no such genome. Give it with "
                f"--genome {assembly}=FASTA, or put a FASTA whose name says {assembly} into {self._folder}."
            )
        if path not in self._opened:
            self._opened[path] = Genome.open(path, cache=self._cache)
        return self._opened[path]

    def _beside(self) -> Iterable[Path]:
        for folder in (self._folder, self._folder / "genomes"):
            if folder.is_dir():
                yield from sorted(path for path in folder.iterdir() if path.name.endswith(_SUFFIXES))


def parse_genomes(texts: Iterable[str]) -> dict[str, Path]:
    """Assembly -> FASTA of texts ``ASSEMBLY=FASTA``; a FASTA alone must say the assembly in its name.

    Examples:
        >>> parse_genomes(["GRCh38=a/b.fa", "x/hg19.fa"])
        {'GRCh38': PosixPath('a/b.fa'), 'GRCh37': PosixPath('x/hg19.fa')}

    Raises:
        InputError: for a FASTA that names no assembly.
    """
    found = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not equals:
            path = text
            name = next((key for key in _SAME if _fits(Path(text).name, key)), "")
        if not name:
            raise InputError(f"--genome {text}: say which assembly it is, e.g. --genome GRCh38={text}.")
        found[name + (".cdna" if not equals and _kind(Path(text).name) else "")] = Path(path)
    return found


def _fits(name: str, assembly: str) -> bool:
    plain = assembly.removesuffix(".cdna")
    return any(word.lower() in name.lower() for word in _SAME.get(plain, (plain,)))


def _kind(name: str) -> bool:
    return "cdna" in name.lower()
