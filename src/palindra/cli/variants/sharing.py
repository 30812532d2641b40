"""Blocks of a VCF file scored by workers, and appended in the order of the file, each once."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from palindra.cli.variants.models import Declaration
from palindra.cli.variants.outputs import FILES, UNITS, Growing
from palindra.cli.variants.running import Plan, Say, open_scorer, score_chunk
from palindra.cli.variants.scoring import AnyScorer
from palindra.data.genome import Genome
from palindra.data.variants import VariantFile, read_vcf
from palindra.data.variants.blocks import Block
from palindra.data.variants.seeking import is_seekable
from palindra.engine import Engine, Unit, WorkFailed, work
from palindra.errors import InputError
from palindra.models.saving import write_text

SCORE = "palindra.cli.variants.sharing:score_block"
FAILED = "failed.tsv"


@dataclass(frozen=True)
class Asked:
    """What a worker has to open before it can score a block, in plain values.

    Args:
        model: as it is named on the command line, folders by their absolute paths.
        calls: the VCF.
        fasta: the genome.
        cache: folder for the codes of the genome.
        plan: of the command.
        settings: what the model, the VCF and the genome were when the command began.
    """

    model: str
    calls: str
    fasta: str
    cache: str | None
    plan: Mapping[str, Any]
    settings: Mapping[str, Any]

    @classmethod
    def of(
        cls, model: str, calls: Path, fasta: Path, cache: Path | None, plan: Plan, settings: Mapping[str, Any]
    ) -> Asked:
        """The same as paths and a plan."""
        named = str(Path(model).absolute()) if Path(model).is_dir() else model
        folder = None if cache is None else str(cache.absolute())
        plain = json.loads(json.dumps(asdict(plan)))
        return cls(named, str(calls.absolute()), str(fasta.absolute()), folder, plain, settings)


class _Opened(NamedTuple):
    scorer: AnyScorer
    file: VariantFile


def write_blocks(
    files: Growing, blocks: Sequence[Block], asked: Asked, engine: Engine, *, progress: bool, say: Say
) -> None:
    """Score the blocks behind the line that was reached before, and append them in their order.

    A result is removed when it is appended, so the results on the disk are those of blocks that wait for one before
    them.

    Raises:
        InputError: at the end, with the lines of every block that failed.
    """
    if not is_seekable(asked.calls):
        say(
            f"note: {asked.calls} is one gzip stream, so each block is read from its beginning on; files packed by "
            "bgzip, or not at all, are opened where a block begins."
        )
    behind = [block for block in blocks if block.first > files.line]
    plain = asdict(asked)
    units = [Unit(SCORE, {"asked": plain, "block": block.to_dict()}, _label(asked.calls, block)) for block in behind]
    counts = Counter(files.counts)
    try:
        results = work(engine, units, files.folder / UNITS, progress=progress, say=say)
        for block, (_, result) in zip(behind, results, strict=True):
            counts.update(result.values)
            files.append(block.last, counts, {name: (result.folder / name).read_bytes() for name in FILES})
            shutil.rmtree(result.folder)
    except WorkFailed as failed:
        raise InputError(_summary(failed, files)) from failed


def score_block(folder: Path, asked: Mapping[str, Any], block: Mapping[str, Any]) -> dict[str, int]:
    """Write what is appended of one block to each file.

    Args:
        folder: to write into.
        asked: an :class:`Asked` as a mapping.
        block: a :class:`palindra.data.variants.blocks.Block` as a mapping.

    Returns:
        How many records and alternates there are, and how many are scored.

    Raises:
        InputError: if model, genome or VCF are not those that the command began with.
    """
    opened = _open(json.dumps(dict(asked), sort_keys=True))
    chunk = list(opened.file.block(Block.from_dict(block)))
    parts, counts = score_chunk(chunk, opened.scorer, opened.file.width, folder)
    for name, part in parts.items():
        (folder / name).write_bytes(part)
    return counts


@lru_cache(maxsize=1)  # a process opens model and genome once, for all blocks that it scores
def _open(text: str) -> _Opened:
    asked = Asked(**json.loads(text))
    given = dict(asked.plan)
    given["declared"] = Declaration(**given["declared"])
    plan = Plan(**{field.name: _tuple(given[field.name]) for field in fields(Plan)})
    genome = Genome.open(asked.fasta, cache=None if asked.cache is None else Path(asked.cache))
    scorer = open_scorer(asked.model, genome, plan)
    here = json.loads(json.dumps({**scorer.settings, "genome": genome.fingerprint}))
    differ = sorted(name for name, value in here.items() if asked.settings[name] != value)
    if differ:
        raise InputError(
            f"{asked.model}: {', '.join(differ)} are not what they were when the command began. Leave model and genome "
            "alone while it runs, and give every machine the same ones."
        )
    return _Opened(scorer, read_vcf(asked.calls, genome, map_names=plan.map_names, window=scorer.length))


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _label(calls: str, block: Block) -> str:
    region = f" ({block.region})" if block.region else ""
    return f"{calls} lines {block.first}-{block.last}{region}"


def _summary(failed: WorkFailed, files: Growing) -> str:
    rows = ["\t".join(["first_line", "last_line", "region", "error"])]
    for failure in failed.failures:
        block = Block.from_dict(failure.unit.arguments["block"])
        rows.append("\t".join([str(block.first), str(block.last), block.region, failure.error]))
    write_text(files.folder / FAILED, "\n".join(rows) + "\n")
    return f"{failed}\nAll of them: {files.folder / FAILED}. Run again: {shlex.join(['palindra', *sys.argv[1:]])}"
