"""Planted grammars: do attribution maps point at the planted letters, and does global importance find the rules?

    python benchmarks/planted_positions.py --seeds 0-4

Random sequences get motifs and pairs of motifs by a grammar whose every effect is known (palindra.interpretation.
planted). Networks learn its output: equivariant, standard, and standard trained on either strand at random, from the
same data, epochs and sizes, each with its best epoch on validation.

Positions: AUROC of the letters of motifs by each attribution method, and how far maps agree with those of the other
strand. Grammars: distance, orientation and cooperativity as planted against what global importance measures on the
grammar itself and on trained equivariant networks, for effects that add up and for effects that multiply.
"""

from __future__ import annotations

import argparse
import copy
import math
import shlex
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from palindra.cli import inputs
from palindra.cli.provenance import commit, versions
from palindra.data import LabelledSequences
from palindra.evaluation import holm, mean_interval, paired_test
from palindra.interpretation.attribution import (
    CORRECTED_GRADIENT,
    INPUT_TIMES_GRADIENT,
    SALIENCY,
    Attribution,
    DeepLiftShap,
    DinucleotideShuffles,
    InSilicoMutagenesis,
    IntegratedGradients,
    Method,
    SmoothGrad,
    attribute,
    on_simplex,
)
from palindra.interpretation.importance import (
    Backgrounds,
    Insert,
    cooperativity,
    distance_importance,
    orientation_importance,
    own,
)
from palindra.interpretation.importance.estimates import Estimate, estimates
from palindra.interpretation.planted import Grammar, Oracle, Planted, planted_sequences, seeded_grammar
from palindra.interpretation.reliability import recovery
from palindra.interpretation.reliability.agreement import pearson
from palindra.models import StrandResNet, StrandResNetConfig
from palindra.models.predictor import predict_batches
from palindra.sequences import decode_codes, one_hot
from palindra.symmetry import DNA_STRAND, Target
from palindra.training.fit import fit
from palindra.training.module import TrainingConfig
from palindra.training.strategies import STRATEGIES
from printed import log, public

MODELS = {"equivariant": "regular", "standard": "none", "augmented": "augment"}
KINDS = ("distance", "orientation", "cooperativity")
PLANTED_ORDERS = ("1> <2", "2> <1")  # of the orientation grammar: one molecule, read from either strand
FACTOR = 0.4  # of effects that multiply, so that a network can learn their product with a squared error
GAP, FAR = 10, 40  # letters between two motifs where cooperativity is planted, and where it is not
METHODS: dict[str, Method] = {
    "saliency": SALIENCY,
    "input x gradient": INPUT_TIMES_GRADIENT,
    "corrected gradient": CORRECTED_GRADIENT,
    "SmoothGrad": SmoothGrad(samples=20),
    "integrated gradients": IntegratedGradients(steps=20),
    "integrated, on the simplex": IntegratedGradients(steps=20, path=on_simplex),
    "DeepLIFT/SHAP": DeepLiftShap(DinucleotideShuffles(10)),
    "in-silico mutagenesis": InSilicoMutagenesis(),
}


class Trained(NamedTuple):
    network: nn.Module
    offset: float
    scale: float
    pearson: float  # on test rows


class Maps(NamedTuple):
    auroc: np.ndarray  # of each sequence
    precision: np.ndarray
    strands: np.ndarray  # correlation with the map of the other strand, of each sequence
    apart: float  # largest difference from it, relative to the largest attribution
    apart_double: float  # the same in double precision, NaN where not asked for


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0-4")
    parser.add_argument("--grammar", type=int, default=0, help="seed of the grammar")
    parser.add_argument("--output", type=Path, default=Path("runs/planted_positions"))
    parser.add_argument("--rows", type=int, default=4000, help="training sequences")
    parser.add_argument("--length", type=int, default=160)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--learning-rate", type=float, default=5e-3)
    parser.add_argument("--explained", type=int, default=60, help="test sequences that are explained")
    parser.add_argument("--backgrounds", type=int, default=100)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    given = arguments()
    torch.set_num_threads(given.threads)
    seeds = inputs.integers(given.seeds, "--seeds")
    at = commit()
    began = time.process_time()
    lines = [
        f"{given.rows} training, {given.rows // 10} validation and test sequences of {given.length} bp; StrandResNet, "
        f"{given.width} channels, {given.epochs} epochs, peak learning rate {given.learning_rate:g}, no dropout, best "
        "epoch on validation.",
        "Reduced to what one core does in a quarter of an hour: short sequences, small networks, one grammar of each.",
        "",
        *position_lines(given, seeds),
        "",
        *grammar_lines(given, seeds[0]),
    ]
    command = shlex.join(["python", "benchmarks/planted_positions.py", *map(public, sys.argv[1:])])
    lines += ["", f"Processor seconds: {time.process_time() - began:.0f}", f"Command: {command}", f"Commit: {at}"]
    print("\n".join([*lines, f"Versions: {versions()}", f"Seeds: {seeds}; grammars: {given.grammar}"]))


