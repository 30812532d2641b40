"""Training over pairs: the loss by hand, crops of given maps, planted hairpins, corrections held by a penalty."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from palindra.data.rna import Structure, pair_batch
from palindra.models.pair_cnn import PairCNN, PairCNNConfig
from palindra.models.pair_resnet import PairResNet, PairResNetConfig
from palindra.models.stem_features import StemRows, stem_rows
from palindra.models.stem_net import StemNet, StemNetConfig
from palindra.training.pairs import PairTraining, Validated, fit_pairs, given_batch, pair_logits, pair_loss
from palindra.training.stems import StemTraining, fit_stems, pair_weights

STEM = "GCGCC"


def hairpins(number: int, family: str = "a", seed: int = 0) -> list[Structure]:
    """One stem of five pairs in a random place; all else is A."""
    rng = np.random.default_rng(seed)
    found = []
    for n in range(number):
        left, loop, right = rng.integers(1, 5, 3)
        turned = STEM[::-1].translate(str.maketrans("GC", "CG"))
        sequence = "A" * left + STEM + "A" * (loop + 2) + turned + "A" * right
        first = left + np.arange(5)
        last = left + 10 + loop + 2 - 1
        found.append(
            Structure(f"{family}{n}", sequence, [(int(i), int(last - k)) for k, i in enumerate(first)], family)
        )
    return found


def test_loss_by_hand() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 1, 4, 4, dtype=torch.float64)
    pairs = torch.zeros(2, 1, 4, 4, dtype=torch.float64)
    pairs[0, 0, 0, 3] = pairs[0, 0, 3, 0] = pairs[1, 0, 0, 1] = pairs[1, 0, 1, 0] = 1
    lengths = torch.tensor([4, 2])
    total = 0.0
    for row, length in enumerate((4, 2)):
        for i in range(length):
            for j in range(i, length):
                z = logits[row, 0, i, j].item()
                total += 5 * math.log1p(math.exp(-z)) if pairs[row, 0, i, j] else math.log1p(math.exp(z))
    assert pair_loss(logits, pairs, lengths).item() == pytest.approx(total / (10 + 3), rel=1e-12)


def test_padding_is_not_in_the_loss() -> None:
    logits, pairs = torch.randn(1, 1, 6, 6), torch.zeros(1, 1, 6, 6)
    small = pair_loss(logits[..., :4, :4], pairs[..., :4, :4])
    logits[..., 4:, :], logits[..., :, 4:] = 1e9, float("nan")
    torch.testing.assert_close(pair_loss(logits, pairs, torch.tensor([4])), small)


def test_given_maps_are_cut_where_the_sequences_are() -> None:
    structures = hairpins(3)
    tables = [np.arange(len(one) ** 2, dtype=np.float32).reshape(1, len(one), len(one)) for one in structures]
    batch = pair_batch(structures, [2, 0], crop=12, seed=3)
    found = given_batch(lambda row: tables[row], batch)
    assert found.shape == (2, 1, 12, 12)
    for at, row in enumerate((2, 0)):
        begin = int(batch.offsets[at])
        np.testing.assert_array_equal(found[at], tables[row][:, begin : begin + 12, begin : begin + 12])
    whole = given_batch(lambda row: tables[row], pair_batch(structures, [0, 1]))
    short = min(len(structures[0]), len(structures[1]))
    at = [len(structures[0]), len(structures[1])].index(short)
    assert not whole[at, 0, short:].any()


@pytest.mark.parametrize("kind", ["scnn", "cnn", "resnet", "corrected"])
def test_training_learns_planted_hairpins(kind: str) -> None:
    structures, unseen = hairpins(12), hairpins(6, seed=9)
    small = {"recurrent_width": 8, "base_width": 6, "generated": 8, "blocks": (((5, 8),), ((3, 8),))}

    def build() -> torch.nn.Module:
        if kind == "scnn":
            return PairCNN(PairCNNConfig(**small))  # type: ignore[arg-type]
        if kind == "cnn":
            return PairCNN(PairCNNConfig(**small, involution=None))  # type: ignore[arg-type]
        return PairResNet(
            PairResNetConfig(thermodynamic=int(kind == "corrected"), context=4, channels=8, dilations=(1, 2))
        )

    def given(row: int) -> np.ndarray:
        return np.full((1, len(structures[row]), len(structures[row])), 0.01, dtype=np.float32)

    maps = given if kind == "corrected" else None
    settings = PairTraining(epochs=8, batch_size=2, learning_rate=1e-2, seed=2)
    trained = fit_pairs(build, structures, settings, given=maps)
    losses = [line.loss for line in trained.log]
    assert losses[-1] < 0.7 * losses[0]
    if maps is None:
        batch = pair_batch(unseen, range(6))
        with torch.no_grad():
            chance = pair_logits(trained.model, batch).sigmoid()[:, 0]
        native = batch.pairs[:, 0] > 0
        assert chance[native].mean() > 2 * chance[~native & batch.pair_mask[:, 0]].mean()


def test_the_best_epoch_is_kept_and_runs_repeat() -> None:
    structures = hairpins(6)
    scores = iter([0.2, 0.5, 0.4] * 2)
    found = []
    for _ in range(2):
        kept: list[torch.Tensor] = []

        def validate(model: torch.nn.Module, kept: list[torch.Tensor] = kept) -> Validated:
            assert not model.training
            kept.append(next(model.parameters()).detach().clone())
            return Validated(next(scores), 0.1 * len(kept))

        trained = fit_pairs(
            lambda: PairResNet(PairResNetConfig(thermodynamic=0, context=3, channels=4, dilations=(1,))),
            structures,
            PairTraining(epochs=3, batch_size=3, crop=16),
            validate,
        )
        assert (trained.best, trained.threshold) == (1, 0.2)
        assert torch.equal(next(trained.model.parameters()), kept[1])
        found.append(kept)
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_weights_make_families_count_alike() -> None:
    structures = [*hairpins(1, "few"), *hairpins(3, "many")]
    rows = [stem_rows(one.sequence, [np.zeros((len(one),) * 2)]) for one in structures]
    rows = [
        StemRows(*(np.zeros(size, dtype=int),) * 2, np.zeros(size), np.zeros((size, 49)), 9) for size in (4, 2, 3, 5)
    ]
    weights = pair_weights(structures, rows)
    assert weights[0] == pytest.approx(sum(weights[1:]))
    assert sum(w * len(row) for w, row in zip(weights, rows, strict=True)) == pytest.approx(14)


def mistaken(structures: list[Structure]) -> list[StemRows]:
    """Thermodynamics that gives every native pair one chance in three and its neighbours as much."""
    found = []
    for one in structures:
        table = np.zeros((len(one), len(one)))
        for i, j in one.pairs:
            table[i, j] = table[j, i] = 0.3
            table[i, j - 2] = table[j - 2, i] = 0.3
        found.append(stem_rows(one.sequence, [table]))
    return found


def test_a_correction_carries_over_to_another_family_and_is_held_by_its_penalty() -> None:
    here, there = hairpins(12, "a"), hairpins(6, "b", seed=5)
    gaps, sizes = [], []
    for penalty, epochs in ((0.0, 0), (0.0, 25), (10.0, 25)):
        settings = StemTraining(epochs=epochs, penalty=penalty, batch_size=32, learning_rate=1e-2)
        net = fit_stems(StemNetConfig(), here, mistaken(here), settings)
        on_native, on_others, moved = [], [], []
        for one, rows in zip(there, mistaken(there), strict=True):
            with torch.no_grad():
                logits = net(torch.from_numpy(rows.prior), torch.from_numpy(rows.features)).numpy()
            native = one.partners[rows.first] == rows.second
            on_native.append(logits[native].mean())
            on_others.append(logits[~native].mean())
            moved.append(np.abs(logits - rows.prior).mean())
        gaps.append(np.mean(on_native) - np.mean(on_others))
        sizes.append(np.mean(moved))
    assert gaps[0] == pytest.approx(0, abs=1e-5)
    assert gaps[1] > 3
    assert sizes[0] == pytest.approx(0, abs=1e-6)
    assert sizes[2] < 0.2 < sizes[1]


def test_training_stems_repeats_and_reports_the_untrained_network() -> None:
    structures = hairpins(4)
    seen: list[tuple[int, bool]] = []

    def report(epoch: int, net: StemNet) -> None:
        seen.append((epoch, bool(net.layers[-1].weight.any())))  # type: ignore[union-attr, operator]

    nets = [
        fit_stems(StemNetConfig(), structures, mistaken(structures), StemTraining(epochs=2, seed=4), report=report)
        for _ in range(2)
    ]
    assert seen == [(0, False), (1, True), (2, True)] * 2
    assert all(torch.equal(a, b) for a, b in zip(nets[0].parameters(), nets[1].parameters(), strict=True))


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        PairTraining(batch_size=0)
    with pytest.raises(ValueError, match="the rest at least 0"):
        StemTraining(penalty=-1)
    with pytest.raises(ValueError, match="one set of energies"):
        StemNetConfig(parameters=())
