"""Variants of a VCF file scored with a model: read, scored and written chunk by chunk."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import tomli_w

from palindra.cli.provenance import versions
from palindra.cli.variants.language import is_language_model, open_language_scorer
from palindra.cli.variants.models import Declaration, chosen, open_model
from palindra.cli.variants.outputs import PROBLEMS, RECORD, TABLE, VCF, Growing, growing, packed
from palindra.cli.variants.rows import ABOUT, PROBLEM_COLUMNS, STATUS_FIELD, problem_lines, problem_row, refusal, rows
from palindra.cli.variants.scoring import SCORES, AnyScorer, Scorer
from palindra.data.files import hash_file
from palindra.data.genome import Genome
from palindra.data.variants import Kind, Problem, Record, Survey, VariantFile, read_vcf
from palindra.data.variants.blocks import Full
from palindra.data.variants.writing import end_of_file, index, require_pysam, sort
from palindra.engine import Engine
from palindra.engine.work import bar
from palindra.errors import InputError
from palindra.models.saving import write_text

Say = Callable[[str], None]
_LETTERS = 1 << 24  # in the windows of one chunk
_RECORDS = 4_096  # of one chunk at most


@dataclass(frozen=True)
class Plan:
    """What is asked of a run over a VCF file; see the options of ``palindra variants``."""

    targets: str | None = None
    shifts: tuple[int, ...] = (0,)
    both_strands: bool | None = None  # None: where the target knows the other strand
    scores: tuple[str, ...] = SCORES
    declared: Declaration = field(default_factory=Declaration)
    map_names: bool = False
    strict: bool = False
    sort: bool = False
    batch_size: int = 64


@dataclass(frozen=True)
class Done:
    """What was written.

    Args:
        records: of the VCF.
        scored: alternates with numbers.
        alternates: all of them.
        counts: how many problems of each kind.
        index: the index of the VCF, None where records are not sorted.
    """

    records: int
    scored: int
    alternates: int
    counts: Counter[Kind]
    index: Path | None


def score_file(
    model: str,
    calls: Path,
    fasta: Path,
    output: Path,
    plan: Plan,
    *,
    cache: Path | None = None,
    engine: Engine | None = None,
    progress: bool = False,
    say: Say = lambda _: None,
) -> Done:
    """Write the scored VCF, the table, the problems and the record of a run into a folder.

    Args:
        model: run folder, language model, or ``module:function``.
        calls: the VCF, gzipped or not.
        fasta: the genome.
        output: folder to write; while it is unfinished ``output.partial``, which the same command goes on with.
        plan: what is asked.
        cache: folder for the codes of the genome.
        engine: scores blocks of lines wherever its workers are; None scores in this process, one chunk at a time. What
            is written is the same.
        progress: show a bar.
        say: gets lines about what is wrong with the file.

    Raises:
        InputError: for a model, a file or options that cannot be used; with ``strict`` for every problem of the VCF.
    """
    require_pysam()
    genome = Genome.open(fasta, cache=cache)
    scorer = open_scorer(model, genome, plan)
    full = _full(scorer)
    opened = read_vcf(calls, genome, map_names=plan.map_names, window=scorer.length)
    file, survey = opened.surveyed(None if engine is None else full)
    if plan.strict and survey.counts.total():
        raise InputError(refusal(calls, survey))
    settings = _settings(scorer, calls, plan)
    with growing(output, settings) as files:
        if files.begun:
            say(f"going on after line {files.line:,} of {calls}")
        if not files.begun:
            _begin(files, file, survey, scorer)
        if engine is None:
            with bar(survey.variants if progress else None, "variants") as advance:
                _write(files, file, scorer, full, advance)
        else:
            from palindra.cli.variants.sharing import Asked, write_blocks

            asked = Asked.of(model, calls, fasta, cache, plan, settings)
            write_blocks(files, survey.blocks, asked, engine, progress=progress, say=say)
        counts = Counter(files.counts)
        found = _finish(files, genome, survey, plan)
        _write_record(files, calls, genome, settings)
    for line in problem_lines(survey):
        say(line)
    if not survey.is_sorted:
        say(
            f"note: {calls} is not sorted, so the VCF "
            + ("was sorted; the table keeps the order of the file." if plan.sort else "has no index; --sort sorts it.")
        )
    return Done(
        counts["records"],
        counts["scored"],
        counts["alternates"],
        survey.counts,
        None if found is None else output / found,
    )


def open_scorer(model: str, genome: Genome, plan: Plan) -> AnyScorer:
    """What scores variants as a plan asks.

    Raises:
        InputError: for a model or options that cannot be used.
    """
    if is_language_model(model):
        return open_language_scorer(
            model,
            genome,
            window=plan.declared.window,
            batch_size=plan.batch_size,
            unused=_unused_by_language_models(plan),
        )
    opened = open_model(model, plan.declared)
    both = opened.knows_strands if plan.both_strands is None else plan.both_strands
    targets = chosen(plan.targets, opened.names)
    scorer = Scorer(opened, genome, targets, plan.shifts, both, plan.scores, plan.batch_size)
    scorer.check()
    return scorer


def _unused_by_language_models(plan: Plan) -> list[str]:
    """Options that were given and that only models with outputs have a use for."""
    nothing, declared = Plan(), plan.declared
    given = {
        "--targets": plan.targets != nothing.targets,
        "--score": plan.scores != nothing.scores,
        "--shifts": plan.shifts != nothing.shifts,
        "--given-strand": plan.both_strands is False,
        "--activation": declared.activation != "none",
        "--outputs": declared.outputs != "invariant",
        "--output-field": declared.field is not None,
        "--kind": declared.kind is not None,
        "--bin-size": declared.bin_size is not None,
    }
    return [name for name, was_given in given.items() if was_given]


def _full(scorer: AnyScorer) -> Full:
    """When a chunk ends; which variants are read together decides the last bits of their scores."""
    return Full(max(scorer.batch_size, _LETTERS // (2 * scorer.length + 4 * scorer.margin)), _RECORDS)


def _begin(files: Growing, file: VariantFile, survey: Survey, scorer: AnyScorer) -> None:
    """Write what stands before the records."""
    header = file.header.text([STATUS_FIELD, *scorer.info.values()], survey.contigs, width=file.width)
    table = "\t".join([*ABOUT, *scorer.columns]) + "\n"
    problems = "\t".join(PROBLEM_COLUMNS) + "\n" + "".join(map(problem_row, file.problems))
    files.append(0, Counter(), packed(header, table, problems, files.folder))


def _write(files: Growing, file: VariantFile, scorer: AnyScorer, full: Full, advance: Callable[[int], None]) -> None:
    """Append a chunk at a time whatever lies behind the line that was reached before."""
    counts = Counter(files.counts)
    advance(counts["scored"])
    for chunk in _chunks(file.records(), files.line, full):
        parts, more = score_chunk(chunk, scorer, file.width, files.folder)
        counts.update(more)
        files.append(_line(chunk[-1]), counts, parts)
        advance(more["scored"])


def score_chunk(
    chunk: Sequence[Record | Problem], scorer: AnyScorer, width: int, scratch: Path
) -> tuple[dict[str, bytes], dict[str, int]]:
    """What is written of some lines, and how many records and alternates they have.

    Args:
        chunk: lines of one chunk.
        scorer: scores their variants.
        width: columns of the VCF that is written.
        scratch: a folder that can be written.
    """
    records = [record for record in chunk if isinstance(record, Record)]
    variants = [variant for record in records for variant in record.variants if variant is not None]
    info = {name: field.name for name, field in scorer.info.items()}
    vcf, table = rows(records, scorer(variants), info, width)
    problems = "".join(
        problem_row(problem)
        for record in chunk
        for problem in ((record,) if isinstance(record, Problem) else record.problems)
    )
    alternates = sum(len(record.variants) for record in records)
    counts = {"records": len(records), "scored": len(variants), "alternates": alternates}
    return packed(vcf, table, problems, scratch), counts


def _chunks(records: Iterator[Record | Problem], after: int, full: Full) -> Iterator[list[Record | Problem]]:
    """Records behind a line, some at a time; the same ones together wherever it begins, so numbers are the same."""
    chunk: list[Record | Problem] = []
    held = 0
    for record in records:
        if _line(record) <= after:
            continue
        chunk.append(record)
        held += 0 if isinstance(record, Problem) else sum(variant is not None for variant in record.variants)
        if full(held, len(chunk)):
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


def _finish(files: Growing, genome: Genome, survey: Survey, plan: Plan) -> str | None:
    """End the VCF, sort it where that is asked, and index it if it is sorted; the name of the index."""
    path = files.folder / VCF
    with path.open("ab") as file:
        file.write(end_of_file(files.folder))
    if not survey.is_sorted:
        if not plan.sort:
            return None
        order = [*genome.chromosomes, *(name for name in survey.contigs if name not in genome.chromosomes)]
        partial = path.with_name(f"sorted.{VCF}")
        sort(path, partial, order)
        partial.replace(path)
    return index(path, longest=max(genome.chromosomes.values())).name


def _settings(scorer: AnyScorer, calls: Path, plan: Plan) -> dict[str, object]:
    return scorer.settings | {
        "calls": hash_file(calls),
        "genome": scorer.genome.fingerprint,
        "activation": plan.declared.activation,
        "output_field": plan.declared.field or "",
        "map_names": plan.map_names,
        "sort": plan.sort,
    }


def _write_record(files: Growing, calls: Path, genome: Genome, settings: dict[str, object]) -> None:
    record = {
        "command": shlex.join(["palindra", *sys.argv[1:]]),
        "calls_file": calls.name,
        "genome_file": genome.fasta.name,
        "settings": settings,
        "counts": dict(files.counts or {}),
        "files": {name: hash_file(files.folder / name) for name in (VCF, TABLE, PROBLEMS)},
        "versions": versions(),
    }
    write_text(files.folder / RECORD, tomli_w.dumps(record))


def _line(record: Record | Problem) -> int:
    return record.line if isinstance(record, Problem) else record.columns.line
