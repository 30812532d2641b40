"""VCF files read line by line: good alternates as variants, everything else as problems with their lines."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np

from palindra.data.genome import Genome
from palindra.data.variants.blocks import Block, Cutter, Full, crc
from palindra.data.variants.checking import Checker
from palindra.data.variants.header import Header, read_header
from palindra.data.variants.lines import LastLine, numbered_lines
from palindra.data.variants.order import KnownRepeats, Order, Repeats, spellings
from palindra.data.variants.problems import Kind, Problem
from palindra.data.variants.record import Columns, Record, parse_columns
from palindra.data.variants.variant import Variant
from palindra.errors import InputError

_FIRST = 20  # problems that a survey keeps in full


@dataclass(frozen=True)
class Survey:
    """What stands in a file, found by reading it once without keeping it.

    Args:
        records: lines that are records.
        variants: alternates that can be scored.
        counts: how many problems of each kind.
        first: the first problems, in full.
        contigs: names of the file, with their lengths in the genome where it has them.
        width: columns that the records are written with.
        is_sorted: whether positions rise in each contig and each contig stands in one piece.
        blocks: the lines in blocks, where those were asked for.
    """

    records: int
    variants: int
    counts: Counter[Kind]
    first: tuple[Problem, ...]
    contigs: dict[str, int | None]
    width: int
    is_sorted: bool
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True)
class VariantFile:
    """A VCF file that was opened: its header, and its records as often as they are asked for.

    Args:
        path: of the file, gzipped or not.
        genome: that its reference alleles are checked against.
        header: what stands before the records.
        map_names: whether contigs that the genome names otherwise are mapped.
        window: letters that the model reads, None for no limit.
        problems: of the header, and of the records that `variants` has passed so far.
        repeated: hashes of lines that stand there twice, for a file that is not sorted; found by `surveyed`.
    """

    path: Path
    genome: Genome
    header: Header
    map_names: bool = False
    window: int | None = None
    problems: list[Problem] = field(default_factory=list)
    repeated: frozenset[int] | None = None
    width: int = 0

    def records(self, last: LastLine | None = None) -> Iterator[Record | Problem]:
        """Every line after the header, in order: a record, or the problem of a line that is none.

        Args:
            last: is kept at the line that was given last.
        """
        return self._checked(self._columns(last), Order(), Repeats(self.repeated), 0)

    def block(self, block: Block) -> Iterator[Record | Problem]:
        """The lines of one block, as :meth:`records` gives them, without those before.

        Raises:
            InputError: at its end, if the lines are not those that the block was made of.
        """
        order, repeats = Order(*block.before, block.passed), KnownRepeats(block.repeats)
        yield from self._checked(self._columns_of(block), order, repeats, block.record)

    def _checked(
        self, lines: Iterator[Columns | Problem], order: Order, repeats: Repeats | KnownRepeats, number: int
    ) -> Iterator[Record | Problem]:
        lengths = {name: length for name, (length, _) in self.header.contigs.items() if length is not None}
        checker = Checker(self.genome, map_names=self.map_names, lengths=lengths, window=self.window)
        for columns in lines:
            if isinstance(columns, Problem):
                yield columns
                continue
            record = checker.record(number, columns, self.width)
            further = [*order.check(columns), *repeats.check(columns)]
            yield replace(record, problems=(*record.problems, *further)) if further else record
            number += 1

    def __iter__(self) -> Iterator[Variant]:
        """The variants that can be scored, one for each alternate; `problems` grows by those that are passed."""
        for record in self.records():
            if isinstance(record, Problem):
                self.problems.append(record)
                continue
            self.problems.extend(record.problems)
            yield from (variant for variant in record.variants if variant is not None)

    def surveyed(self, full: Full | None = None) -> tuple[VariantFile, Survey]:
        """The file read once: what stands in it; and the file as it has to be read to find every repeated line.

        Lines of a sorted file repeat at one position, so nothing is remembered. For a file that is not sorted one more
        pass keeps 8 bytes for each alternate.

        Args:
            full: where blocks of the file end, for those who read one by one; None for no blocks.
        """
        last = LastLine()
        cutter = None if full is None else Cutter(full, last)
        counts, first = Counter(problem.kind for problem in self.problems), list(self.problems)[:_FIRST]
        contigs: dict[str, int | None] = {}
        records = variants = 0
        for record in self.records(last):
            if cutter is not None:
                cutter.add(record)
            found = (record,) if isinstance(record, Problem) else record.problems
            counts.update(problem.kind for problem in found)
            first += found[: max(_FIRST - len(first), 0)]
            if isinstance(record, Record):
                records += 1
                variants += sum(variant is not None for variant in record.variants)
                contigs.setdefault(record.columns.chrom, None)
        checker = Checker(self.genome, map_names=self.map_names)
        contigs = {name: self.genome.chromosomes.get(checker.contig(name)[0]) for name in contigs}
        survey = Survey(
            records, variants, counts, tuple(first), contigs, self.width, is_sorted=not counts[Kind.UNSORTED]
        )
        if survey.is_sorted:
            return self, survey if cutter is None else replace(survey, blocks=cutter.finished(self.path))
        again = replace(self, repeated=self._repeated(), problems=list(self.problems))
        counts[Kind.DUPLICATE], last = 0, LastLine()
        cutter = None if full is None else Cutter(full, last)
        for record in again.records(last):
            if cutter is not None:
                cutter.add(record)
            if isinstance(record, Record):
                counts[Kind.DUPLICATE] += sum(problem.kind is Kind.DUPLICATE for problem in record.problems)
        return again, survey if cutter is None else replace(survey, blocks=cutter.finished(self.path))

    def _columns_of(self, block: Block) -> Iterator[Columns | Problem]:
        lines, checksum = 0, 0
        for line, text in islice(numbered_lines(self.path, place=block.place), block.lines):
            lines, checksum = lines + 1, crc(text, checksum)
            yield parse_columns(text, line)
        if (lines, checksum) != (block.lines, block.checksum):
            raise InputError(
                f"{self.path} lines {block.first}-{block.last}: are not what stood there when the file was first read. "
                "Leave the file alone, give every machine the same one, and start again."
            )

    def _columns(self, last: LastLine | None = None) -> Iterator[Columns | Problem]:
        began = False
        for line, text in numbered_lines(self.path, last=last):
            began = began or not text.startswith("#")
            if text.startswith("#") and not began:
                continue
            yield parse_columns(text, line)

    def _repeated(self) -> frozenset[int]:
        hashes = array("q")
        for columns in self._columns():
            if isinstance(columns, Columns):
                hashes.extend(hash(key) for key in spellings(columns))
        values, times = np.unique(np.frombuffer(hashes, dtype=np.int64), return_counts=True)
        return frozenset(values[times > 1].tolist())


def read_vcf(path: str | Path, genome: Genome, *, map_names: bool = False, window: int | None = None) -> VariantFile:
    r"""Open a VCF file, gzipped or not; nothing of it but its header is kept in memory.

    Args:
        path: the file.
        genome: that reference alleles are checked against.
        map_names: whether contigs that the genome names otherwise (chr1 against 1) are mapped.
        window: letters that a model reads: longer changes become problems.

    Raises:
        InputError: if the file cannot be read as text, or has no record at all.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> folder = TemporaryDirectory()
        >>> fasta, calls = Path(folder.name, "small.fa"), Path(folder.name, "calls.vcf")
        >>> _ = fasta.write_text(">one\nACGTACGT\n")
        >>> _ = calls.write_text("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        ...     "one\t3\t.\tG\tT,<DEL>\t.\t.\t.\none\t4\t.\tA\tC\t.\t.\t.\n")
        >>> file = read_vcf(calls, Genome.open(fasta))
        >>> [str(variant) for variant in file]
        ['one:3:G:T']
        >>> for problem in file.problems:
        ...     print(problem)
        line 1: the header declares no contigs.
        line 3 alternate 2: alternate <DEL> is symbolic or a breakend; letters are needed.
        line 4: reference allele A at one:4, but the genome has T. Is the FASTA ...?
        >>> folder.cleanup()
    """
    path = Path(path)
    header = read_header(numbered_lines(path))
    first = next((text for _, text in numbered_lines(path) if not text.startswith("#")), None)
    if first is None:
        raise InputError(f"{path}: has no record. Give a VCF file with at least one variant.")
    width = header.width if header.columns else max(header.width, first.count("\t") + 1)
    return VariantFile(
        path, genome, header, map_names, window, _header_problems(header, genome, map_names), width=width
    )


def _header_problems(header: Header, genome: Genome, map_names: bool) -> list[Problem]:
    contigs = header.contigs
    found = []
    if not header.columns:
        found.append(Problem(1, Kind.NO_HEADER, "there is no line #CHROM; columns are taken as VCF orders them."))
    if not contigs:
        found.append(Problem(1, Kind.NO_CONTIGS, "the header declares no contigs."))
    checker = Checker(genome, map_names=map_names)
    for name, (length, line) in contigs.items():
        there = genome.chromosomes.get(checker.contig(name)[0])
        if length is not None and there is not None and length != there:
            found.append(
                Problem(
                    line,
                    Kind.CONTIG_LENGTH,
                    f"contig {name} has {length:,} bp in the header, {there:,} in {genome.fasta.name}. Is the FASTA of "
                    "the version that the file was made with?",
                )
            )
    return found
