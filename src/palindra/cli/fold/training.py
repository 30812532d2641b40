"""Known structures to a model that folds, with an honest score: families held out, copies counted first."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from palindra.cli.fold.folder import WEIGHTS
from palindra.cli.inputs import choose
from palindra.cli.provenance import commit, versions
from palindra.data.rna import (
    PARAMETERS,
    StructureSet,
    audit_copies,
    hold_out_family,
    pairing_probabilities,
    read_structures,
    without_copies,
)
from palindra.errors import InputError
from palindra.evaluation.pairs import decode, greedy, molecule_scores, rnafold
from palindra.evaluation.pairs.thresholds import best_threshold
from palindra.evaluation.statistics import paired_test
from palindra.models.folding import Folder, save_folder
from palindra.models.saving import write_text
from palindra.models.stem_features import StemRows, stem_rows
from palindra.models.stem_net import StemNet, StemNetConfig
from palindra.training.stems import StemTraining, fit_stems

Say = Callable[[str], object]


@dataclass(frozen=True)
class Settings:
    """What is asked on the command line."""

    held_out: str | None = None
    keep_copies: bool = True
    energies: tuple[str, ...] = ("turner2004",)
    seeds: tuple[int, ...] = (0,)
    hidden: int = 8
    penalty: float = 0.03
    epochs: int = 4


@dataclass(frozen=True)
class _Trained:
    nets: list[StemNet]
    threshold: float
    f1: float  # of validation molecules


def train_folder(path: Path, output: Path, settings: Settings, *, say: Say = lambda _: None) -> list[str]:
    """Train, score and write the run folder; the lines to show.

    Raises:
        InputError: for structures or options that cannot be used, and for a folder that exists.
    """
    for name in settings.energies:
        choose("--energies", name, PARAMETERS)
    if output.exists():
        raise InputError(f"{output}: exists already. Choose another --output folder, or remove it.")
    data = read_structures(path)
    families = data.families if settings.held_out is None else (settings.held_out,)
    if settings.held_out is None and len(families) < 2:
        raise InputError(
            f"{path}: a family is held out for the score, so two or more are needed; there are "
            f"{', '.join(families) or 'none: give a column family'}."
        )
    divided = {family: _divide(data, family, settings, say) for family in families}
    describe = _Described(settings.energies)
    lines = ["family\tmolecules\tmodel_f1\trnafold_f1\tdifference\tlow\thigh\tthreshold"]
    found: dict[str, _Trained] = {}
    for family, split in divided.items():
        found[family] = _fit(split, describe, settings)
        lines.append(_score(family, split, found[family], describe))
        say(_said(lines[-1]))
    kept, training = found[families[0]], divided[families[0]]
    if settings.held_out is None:
        training = data.with_splits(np.where(data.splits == "valid", "valid", "train"))
        nets = _nets(training, describe, settings)
        kept = _Trained(nets, float(np.median([one.threshold for one in found.values()])), float("nan"))
    rows = training.rows("train")
    facts = {
        "training": {
            "data": path.name,
            "sha256": data.sha256,
            "families": list(rows.families),
            "held_out": settings.held_out or "each in turn for the scores, none in the end",
            "molecules": len(rows),
            "longest": int(rows.lengths.max()),
        },
        "chosen": asdict(settings) | {"held_out": settings.held_out or ""},
        "held_out_scores": {line.split("\t")[0]: _said(line) for line in lines[1:]},
        "versions": versions() | {"commit": commit()},
    }
    partial = output.with_name(output.name + ".partial")
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir(parents=True)
    save_folder(Folder(kept.nets, name=output.name, threshold=kept.threshold, settings=facts), partial / WEIGHTS)
    write_text(partial / "scores.tsv", "\n".join(lines) + "\n")
    partial.replace(output)
    return [f"trained on {rows}", f"written to {output}: fold with it by palindra fold {output} SEQUENCES"]


class _Described:
    """The likely pairs of molecules by energy, computed once for each."""

    def __init__(self, energies: tuple[str, ...]) -> None:
        self.energies = energies
        self.known: dict[str, StemRows] = {}

    def __call__(self, data: StructureSet) -> list[StemRows]:
        return [self._rows(one.letters) for one in data.structures]

    def _rows(self, letters: str) -> StemRows:
        if letters not in self.known:
            maps = [pairing_probabilities(letters, parameters=name).pairs for name in self.energies]
            self.known[letters] = stem_rows(letters, maps)
        return self.known[letters]


def _divide(data: StructureSet, family: str, settings: Settings, say: Say) -> StructureSet:
    """A family for the test and the others for training; copies are counted before anything is trained."""
    tested = ((data.family_of == family) & (data.splits == "test")).any()
    split = hold_out_family(data, family, all_rows=not tested)
    say(f"{family} held out: {split}")
    say(str(audit_copies(split)))
    if settings.keep_copies:
        return split
    without = without_copies(split)
    say(f"without copies: {without}")
    return without


def _fit(split: StructureSet, describe: _Described, settings: Settings) -> _Trained:
    nets = _nets(split, describe, settings)
    valid = split.rows("valid")
    chosen = best_threshold([_map(nets, rows) for rows in describe(valid)], valid.structures, decoder=greedy)
    return _Trained(nets, chosen.threshold, chosen.f1)


def _nets(split: StructureSet, describe: _Described, settings: Settings) -> list[StemNet]:
    train = split.rows("train")
    config, rows = StemNetConfig(settings.energies, hidden=settings.hidden), describe(train)
    return [
        fit_stems(
            config,
            train.structures,
            rows,
            StemTraining(epochs=settings.epochs, penalty=settings.penalty, seed=seed),
        )
        for seed in settings.seeds
    ]


def _map(nets: Sequence[StemNet], rows: StemRows) -> NDArray[np.float32]:
    """Probabilities of the likely pairs; the others are below every threshold."""
    table = np.zeros((rows.length, rows.length), dtype=np.float32)
    if len(rows):
        with torch.no_grad():
            logits = [net(torch.from_numpy(rows.prior), torch.from_numpy(rows.features)) for net in nets]
        table[rows.first, rows.second] = torch.stack(logits).mean(0).sigmoid().numpy()
    return table + table.T


def _score(family: str, split: StructureSet, trained: _Trained, describe: _Described) -> str:
    test = split.rows("test")
    maps = [_map(trained.nets, rows) for rows in describe(test)]
    pairs = [
        decode(table, greedy, threshold=trained.threshold, canonical=one.letters)
        for table, one in zip(maps, test.structures, strict=True)
    ]
    usual = [rnafold(one.letters) for one in test.structures]
    both = zip(molecule_scores(pairs, test.structures), molecule_scores(usual, test.structures), strict=True)
    scores = np.array([(a.f1 if a else 0.0, b.f1 if b else 0.0) for a, b in both if a or b])
    if not len(scores):
        raise InputError(f"{split.source}: no test molecule of {family} has pairs, so nothing can be scored.")
    difference = paired_test(*scores.T)
    numbers = [*scores.mean(0), difference.mean, difference.low, difference.high]
    return "\t".join([family, str(len(scores)), *(f"{one:.4f}" for one in numbers), f"{trained.threshold:g}"])


def _said(line: str) -> str:
    family, molecules, model, usual, difference, low, high, threshold = line.split("\t")
    return (
        f"{family} held out ({molecules} molecules): F1 {model}, RNAfold {usual}, difference {difference} "
        f"(95 % interval {low} to {high}), threshold {threshold}"
    )
