"""What symmetry means for sequences: palindromes, and tasks that need the strand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from palindra.nn import (
    Activation,
    AttentionPool1d,
    BatchNorm,
    Conv1d,
    Dropout,
    GlobalAvgPool,
    GlobalMaxPool,
    MagnitudePool1d,
    Sequential,
    StrandMean,
    VectorHead,
    count_parameters,
)
from palindra.symmetry import DNA_STRAND, Position, Rep, Target

MIXED = Rep(regular=3, even=2, odd=4)


def one_hot(text: str) -> Tensor:
    return torch.eye(5, dtype=torch.float64)[["ACGTN".index(letter) for letter in text], :4].T[None]


@pytest.mark.parametrize("text", ["ACCGNTTAANCGGT", "GAATTC", "NNTGCANN"])
def test_features_of_self_complementary_sequences(text):
    x = one_hot(text)
    assert torch.equal(DNA_STRAND.act(x), x)
    layers = [Conv1d(Rep(regular=2), MIXED, 4, padding=1), Activation(MIXED), Conv1d(MIXED, MIXED, 3, padding=1)]
    y = Sequential(*layers).double()(x)[0]
    assert y.shape[-1] % 2 == 1
    pairs, even, odd = y[:6], y[6:8], y[8:]
    close = {"rtol": 0, "atol": 1e-14}
    torch.testing.assert_close(pairs[:3], pairs[3:].flip(0, 1), **close)
    torch.testing.assert_close(even, even.flip(-1), **close)
    torch.testing.assert_close(odd, -odd.flip(-1), **close)
    torch.testing.assert_close(odd[:, y.shape[-1] // 2], torch.zeros(4, dtype=torch.float64), **close)
    assert odd.abs().max() > 0.01


def test_rounding_does_not_choose_between_entries_of_opposite_sign():
    pool = MagnitudePool1d(Rep(odd=1), 3)
    windows = torch.tensor([[1.0, 0.2, -1.0], [1.0 + 1e-7, 0.2, -1.0], [1.0, 0.2, -1.0 - 1e-7]], dtype=torch.float64)
    pooled = pool(windows[:, None])
    assert pooled[0] == 0
    assert pooled.abs().max() < 1e-6
    torch.testing.assert_close(pool(-windows[:, None].flip(-1)), -pooled)
    # Elsewhere it is the entry of largest magnitude, and nothing jumps on the way there.
    assert pool(torch.tensor([[[0.5, -0.75, 0.1, 3.0, 2.0, 2.5, -1.0, -3.0, -2.0]]])).flatten().tolist() == [
        -0.75,
        3,
        -3,
    ]
    way = torch.linspace(-2, 2, 4001, dtype=torch.float64)
    line = pool(torch.stack([way, torch.full_like(way, -1.0), torch.zeros_like(way)], -1)[:, None]).flatten()
    assert line.diff().abs().max() < 0.01


def planted(motif: str, rows: int) -> tuple[Tensor, Tensor]:
    """Random sequences with a motif on the given strand (1) or on the other one (0), the same rows read both ways."""
    generator = torch.Generator().manual_seed(0)
    x = torch.eye(4, dtype=torch.float64)[torch.randint(4, (rows, 40), generator=generator)].mT.contiguous()
    starts = torch.randint(33, (rows,), generator=generator)
    for row, start in enumerate(starts.tolist()):
        x[row, :, start : start + len(motif)] = one_hot(motif)[0]
    return torch.cat([x, DNA_STRAND.act(x)]), torch.cat([torch.ones(rows), torch.zeros(rows)]).double()


def accuracy_of(target: Target, x: Tensor, y: Tensor) -> float:
    """Logistic regression on the best match of the motif on either strand, by the head of that target."""
    scan = Conv1d(Rep(regular=2), Rep(regular=1), 7, bias=False).double()
    scan.weight = torch.cat([one_hot("TATAAGC"), one_hot("GCTTATA")])
    model = nn.Sequential(scan, GlobalMaxPool(Rep(regular=1)), VectorHead(Rep(regular=1), target, 1)).double()
    optimiser = torch.optim.LBFGS(model[2].parameters(), max_iter=50)

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = nn.functional.binary_cross_entropy_with_logits(model(x)[:, 0], y)
        value.backward()
        return value

    optimiser.step(loss)
    return float(((model(x)[:, 0] > 0) == (y > 0.5)).double().mean())


def test_an_invariant_model_fails_a_strand_specific_task_that_a_strand_aware_one_solves():
    x, y = planted("TATAAGC", 200)
    assert accuracy_of(Target.invariant(1), x, y) == 0.5  # each pair of rows gets one answer
    assert accuracy_of(Target.strand_specific(), x, y) > 0.95


def test_an_odd_output_solves_it_without_a_bias():
    model = VectorHead(Rep(regular=1), Target(Rep(odd=1)), 1)
    assert count_parameters(model) == 1
    matches = torch.tensor([[7.0, 3.0], [3.0, 7.0]])
    with torch.no_grad():
        assert model(matches)[0] == -model(matches)[1] != 0


def test_strand_mean_of_any_model_obeys_the_target():
    torch.manual_seed(0)
    x = torch.randn(5, 4, 12)
    plain = nn.Sequential(nn.Conv1d(4, 4, 3), nn.AdaptiveAvgPool1d(1), nn.Flatten())
    for target in (Target.invariant(4), Target.paired([1, 0, 2, 3]), Target(Rep(regular=1, odd=2))):
        model = StrandMean(plain, target)
        torch.testing.assert_close(model(DNA_STRAND.act(x)), target.act(model(x)))
        torch.testing.assert_close(model(x), (plain(x) + target.act(plain(DNA_STRAND.act(x)))) / 2)


def test_masks_leave_padding_out():
    rep, lengths = Rep(regular=1, even=1), [5, 8, 3]
    x = torch.randn(3, 3, 8)
    mask = torch.stack([torch.arange(8) < length for length in lengths]).unsqueeze(1).float()
    for pool, plain in ((GlobalAvgPool(rep), Tensor.mean), (GlobalMaxPool(rep), Tensor.amax)):
        expected = torch.stack([plain(row[:, :length], -1) for row, length in zip(x, lengths, strict=True)])
        torch.testing.assert_close(pool(x, mask), expected)


def test_attention_starts_as_a_mean_at_temperature_zero():
    x = torch.randn(2, MIXED.channels, 6)
    torch.testing.assert_close(AttentionPool1d(MIXED, temperature=0.0)(x), x.mean(-1))


@pytest.mark.parametrize("channels", [False, True])
def test_dropout_drops_the_declared_share_and_keeps_the_mean(channels):
    torch.manual_seed(0)
    layer = Dropout(MIXED, 0.3, channels=channels)
    y = layer(torch.ones(400, MIXED.channels, 50 if not channels else 1).expand(-1, -1, 50))
    assert (y == 0).float().mean() == pytest.approx(0.3, abs=0.02)
    assert y.unique().tolist() == pytest.approx([0, 1 / 0.7])
    per_channel = (y == 0).float().mean((0, 2))
    assert per_channel.min() > 0.2 < per_channel.max() < 0.4
    if channels:
        assert torch.equal(y[..., 0], y[..., 49])
    assert torch.equal(layer.eval()(y), y)


def test_parameters_are_counted_once_per_orbit():
    assert count_parameters(Conv1d(Rep(regular=2), Rep(regular=8), 15)) == 16 * 4 * 15 // 2 + 8
    assert count_parameters(BatchNorm(Rep(regular=3, even=2, odd=4))) == (3 + 2 + 4) + (3 + 2)


def test_positions_without_symmetry_are_left_alone():
    x = torch.randn(2, 3, 5)
    assert torch.equal(Position.IDENTITY.act(x), x)
