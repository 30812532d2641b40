"""What is probed, from the words of the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from palindra.cli.inputs import choose, integers
from palindra.errors import InputError

READOUTS = ("linear", "mlp", "cnn")
SUMMARIES = ("mean", "max", "cls")
STRANDS = ("as is", "averaged", "concatenated")
TOO_LONG = ("refuse", "tile")
COUNTS = ("nucleotides", "dinucleotides")
ALL_LAYERS = "all"
VARIANTS = ("variants", "satmut")  # kinds of tables of variants
MAPS = 50  # sequences, those with the highest predictions: every position of each is hidden once


@dataclass(frozen=True)
class Plan:
    """Everything that decides the numbers of a probing."""

    sources: tuple[str, ...]
    tasks: tuple[tuple[str, str], ...]  # kind and path
    readouts: tuple[str, ...]
    summaries: tuple[str, ...]
    strands: tuple[str, ...]
    layers: str | tuple[int, ...] | None  # "all", some, or the source's own alone
    seeds: tuple[int, ...]
    fractions: tuple[float, ...]
    controls: bool
    attribution: bool
    maps: int  # sequences of each task that get maps
    aligned: tuple[tuple[str, str], ...]  # source and kind of task
    variants_by: tuple[tuple[tuple[str, str], tuple[str, str]], ...]  # a table of variants and the task that scores it
    rows: int | None
    too_long: str
    trust_remote_code: bool
    epochs: int | None
    batch_size: int

    def settings(self) -> dict[str, str]:
        """What must not change between the attempts at one run; the speed may."""
        served = ", ".join(f"{_short(table)} by {_short(task)}" for table, task in self.variants_by)
        return {
            "sources": ", ".join(self.sources),
            "tasks": ", ".join(map(_short, self.tasks)),
            "readouts": ", ".join(self.readouts),
            "summaries": ", ".join(self.summaries),
            "strands": ", ".join(self.strands),
            "layers": str(self.layers),
            "seeds": ", ".join(map(str, self.seeds)),
            "fractions": ", ".join(f"{fraction:g}" for fraction in self.fractions),
            "controls": str(self.controls),
            "attribution": str(self.attribution),
            "aligned": ", ".join("=".join(pair) for pair in self.aligned),
            "rows": str(self.rows),
            "variants by": served,
            "maps": str(self.maps if self.attribution else 0),
            "too long": self.too_long,
            "epochs": str(self.epochs),
        }


def make_plan(
    *,
    sources: Sequence[str],
    tasks: Sequence[str],
    readouts: str,
    summaries: str,
    strands: str,
    layers: str | None,
    seeds: str,
    fractions: str,
    controls: bool,
    attribution: bool,
    maps: int = MAPS,
    aligned: Sequence[str],
    variants_by: Sequence[str] = (),
    rows: int | None,
    too_long: str,
    trust_remote_code: bool,
    epochs: int | None,
    batch_size: int,
) -> Plan:
    """Check the words of the command line before anything is read.

    Raises:
        InputError: for words that are not known, and options that do not fit each other.
    """
    from palindra.probing.tasks import TASKS

    chosen = list(dict.fromkeys(name.strip() for text in sources for name in text.split(",")))
    if controls:
        random = [name.replace("hf:", "hf-random:", 1) for name in chosen if name.startswith("hf:")]
        chosen = list(dict.fromkeys([*chosen, *COUNTS, *random]))
    pairs = [_pair(text, "--tasks", "KIND=PATH, e.g. tf=peaks.tsv") for text in tasks]
    for kind, _ in pairs:
        choose("--tasks", kind, TASKS)
    fits = [_pair(text, "--aligned", "SOURCE=KIND, e.g. palindra:runs/ctcf=tf") for text in aligned]
    for source, kind in fits:
        if source not in chosen or kind not in [known for known, _ in pairs]:
            raise InputError(f"--aligned {source}={kind}: name one of the sources and the kind of one of the tasks.")
    found = Plan(
        sources=tuple(chosen),
        tasks=tuple(dict.fromkeys(pairs)),
        readouts=_names(readouts, "--readouts", READOUTS),
        summaries=_names(summaries, "--summaries", SUMMARIES),
        strands=_names(strands, "--strands", STRANDS),
        layers=_layers(layers),
        seeds=tuple(integers(seeds, "--seeds")),
        fractions=_fractions(fractions),
        controls=controls,
        attribution=attribution,
        maps=maps,
        aligned=tuple(fits),
        variants_by=_served(variants_by, list(dict.fromkeys(pairs))),
        rows=rows,
        too_long=choose("--too-long", too_long, TOO_LONG),
        trust_remote_code=trust_remote_code,
        epochs=epochs,
        batch_size=batch_size,
    )
    if attribution and "cnn" not in found.readouts:
        raise InputError("--attribution compares maps with those of the one-hot CNN: add cnn to --readouts.")
    return found


def _served(words: Sequence[str], tasks: Sequence[tuple[str, str]]) -> tuple[Any, ...]:
    """Each table of variants with the task whose readouts score it."""
    tables = [pair for pair in tasks if pair[0] in VARIANTS]
    trained = [pair for pair in tasks if pair[0] not in VARIANTS]
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for text in words:
        first, second = _pair(text, "--variants-by", "TABLE=TASK, e.g. satmut=lenti-mpra")
        table = _named(first, tables, text, "a table of variants")
        if table in found:
            raise InputError(f"--variants-by {text}: {first} is named twice, and one task scores it.")
        found[table] = _named(second, trained, text, "a task with labels")
    return tuple(found.items())


def _named(name: str, tasks: Sequence[tuple[str, str]], text: str, what: str) -> tuple[str, str]:
    """The task of that kind or path."""
    fits = [pair for pair in tasks if name in pair]
    if len(fits) == 1:
        return fits[0]
    given = ", ".join("=".join(pair) for pair in tasks) or "none is given"
    why = f"several --tasks are {name!r}; name the path of one" if fits else f"no --tasks is {name!r}"
    raise InputError(f"--variants-by {text}: {why}. {what[0].upper()}{what[1:]} is needed here: {given}.")


def _short(task: tuple[str, str]) -> str:
    return f"{task[0]}={Path(task[1]).name}"


def _names(text: str, option: str, known: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(choose(option, name.strip(), known) for name in text.split(",")))


def _pair(text: str, option: str, form: str) -> tuple[str, str]:
    first, equals, second = text.partition("=")
    if not equals or not first.strip() or not second.strip():
        raise InputError(f"{option} {text}: write {form}.")
    return first.strip(), second.strip()


def _layers(text: str | None) -> str | tuple[int, ...] | None:
    if text is None or text == ALL_LAYERS:
        return text
    return tuple(integers(text, "--layers"))


def _fractions(text: str) -> tuple[float, ...]:
    try:
        found = sorted({float(term) for term in text.split(",")})
    except ValueError:
        found = [0.0]
    if not all(0 < value <= 1 for value in found):
        raise InputError(f"--fractions {text}: write shares of the training rows with commas, e.g. 0.1,0.5,1.")
    return tuple(dict.fromkeys([*found, 1.0]))
