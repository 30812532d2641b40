"""Losses of tracks against independent float64 formulas, and the laws that they share."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import gammaln
from torch import Tensor

from palindra.errors import InputError
from palindra.symmetry import Position, Target
from palindra.training.track_losses import (
    LOSSES,
    Reads,
    Truth,
    bpnet_loss,
    multinomial_mse,
    multinomial_nll,
    pearson_loss,
    pearson_mse,
    poisson_nll,
)

NAN = float("nan")
BATCH, TRACKS, BINS = 5, 3, 7
NAMES = list(LOSSES)
PAIR_AND_ONE = Target.paired([1, 0, 2], Position.REVERSE)


def example(name: str, *, missing: bool = True, seed: int = 0):
    """A prediction of the kind that the loss reads, and truth of the kind that it needs; float64."""
    random = torch.Generator().manual_seed(seed)
    truth = torch.poisson(torch.full((BATCH, TRACKS, BINS), 3.0, dtype=torch.float64), generator=random)
    truth += torch.rand(truth.shape, generator=random, dtype=torch.float64) / 2  # coverage need not be whole
    if LOSSES[name].truth is Truth.LABELS:
        truth = (truth > 3).double()
    if missing:
        truth[torch.rand(truth.shape, generator=random) < 0.2] = NAN
        truth[1, 2] = NAN
    values = torch.randn(truth.shape, generator=random, dtype=torch.float64)
    if LOSSES[name].reads is Reads.RATES:
        values = torch.nn.functional.softplus(values)
    if LOSSES[name].reads is Reads.PROFILE_AND_COUNTS:
        return (values, torch.randn(BATCH, TRACKS, generator=random, dtype=torch.float64)), truth
    return values, truth


# ---- independent formulas, one position or track at a time ---------------------------------------------------------


def known_pairs(p, y):
    return [(a, b) for a, b in zip(p.ravel(), y.ravel(), strict=True) if not math.isnan(b)]


def reference_poisson(p, y):
    return np.mean([a - b * math.log(a + 1e-7) for a, b in known_pairs(p, y)])


def reference_mse(p, y):
    return np.mean([(b - a) ** 2 for a, b in known_pairs(p, y)])


def reference_pearson(p, y):
    return -np.mean([stats.pearsonr(*zip(*known_pairs(p[:, c], y[:, c]), strict=True))[0] for c in range(TRACKS)])


def reference_r2(p, y):
    def r2(pairs):
        a, b = np.array(pairs).T
        return 1 - ((a - b) ** 2).sum() / ((b - b.mean()) ** 2).sum()

    return -np.mean([r2(known_pairs(p[:, c], y[:, c])) for c in range(TRACKS)])


def reference_multinomial(p, y):
    total = 0.0
    for b in range(BATCH):
        for c in range(TRACKS):
            keep = ~np.isnan(y[b, c])
            logits, counts = p[b, c, keep], y[b, c, keep]
            share = np.exp(logits) / np.exp(logits).sum()
            total -= gammaln(counts.sum() + 1) - gammaln(counts + 1).sum() + (counts * np.log(share)).sum()
    return total / BATCH


def reference_bpnet(pair, y):
    profile, log_counts = pair
    errors = [
        (math.log(1 + np.nansum(y[b, c])) - log_counts[b, c]) ** 2
        for b in range(BATCH)
        for c in range(TRACKS)
        if not np.isnan(y[b, c]).all()
    ]
    return reference_multinomial(profile, y) + np.mean(errors)


def reference_bce(p, y):
    return np.mean([-math.log(1 / (1 + math.exp(-a if b else a))) for a, b in known_pairs(p, y)])


REFERENCES = {
    "poisson": reference_poisson,
    "mse": reference_mse,
    "pearson": reference_pearson,
    "pearson-mse": lambda p, y: reference_pearson(p, y) + 1e-3 * reference_mse(p, y),
    "r2": reference_r2,
    "multinomial": reference_multinomial,
    "multinomial-mse": lambda p, y: 1e-7 * reference_multinomial(p, y) + reference_mse(p, y),
    "bpnet": reference_bpnet,
    "bce": reference_bce,
}


def numpy(prediction):
    return tuple(part.numpy() for part in prediction) if isinstance(prediction, tuple) else prediction.numpy()


def cast(prediction, dtype):
    return tuple(part.to(dtype) for part in prediction) if isinstance(prediction, tuple) else prediction.to(dtype)


def test_every_loss_has_a_reference():
    assert set(REFERENCES) == set(LOSSES)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_the_formula(name: str, missing: bool):
    prediction, truth = example(name, missing=missing)
    assert LOSSES[name](prediction, truth).item() == pytest.approx(
        REFERENCES[name](numpy(prediction), truth.numpy()), rel=1e-11
    )


def test_multinomial_is_the_log_probability_of_scipy():
    logits, counts = torch.randn(4, 2, 6, dtype=torch.float64), torch.randint(0, 9, (4, 2, 6))
    share = logits.softmax(2).numpy()
    expected = -stats.multinomial.logpmf(counts.numpy(), counts.sum(2).numpy(), share).sum() / 4
    assert multinomial_nll(logits, counts.double()).item() == pytest.approx(expected, rel=1e-10)


def test_pearson_is_the_published_sum_over_the_whole_batch():
    p, y = example("pearson", missing=False)
    n, axes = BATCH * BINS, (0, 2)
    sum_p, sum_y = p.sum(axes), y.sum(axes)
    covariance = (p * y).sum(axes) - y.mean(axes) * sum_p - p.mean(axes) * sum_y + n * y.mean(axes) * p.mean(axes)
    spread = ((y**2).sum(axes) - n * y.mean(axes) ** 2).sqrt() * ((p**2).sum(axes) - n * p.mean(axes) ** 2).sqrt()
    torch.testing.assert_close(pearson_loss(p, y), -(covariance / spread).mean())


def test_values_known_by_hand():
    one = torch.ones(1, 1, 2)
    assert poisson_nll(2 * one, 3 * one).item() == pytest.approx(2 - 3 * math.log(2), abs=1e-6)
    assert LOSSES["mse"](2 * one, torch.tensor([[[3.0, NAN]]])).item() == 1
    assert LOSSES["bce"](0 * one, one).item() == pytest.approx(math.log(2))
    counts = torch.tensor([[[2.0, 1.0]]])  # three ways, each of probability 1/8
    assert multinomial_nll(0 * one, counts).item() == pytest.approx(-math.log(3 / 8), rel=1e-6)
    exact = bpnet_loss((0 * one, torch.log1p(counts.sum(2))), counts)
    assert exact.item() == pytest.approx(-math.log(3 / 8), rel=1e-6)


def test_poisson_is_least_for_the_truth_itself():
    truth = torch.tensor([[[0.5, 3.0, 20.0]]], dtype=torch.float64)
    least = poisson_nll(truth, truth)
    assert all(poisson_nll(truth * factor, truth) > least for factor in (0.5, 0.9, 1.1, 2.0))


def test_the_options_weigh_the_parts():
    p, y = example("pearson-mse")
    torch.testing.assert_close(pearson_mse(p, y, mse_weight=0.0), pearson_loss(p, y))
    torch.testing.assert_close(multinomial_mse(p, y, profile_weight=0.0), LOSSES["mse"](p, y))
    pair, y = example("bpnet")
    torch.testing.assert_close(bpnet_loss(pair, y, counts_weight=0.0), multinomial_nll(pair[0], y))


# ---- laws ----------------------------------------------------------------------------------------------------------


def other_strand(prediction):
    if isinstance(prediction, tuple):
        swapped = Target.paired([1, 0, 2]).act(prediction[1])  # totals have no position
        return PAIR_AND_ONE.act(prediction[0]), swapped
    return PAIR_AND_ONE.act(prediction)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_the_loss_is_the_same_on_the_other_strand(name: str, dtype: torch.dtype):
    prediction, truth = example(name)
    prediction = cast(prediction, dtype)
    mirrored = LOSSES[name](other_strand(prediction), PAIR_AND_ONE.act(truth))
    torch.testing.assert_close(mirrored, LOSSES[name](prediction, truth), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in NAMES if LOSSES[name].reads is not Reads.PROFILE_AND_COUNTS])
def test_reading_only_the_prediction_from_the_other_strand_is_noticed(name: str):
    prediction, truth = example(name)
    assert not torch.allclose(LOSSES[name](other_strand(prediction), truth), LOSSES[name](prediction, truth))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_lower_precision_gives_float32_close_to_float64(name: str, dtype: torch.dtype):
    prediction, truth = example(name)
    given = cast(prediction, dtype)
    loss = LOSSES[name](given, truth.float())
    assert loss.dtype is torch.float32
    exact = LOSSES[name](cast(given, torch.float64), truth)  # of the very same rounded prediction
    torch.testing.assert_close(loss.double(), exact, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_predicted_where_truth_is_missing_changes_nothing(name: str):
    prediction, truth = example(name)
    gap = truth.isnan()

    def shifted(values: Tensor, by: float) -> Tensor:
        return torch.where(gap, values + by, values)

    pair = isinstance(prediction, tuple)
    changed = (shifted(prediction[0], 9.0), prediction[1]) if pair else shifted(prediction, 9.0)
    torch.testing.assert_close(LOSSES[name](changed, truth), LOSSES[name](prediction, truth))


@pytest.mark.parametrize("name", NAMES)
def test_missing_truth_sends_no_gradient_and_known_truth_does(name: str):
    prediction, truth = example(name)
    parts = [part.requires_grad_() for part in (prediction if isinstance(prediction, tuple) else (prediction,))]
    LOSSES[name](prediction, truth).backward()
    assert all(part.grad is not None and part.grad.isfinite().all() for part in parts)
    assert (parts[0].grad[truth.isnan()] == 0).all()
    assert (parts[0].grad[~truth.isnan()] != 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_without_any_truth_has_a_loss_of_zero(name: str):
    prediction, truth = example(name)
    parts = [part.requires_grad_() for part in (prediction if isinstance(prediction, tuple) else (prediction,))]
    loss = LOSSES[name](prediction, torch.full_like(truth, NAN))
    loss.backward()
    assert loss.item() == 0
    assert all((part.grad == 0).all() for part in parts)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_finite_differences(name: str):
    prediction, truth = example(name)
    parts = [part.requires_grad_() for part in (prediction if isinstance(prediction, tuple) else (prediction,))]
    assert torch.autograd.gradcheck(lambda *p: LOSSES[name](p if len(p) > 1 else p[0], truth), parts)


def test_a_constant_track_counts_as_no_correlation_and_sends_no_gradient():
    p, y = example("pearson", missing=False)
    p[:, 0] = 0.1
    y[:, 1] = 7.0
    p.requires_grad_()
    loss = pearson_loss(p, y)
    loss.backward()
    expected = -stats.pearsonr(p[:, 2].detach().ravel(), y[:, 2].ravel())[0] / 3
    assert loss.item() == pytest.approx(expected)
    assert p.grad is not None
    assert (p.grad[:, :2] == 0).all()


def test_a_track_that_is_wholly_missing_is_left_out_of_the_mean():
    p, y = example("pearson", missing=False)
    y[:, 0] = NAN
    torch.testing.assert_close(pearson_loss(p, y), pearson_loss(p[:, 1:], y[:, 1:]))


def test_pearson_of_a_large_level_survives_float32():
    torch.manual_seed(0)
    p = torch.randn(64, 1, 128) + 1e3
    y = p + torch.randn(64, 1, 128)
    assert pearson_loss(p, y).item() == pytest.approx(pearson_loss(p.double(), y.double()).item(), abs=1e-4)


def test_large_counts_and_logits_stay_finite():
    counts = torch.full((1, 1, 2048), 1e4)
    near_even = multinomial_nll(0.01 * torch.randn(1, 1, 2048), counts).item()
    assert 0 < near_even < 1e5
    assert multinomial_nll(torch.tensor([[[1e4, -1e4]]]), torch.tensor([[[1.0, 1.0]]])).isfinite()
    assert LOSSES["bce"](torch.tensor([[[300.0]]]), torch.zeros(1, 1, 1)).item() == 300
    assert poisson_nll(torch.zeros(1, 1, 1, dtype=torch.bfloat16), torch.ones(1, 1, 1)).isfinite()


def test_labels_may_be_one_per_window():
    assert LOSSES["bce"](torch.zeros(2, 3), torch.ones(2, 3)).item() == pytest.approx(math.log(2))


# ---- fitting model, data and loss together -------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_fitting_pair_passes_the_check(name: str):
    LOSSES[name].check(*example(name))


@pytest.mark.parametrize(
    ("name", "prediction", "truth", "says"),
    [
        ("bpnet", torch.zeros(1, 1, 2), torch.zeros(1, 1, 2), "'bpnet' reads profile logits and log counts"),
        ("mse", (torch.zeros(1, 1, 2), torch.zeros(1, 1)), torch.zeros(1, 1, 2), "several tensors"),
        ("mse", torch.zeros(1, 1, 2), torch.zeros(1, 1, 3), r"\(1, 1, 2\) and the truth is \(1, 1, 3\)"),
        ("bpnet", (torch.zeros(1, 1, 2), torch.zeros(1, 2)), torch.zeros(1, 1, 2), r"\(1, 1, 2\), \(1, 2\)"),
        ("poisson", torch.tensor([[[-2.0]]]), torch.ones(1, 1, 1), "puts out -2: end the model in a softplus"),
        ("poisson", torch.ones(1, 1, 1), torch.tensor([[[-3.0]]]), "run from -3 to"),
        ("multinomial", torch.ones(1, 1, 1), torch.tensor([[[-3.0]]]), "numbers from 0 up"),
        ("bce", torch.zeros(1, 1, 1), torch.tensor([[[2.0]]]), "labels between 0 and 1"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_reason(name: str, prediction, truth: Tensor, says: str):
    with pytest.raises(InputError, match=says):
        LOSSES[name].check(prediction, truth)