# ---- data and networks ---------------------------------------------------------------------------------------------


def planted_data(given: argparse.Namespace, grammar: Grammar) -> tuple[LabelledSequences, Planted]:
    """Sequences with their values, and those of the test split as they were planted."""
    held = given.rows // 10
    planted = planted_sequences(grammar, given.rows + 2 * held, given.length, seed=1000 + given.grammar)
    splits = np.repeat(["train", "valid", "test"], [given.rows, held, held]).tolist()
    data = LabelledSequences.from_arrays(
        decode_codes(planted.codes), planted.values, splits=splits, task="regression", source="planted"
    )
    return data, Planted(*(part[-held:] for part in planted))


def train(data: LabelledSequences, name: str, strategy: str, seed: int, given: argparse.Namespace) -> Trained:
    torch.manual_seed(seed)
    chosen, target = STRATEGIES[strategy], Target.invariant(1)
    config = StrandResNetConfig(
        length=data.length,
        target=target,
        hidden=chosen.hidden(given.width),
        dropout=0.0,
        stem_dropout=0.0,
        involution=chosen.position,
    )
    network = StrandResNet(config)
    done = fit(
        network,
        data,
        target=target,
        strategy=chosen,
        config=TrainingConfig(epochs=given.epochs, learning_rate=given.learning_rate, precision="float32"),
        seed=seed,
        folder=given.output / f"{name}-{strategy}-{seed}",
    )
    test = data.rows("test")
    predicted = predict_batches(network, one_hot(test.sequences))[:, 0].numpy()
    log(f"{name} {strategy} {seed}: done")
    return Trained(network.eval(), done.offset[0], done.scale[0], np.corrcoef(predicted, test.labels[:, 0])[0, 1])


# ---- positions -----------------------------------------------------------------------------------------------------


def position_lines(given: argparse.Namespace, seeds: list[int]) -> list[str]:
    grammar = seeded_grammar(given.grammar, "cooperativity")
    data, test = planted_data(given, grammar)
    chosen = np.flatnonzero(test.truth.any(1))[: given.explained]
    x, truth = one_hot(test.codes[chosen]).float(), test.truth[chosen]
    trained = {
        kind: [train(data, "cooperativity-add", name, seed, given) for seed in seeds] for kind, name in MODELS.items()
    }
    networks: dict[str, list[nn.Module]] = {kind: [one.network for one in runs] for kind, runs in trained.items()}
    torch.manual_seed(0)
    networks["untrained"] = [StrandResNet(trained["equivariant"][0].network.config).eval()]
    networks["the grammar"] = [Oracle(grammar)]
    lines = [
        f"Positions: motifs {', '.join(m.letters for m in grammar.motifs)}, effects that add up, cooperative pairs; "
        f"{len(chosen)} test sequences, {truth.mean():.0%} of letters planted",
        "  test Pearson by seed: "
        + ", ".join(f"{kind} " + " ".join(f"{one.pearson:.3f}" for one in runs) for kind, runs in trained.items()),
        "",
        "AUROC of positions: mean [95 % interval], over seeds for trained networks, over sequences for the last two",
        f"  {'':27s}" + "".join(f"{kind:>30s}" for kind in networks),
    ]
    found: dict[str, dict[str, list[Maps]]] = {}
    for name, method in METHODS.items():
        found[name] = {
            kind: [maps(network, x, truth, method, double=kind == "equivariant") for network in some]
            for kind, some in networks.items()
        }
        log(f"{name}: done")
        cells = []
        for runs in found[name].values():
            values = [run.auroc.mean() for run in runs] if len(runs) > 1 else runs[0].auroc
            cells.append("{:.3f} [{:.3f}, {:.3f}]".format(*mean_interval(values)))
        lines.append(f"  {name:27s}" + "".join(f"{cell:>30s}" for cell in cells))
    lines += ["", "The same by seed"]
    for name, kinds in found.items():
        cells = [" ".join(f"{run.auroc.mean():.3f}" for run in kinds[kind]) for kind in MODELS]
        lines.append(f"  {name:27s}" + "".join(f"{cell:>36s}" for cell in cells))
    lines += ["", "Average precision of positions, mean"]
    for name, kinds in found.items():
        cells = [f"{np.mean([run.precision for run in runs]):.3f}" for runs in kinds.values()]
        lines.append(f"  {name:27s}" + "".join(f"{cell:>30s}" for cell in cells))
    lines += [
        "",
        "Equivariant minus others, AUROC on the same sequences, paired over seeds (p of t; corrected by Holm)",
    ]
    pairs = [(name, other) for name in METHODS for other in ("standard", "augmented")]
    tests = [paired_test(*(means(found[name][kind]) for kind in ("equivariant", other))) for name, other in pairs]
    corrected = holm([test.p_t for test in tests]) if len(seeds) > 1 else [math.nan] * len(tests)
    for (name, other), test, p in zip(pairs, tests, corrected, strict=True):
        lines.append(
            f"  {f'{name}, {other}':40s}{test.mean:+.3f} [{test.low:+.3f}, {test.high:+.3f}]  p = {test.p_t:.2g}, "
            f"corrected {p:.2g}"
        )
    lines += [
        "",
        "Agreement of maps with those of the other strand: mean correlation, and for equivariant networks the largest "
        "difference relative to the largest attribution (single precision; double precision). In single precision, "
        "entries of a pool that are equal up to rounding may change places.",
        f"  {'':27s}" + "".join(f"{kind:>30s}" for kind in MODELS),
    ]
    for name, kinds in found.items():
        cells = []
        for kind in MODELS:
            runs = kinds[kind]
            apart = (
                f" ({largest(run.apart for run in runs)}; {largest(run.apart_double for run in runs)})"
                if kind == "equivariant"
                else ""
            )
            cells.append(f"{np.nanmean([run.strands for run in runs]):.4f}{apart}")
        lines.append(f"  {name:27s}" + "".join(f"{cell:>30s}" for cell in cells))
    return lines


def maps(network: nn.Module, x: Tensor, truth: np.ndarray, method: Method, *, double: bool = False) -> Maps:
    given, other = both_strands(network, x, method)
    known = recovery(given.positions.abs().numpy(), truth)
    precise = both_strands(copy.deepcopy(network).double(), x.double(), method) if double else None
    return Maps(
        known.auroc,
        known.average_precision,
        pearson(given.values.numpy(), other.numpy()),
        difference(given.values, other),
        difference(precise[0].values, precise[1]) if precise else math.nan,
    )


def both_strands(network: nn.Module, x: Tensor, method: Method) -> tuple[Attribution, Tensor]:
    """The map, and the values of that of the other strand, turned back."""
    other = attribute(network, DNA_STRAND.act(x), method=method).values
    return attribute(network, x, method=method), DNA_STRAND.act(other)


def difference(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max() / one.abs().max().clamp(min=1e-30))


def means(runs: list[Maps]) -> list[float]:
    return [float(run.auroc.mean()) for run in runs]


def largest(values: Iterable[float]) -> str:
    return f"{max(values):.0e}"


# ---- grammars ------------------------------------------------------------------------------------------------------


def grammar_lines(given: argparse.Namespace, seed: int) -> list[str]:
    letters = np.random.default_rng(7).integers(4, size=(given.backgrounds, given.length), dtype=np.uint8)
    backgrounds = own(letters)
    lines = [
        f"Global importance on {given.backgrounds} random backgrounds: I12 - I1 - I2, in units of the output [95 % "
        "interval over backgrounds]",
        "Effects that multiply have an excess on the output at every distance, planted or not, and on its logarithm "
        "only where it is planted; 'planted' is what the grammar itself gives on the same scale. Logarithms of effects "
        f"that multiply are {FACTOR:g} of those that add; networks learn the output and not its logarithm.",
    ]
    for multiplicative in (False, True):
        for kind in KINDS:
            grammar = seeded_grammar(given.grammar, kind, multiplicative=multiplicative)
            grammar = scaled(grammar, FACTOR) if multiplicative else grammar
            scale = "multiply" if multiplicative else "add"
            data, _ = planted_data(given, grammar)
            one = train(data, f"{kind}-{scale}", "regular", seed, given)
            readers: dict[str, Callable[[Tensor], Tensor] | nn.Module] = {"the grammar": Oracle(grammar)}
            if multiplicative:
                readers["its logarithm"] = Oracle(grammar, logarithm=True)
            readers[f"network (test r {one.pearson:.3f})"] = in_units(one)
            if multiplicative:
                readers["its logarithm "] = logarithm(one, float(data.rows("train").labels.min()))
            lines += ["", f"{kind}, effects that {scale}: {rule_in_words(grammar, kind)}"]
            lines += [f"  {name:26s}{text}" for name, text in measured(kind, grammar, readers, backgrounds)]
            log(f"{kind} {scale}: done")
    return lines


def scaled(grammar: Grammar, factor: float) -> Grammar:
    """The same grammar with smaller effects."""
    motifs = tuple(replace(motif, effect=factor * motif.effect) for motif in grammar.motifs)
    rules = tuple(replace(rule, weights=tuple(factor * w for w in rule.weights)) for rule in grammar.rules)
    return replace(grammar, motifs=motifs, rules=rules)


def in_units(one: Trained) -> Callable[[Tensor], Tensor]:
    return lambda x: one.network(x)[:, 0] * one.scale + one.offset


def logarithm(one: Trained, smallest: float) -> Callable[[Tensor], Tensor]:
    """Outputs below the smallest training value, which a network of a value may give, count as that value."""
    return lambda x: in_units(one)(x).clamp(min=smallest).log()


def rule_in_words(grammar: Grammar, kind: str) -> str:
    weight = max(grammar.rules[0].weights)
    return {
        "distance": f"gaps of 4 to 12, most ({weight:.2f}) at 8, either side",
        "orientation": f"{' = '.join(PLANTED_ORDERS)} only ({weight:.2f})",
        "cooperativity": f"all gaps up to 30 ({weight:.2f}), none at {FAR}",
    }[kind]


def measured(
    kind: str,
    grammar: Grammar,
    readers: dict[str, Callable[[Tensor], Tensor] | nn.Module],
    backgrounds: Backgrounds,
) -> list[tuple[str, str]]:
    first, second = (motif.letters for motif in grammar.motifs)
    run = {"distance": distance, "orientation": orientation, "cooperativity": together}[kind]
    found: list[tuple[str, str]] = []
    planted: dict[bool, np.ndarray] = {}  # on the logarithm or not
    for name, reader in readers.items():
        on_logarithm = "logarithm" in name
        values, text = run(reader, backgrounds, first, second)
        truth = planted.setdefault(on_logarithm, values)
        r = f"; r with planted {np.corrcoef(values, truth)[0, 1]:.3f}" if truth is not values else ""
        found.append((name, text + r))
    return found


def distance(
    reader: Callable[[Tensor], Tensor], backgrounds: Backgrounds, first: str, second: str
) -> tuple[np.ndarray, str]:
    curve = distance_importance(reader, backgrounds, first, second, largest=24)
    excess = curve.found.excess
    best = {
        side: int(np.flatnonzero(curve.after == behind)[excess.mean[curve.after == behind, 0].argmax()])
        for side, behind in (("before", False), ("behind", True))
    }
    rows = excess.estimates()
    cells = [f"best gap {side} {curve.gaps[row]} {cell(rows[row])}" for side, row in best.items()]
    far = excess.chosen(np.flatnonzero(curve.gaps > 14).tolist()).values.mean(0)[:, 0]
    return excess.mean[:, 0], "; ".join([*cells, f"gaps 15-24 {cell(estimates(['far'], far[None])[0])}"])


def orientation(
    reader: Callable[[Tensor], Tensor], backgrounds: Backgrounds, first: str, second: str
) -> tuple[np.ndarray, str]:
    excess = orientation_importance(reader, backgrounds, first, second, gap=GAP).excess
    rows = sorted(excess.estimates(), key=lambda row: -row.mean)
    right = {row.name for row in rows[:2]} == set(PLANTED_ORDERS)
    text = ", ".join(f"{row.name} {cell(row)}" for row in rows[:3])
    return excess.mean[:, 0], f"{'found' if right else 'NOT found'}: {text}"


def together(
    reader: Callable[[Tensor], Tensor], backgrounds: Backgrounds, first: str, second: str
) -> tuple[np.ndarray, str]:
    start = backgrounds.length // 2 - (len(first) + GAP + len(second)) // 2
    gaps = (2, GAP, 20, FAR)
    constructs = [[Insert(first, start), Insert(second, start + len(first) + gap)] for gap in gaps]
    excess = cooperativity(reader, backgrounds, constructs).excess
    return excess.mean[:, 0], ", ".join(
        f"gap {gap} {cell(row)}" for gap, row in zip(gaps, excess.estimates(), strict=True)
    )


# ---- words ---------------------------------------------------------------------------------------------------------


def cell(one: Estimate) -> str:
    same = math.isclose(one.low, one.high, abs_tol=0.005)
    return f"{one.mean:+.2f}" if same else f"{one.mean:+.2f} [{one.low:+.2f}, {one.high:+.2f}]"


if __name__ == "__main__":
    main()
