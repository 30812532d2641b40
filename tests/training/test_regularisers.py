"""Each regulariser against an independent computation, and its laws: strands, balls, identities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from palindra.data import Task
from palindra.errors import InputError
from palindra.models import StrandCNN, StrandCNNConfig, StrandResNet, StrandResNetConfig
from palindra.models.track_models import TRACK_MODELS
from palindra.nn import StrandMean
from palindra.sequences import one_hot
from palindra.symmetry import DNA_STRAND, Position, Rep, Target
from palindra.training.losses import label_loss
from palindra.training.regularisers import (
    REGULARISERS,
    ManifoldMixup,
    Moment,
    Problem,
    Regularisation,
    RegulariserSettings,
    attribution_consistency,
    fourier_prior,
    hidden_layers,
    high_frequencies,
    jacobian_penalty,
    label_problem,
    mix,
    projected_gradient,
    substitutions,
    track_problem,
)
from palindra.training.regularisers.consistent_attributions import attributions
from palindra.training.regularisers.mixup import beta_shares, partners
from palindra.training.regularisers.problem import as_it_predicts
from palindra.training.regularisers.settings import check_combination, check_sizes, refuse_for_linear
from palindra.training.track_losses import LOSSES

LENGTH, ROWS = 40, 6
MOMENT = Moment(3, 1, 4)
PAIR = Target.paired([1, 0])


def sequences(seed: int = 0, rows: int = ROWS) -> Tensor:
    codes = np.random.default_rng(seed).integers(0, 4, (rows, LENGTH)).astype(np.uint8)
    codes[1, 5:8] = 14  # N
    return one_hot(codes, dtype=torch.float32)


def trained_a_little(network: nn.Module) -> nn.Module:
    """With batch statistics of its own."""
    with torch.no_grad():
        for seed in range(5):
            network(sequences(seed))
    return network


def problem_of(task: Task, target: Target, outputs: int, **options: Any) -> Problem:
    torch.manual_seed(1)
    config = StrandResNetConfig(
        LENGTH, target, outputs, Rep(regular=2, even=3, odd=1), stem_size=7, block_size=3, dilations=(1,), **options
    )
    network = trained_a_little(StrandResNet(config))
    return label_problem(network, task=task, target=target, source=DNA_STRAND, outputs=outputs)


def track_problem_of(name: str, loss: str) -> Problem:
    torch.manual_seed(1)
    model, kind = TRACK_MODELS[name]
    stranded = Target.paired([1, 0, 2], Position.REVERSE)
    sizes: dict[str, Any] = {"length": LENGTH, "outputs": 3, "target": stranded, "width": 8}
    sizes |= {"layers": 2} if name.startswith("bpnet") else {"bin_size": 4, "dilations": (1,), "bin_dilations": (1,)}
    network = trained_a_little(model(kind(**sizes)))
    return track_problem(network, loss=LOSSES[loss], target=stranded)


PROBLEMS = {
    "binary": lambda: problem_of(Task.BINARY, Target.invariant(1), 1),
    "pair of values": lambda: problem_of(Task.REGRESSION, PAIR, 2),
    "a value that changes its sign": lambda: problem_of(Task.REGRESSION, Target(Rep(odd=1)), 1),
    "classes that swap": lambda: problem_of(Task.MULTICLASS, Target.paired([1, 0, 2]), 3),
    "stranded coverage": lambda: track_problem_of("track_resnet", "poisson"),
    "profiles and counts": lambda: track_problem_of("bpnet-original", "bpnet"),
}
every_problem = pytest.mark.parametrize("problem", [pytest.param(make, id=name) for name, make in PROBLEMS.items()])


def targets_of(problem: Problem, x: Tensor, seed: int = 0) -> Tensor:
    """Targets of some kind that fits: 0 and 1."""
    with torch.no_grad(), as_it_predicts(problem.network):
        outputs = problem.network(x)
    like = outputs if isinstance(outputs, Tensor) else outputs[0]
    drawn = torch.rand(like.shape, generator=torch.Generator().manual_seed(seed))
    return drawn.argmax(1, keepdim=True).float() if problem.soft(torch.zeros(1, 1)).shape[1] > 1 else drawn.round()


@every_problem
@pytest.mark.parametrize("penalty", ["jacobian", "fourier", "consistency"])
def test_a_penalty_is_the_same_on_the_other_strand_of_an_equivariant_model(problem, penalty: str):
    problem = problem()
    penalties = {
        "jacobian": lambda x: jacobian_penalty(problem, x, MOMENT),
        "fourier": lambda x: fourier_prior(problem, x, torch.ones(ROWS, 1)),
        "consistency": lambda x: attribution_consistency(problem, x, 3),
    }
    x = sequences()
    if penalty == "jacobian" and problem.values(problem.network(x)).shape[1] > 8:
        pytest.skip("estimated from random signs: the same in expectation only")
    given, other = penalties[penalty](x), penalties[penalty](DNA_STRAND.act(x))
    assert (given > 1e-6).all()
    torch.testing.assert_close(given, other, rtol=1e-3, atol=1e-5)


@every_problem
def test_without_a_shift_an_equivariant_model_has_consistent_attributions_and_others_have_not(problem):
    problem, x = problem(), sequences()
    assert (attribution_consistency(problem, x, 0) < 1e-8).all()
    torch.manual_seed(0)
    plain = StrandResNet(StrandResNetConfig(LENGTH, involution=None, stem_size=7, dilations=(1,)))
    other = label_problem(plain, task=Task.BINARY, target=Target.invariant(1), source=DNA_STRAND, outputs=1)
    assert (attribution_consistency(other, x, 0) > 0.01).all()
    specific = label_problem(
        plain, task=Task.BINARY, target=Target.strand_specific(), source=DNA_STRAND, outputs=1
    )  # nothing is known of the other strand, so only shifts are compared
    assert (attribution_consistency(specific, x, 0) == 0).all()


class MovesAlong(nn.Module):
    """The sum of a convolution without padding: attributions move exactly with the letters."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Conv1d(4, 3, 5, padding=4)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).square().sum((1, 2))[:, None]


def test_attributions_that_move_with_the_letters_are_consistent_where_edges_are_alike():
    """Zeros at both ends, so that nothing falls off the edge."""
    network = MovesAlong()
    problem = label_problem(network, task=Task.BINARY, target=Target.strand_specific(), source=DNA_STRAND, outputs=1)
    x = sequences()
    x[:, :, :8] = x[:, :, -8:] = 0
    assert (attribution_consistency(problem, x, 4) < 1e-8).all()
    x = sequences()
    assert (attribution_consistency(problem, x, 4) > 1e-6).any()


@pytest.mark.parametrize("name", ["binary", "pair of values", "classes that swap"])
def test_the_jacobian_penalty_is_that_of_autograd(name: str):
    problem, x = PROBLEMS[name](), sequences()
    found = jacobian_penalty(problem, x, MOMENT).detach()
    problem.network.eval()
    problem.network.requires_grad_(False)
    for row in range(ROWS):
        whole = torch.autograd.functional.jacobian(problem.network, x[row : row + 1])[0]
        assert float(found[row]) == pytest.approx(float(whole.square().sum()) / len(whole), rel=1e-4)


def test_the_norm_of_many_gradients_is_estimated_without_bias():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(4 * LENGTH, 30))
    problem = label_problem(network, task=Task.REGRESSION, target=Target.invariant(30), source=DNA_STRAND, outputs=30)
    exact = float(network[1].weight.detach().square().sum()) / 30
    drawn = torch.stack([jacobian_penalty(problem, sequences(), Moment(0, 0, batch)) for batch in range(300)]).detach()
    assert float(drawn.std()) > 0
    assert float(drawn.mean()) == pytest.approx(exact, abs=4 * float(drawn.std()) / drawn.numel() ** 0.5)
    again = jacobian_penalty(problem, sequences(), Moment(0, 0, 7))
    assert torch.equal(again, drawn[7])


def fourier_by_hand(profile: np.ndarray, limit: int) -> float:
    """One profile, with a loop for everything."""
    length = len(profile)
    kernel = np.exp(-0.5 * (np.arange(-3, 4) / 3) ** 2)
    kernel /= kernel.sum()
    padded = np.concatenate([np.zeros(3), profile, np.zeros(3)])
    smooth = [sum(kernel[k] * padded[p + k] for k in range(7)) for p in range(length)]
    magnitudes = []
    for frequency in range(1, length // 2 + 1):
        wave = np.exp(-2j * np.pi * frequency * np.arange(length) / length)
        magnitudes.append(abs(np.sum(smooth * wave)))
    weights = [1.0 if f <= limit else 1 / (1 + (f - limit) ** 0.2) for f in range(1, length // 2 + 1)]
    return 1 - np.sum(np.array(magnitudes) / np.sum(magnitudes) * weights)


@pytest.mark.parametrize(("length", "limit"), [(40, 6), (41, 11), (40, 0)])
def test_the_fourier_prior_is_that_of_numpy(length: int, limit: int):
    profiles = np.abs(np.random.default_rng(0).normal(size=(5, length)))
    expected = [fourier_by_hand(profile, limit or round(length * 3 / 20)) for profile in profiles]
    found = high_frequencies(torch.from_numpy(profiles), limit)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_the_published_limits_are_the_defaults():
    assert [round(length / (20 / 3)) for length in (1000, 1346)] == [150, 202]  # published: 150 and 200
    assert 0 <= float(high_frequencies(torch.zeros(1, 30))) == 0


def test_only_positive_sequences_have_a_prior_and_its_mean_is_theirs():
    problem, x = PROBLEMS["binary"](), sequences()
    labels = torch.tensor([[1.0], [0.0], [float("nan")], [1.0], [0.0], [0.0]])
    found = fourier_prior(problem, x, labels)
    alone = fourier_prior(problem, x[[0, 3]], labels[[0, 3]])
    assert (found[[1, 2, 4, 5]] == 0).all()
    torch.testing.assert_close(found.mean(), alone.mean())
    assert (fourier_prior(problem, x, torch.zeros(ROWS, 1)) == 0).all()


def test_zero_gradients_have_penalties_of_zero_with_gradients():
    network = nn.Sequential(nn.Flatten(), nn.Linear(4 * LENGTH, 1))
    nn.init.zeros_(network[1].weight)
    problem = label_problem(network, task=Task.BINARY, target=Target.invariant(1), source=DNA_STRAND, outputs=1)
    x = sequences()
    total = fourier_prior(problem, x, torch.ones(ROWS, 1)) + attribution_consistency(problem, x, 2)
    total = total + jacobian_penalty(problem, x, MOMENT)
    total.sum().backward()
    assert (total == 0).all()
    assert network[1].weight.grad is not None
    assert network[1].weight.grad.isfinite().all()


@every_problem
def test_an_adversary_increases_the_loss_and_stays_in_its_ball(problem):
    problem, x = problem(), sequences()
    y = targets_of(problem, x)
    radius = 0.1
    attacked = projected_gradient(problem, x, y, radius=radius, steps=4)
    assert float((attacked - x).abs().max()) <= radius + 1e-6
    assert (attacked[1, :, 5:8] == 0).all()  # N stays N
    changed = substitutions(problem, x, y, count=3)
    assert ((changed != x).any(1).sum(1) <= 3).all()
    assert torch.equal(changed.sum(1), x.sum(1))
    assert set(changed.unique().tolist()) == {0.0, 1.0}
    with torch.no_grad(), as_it_predicts(problem.network):
        clean, adversarial, substituted = (problem.loss(problem.network(z), y).sum() for z in (x, attacked, changed))
    assert adversarial > clean
    assert substituted > clean


@every_problem
def test_the_adversary_of_the_other_strand_is_the_other_strand_of_the_adversary(problem):
    problem, x = problem(), sequences()
    with torch.no_grad(), as_it_predicts(problem.network):
        outputs = problem.network(x)
    if not isinstance(outputs, Tensor) or problem.soft(torch.zeros(1, 1)).shape[1] > 1:
        pytest.skip("the targets of the other strand need more than the action on outputs")
    y = targets_of(problem, x)
    assert problem.aligned is not None
    for adversary in (
        lambda z, t: projected_gradient(problem, z, t, radius=0.1, steps=2),
        lambda z, t: substitutions(problem, z, t, count=3),
    ):
        here, there = adversary(x, y), adversary(DNA_STRAND.act(x), problem.aligned(y))
        # A gradient of nearly zero has the sign of its rounding.
        assert float((here != DNA_STRAND.act(there)).float().mean()) < 0.01


def test_substitutions_against_a_linear_model_are_the_worst_there_are():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(4 * LENGTH, 1))
    problem = label_problem(network, task=Task.BINARY, target=Target.invariant(1), source=DNA_STRAND, outputs=1)
    x, y = sequences(rows=2), torch.tensor([[1.0], [0.0]])
    found = substitutions(problem, x, y, count=1)
    network.requires_grad_(False)
    for row in range(2):
        losses = []
        for place in range(LENGTH):
            for letter in range(4):
                if x[row, :, place].any():
                    other = x[row : row + 1].clone()
                    other[0, :, place] = 0
                    other[0, letter, place] = 1
                    losses.append(float(label_loss(Task.BINARY, network(other), y[row : row + 1])))
        worst = float(label_loss(Task.BINARY, network(found[row : row + 1]), y[row : row + 1]))
        assert worst == pytest.approx(max(losses), rel=1e-5)


def test_mixtures_of_share_one_and_zero_are_the_rows_themselves():
    a, b = torch.tensor([[1.0, float("nan")], [0.1, 2.0]]), torch.tensor([[5.0, 3.0], [float("nan"), 7.0]])
    for share in (torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])):
        expected = torch.where(share[:, None] == 1, a, b)
        assert torch.equal(mix(a, b, share).nan_to_num(99), expected.nan_to_num(99))
    half = mix(a, b, 0.5)
    assert half.isnan().tolist() == [[False, True], [True, False]]  # unknown where either is
    assert half[0, 0] == 3.0
    assert half[1, 1] == 4.5


def test_mixing_commutes_with_the_strand():
    stranded = Target.paired([1, 0, 2], Position.REVERSE)
    a, b = torch.rand(2, 4, 3, 7, generator=torch.Generator().manual_seed(0))
    share = torch.tensor([0.2, 0.9, 0.5, 0.0])
    torch.testing.assert_close(mix(stranded.act(a), stranded.act(b), share), stranded.act(mix(a, b, share)))


def test_partners_are_a_circle_and_shares_are_of_the_beta_distribution():
    from scipy.stats import beta, kstest

    rows = np.arange(100, 117)
    chosen = partners(rows, seed=0, epoch=3)
    assert sorted(chosen) == rows.tolist()
    assert (chosen != rows).all()
    assert (partners(rows, seed=0, epoch=4) != chosen).any()
    drawn = beta_shares(0.3, np.random.default_rng(0).random(2000))
    assert kstest(drawn, beta(0.3, 0.3).cdf).pvalue > 0.01


def test_classes_are_mixed_as_probabilities():
    problem = PROBLEMS["classes that swap"]()
    soft = problem.soft(torch.tensor([[2.0], [0.0]]))
    mixed = mix(soft, soft.flip(0), 0.25)
    assert mixed.tolist() == [[0.75, 0.0, 0.25], [0.25, 0.0, 0.75]]
    logits = torch.tensor([[1.0, 2.0, -1.0], [0.0, 0.5, 3.0]])
    expected = -(mixed * logits.log_softmax(1)).sum(1)
    torch.testing.assert_close(label_loss(Task.MULTICLASS, logits, mixed), expected)
    hard = torch.tensor([[2.0], [0.0]])
    torch.testing.assert_close(
        label_loss(Task.MULTICLASS, logits, problem.soft(hard)), label_loss(Task.MULTICLASS, logits, hard)
    )
    assert torch.equal(problem.soft(mixed), mixed)


class WithDetours(nn.Module):
    """Two layers through which all passes, a branch that is added, and two heads."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.branch = nn.Conv1d(4, 5, 3), nn.Conv1d(5, 5, 3, padding=1)
        self.squash, self.drop = nn.Tanh(), nn.Dropout(0.5)
        self.heads = nn.ModuleList([nn.Conv1d(5, 2, 1), nn.Conv1d(5, 3, 1)])

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        x = self.drop(self.squash(x + self.branch(x)))
        return torch.cat([head(x) for head in self.heads], 1).mean(2)


def test_features_are_mixed_only_where_everything_passes():
    assert hidden_layers(WithDetours(), 4, 20) == ["first", "squash"]
    resnet = StrandResNet(StrandResNetConfig(LENGTH, hidden=Rep(regular=4), dilations=(1, 2)))
    found = hidden_layers(resnet, 4, LENGTH)
    assert {"stem.0", "blocks.0", "blocks.1"} <= set(found)
    assert not any("branch" in name or "pools" in name or name == "head" for name in found)
    cnn = StrandCNN(StrandCNNConfig(LENGTH + 40, hidden=Rep(even=3, odd=2)))
    assert len(hidden_layers(cnn, 4, LENGTH + 40)) > 5
    with pytest.raises(InputError, match="no hidden layer through which everything passes"):
        hidden_layers(nn.Sequential(nn.Flatten(), nn.Linear(4 * LENGTH, 1))[1:], 4, 4 * LENGTH)


@every_problem
def test_mixed_features_give_an_equivariant_network_mixed_answers_for_both_strands(problem):
    problem, x = problem(), sequences()
    layers = hidden_layers(problem.network, 4, LENGTH)
    problem.network.eval()
    assert problem.aligned is not None
    for layer in layers:
        mixup = ManifoldMixup(problem.network, 1.0, [layer], problem.soft)
        with torch.no_grad(), mixup(ROWS, MOMENT):
            given, other = problem.network(x), problem.network(DNA_STRAND.act(x))
        with torch.no_grad():
            unmixed = problem.values(problem.network(x))
        aligned = problem.values(problem.aligned(other))
        torch.testing.assert_close(problem.values(given), aligned, rtol=1e-3, atol=1e-4)
        assert not torch.allclose(problem.values(given), unmixed, rtol=1e-4)


def test_after_the_last_nonlinearity_mixed_features_are_mixed_answers():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(4 * LENGTH, 5), nn.Linear(5, 2))
    mixup = ManifoldMixup(network, 1.0, ["1"], lambda y: y)
    x = sequences()
    plain = network(x)
    with mixup(ROWS, MOMENT) as mixed:
        found = network(x)
    torch.testing.assert_close(found, mixed(plain))
    assert not torch.allclose(found, plain)


def test_both_strands_of_a_conjoined_network_are_mixed_alike():
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv1d(4, 3, 5), nn.Flatten(), nn.Linear(3 * (LENGTH - 4), 2))
    network = StrandMean(plain, PAIR)
    layers = hidden_layers(network, 4, LENGTH)
    assert layers == ["module.0", "module.1", "module.2"]  # the last before the mean over strands
    mixup = ManifoldMixup(network, 1.0, ["module.1"], lambda y: y)  # linear from here
    x = sequences()
    answer = network(x)
    with mixup(ROWS, MOMENT) as mixed:
        torch.testing.assert_close(network(x), mixed(answer))


def test_the_network_is_explained_as_it_predicts_and_left_as_it_was():
    problem = problem_of(Task.BINARY, Target.invariant(1), 1, dropout=0.5)
    network, x = problem.network, sequences()
    network.blocks.eval()
    modes = [module.training for module in network.modules()]
    before = {name: value.clone() for name, value in network.state_dict().items()}
    torch.manual_seed(5)
    first = torch.rand(1)
    torch.manual_seed(5)
    one, alone = attributions(problem, x), attributions(problem, x[:1])
    projected_gradient(problem, x, torch.ones(ROWS, 1), radius=0.1, steps=2)
    torch.testing.assert_close(one[:1], alone)  # nothing of the other rows of the batch
    assert torch.rand(1) == first  # and nothing was drawn
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_all_off_is_nothing():
    problem = PROBLEMS["binary"]()
    off = Regularisation(RegulariserSettings(), problem, letters=4, length=LENGTH)
    assert (off.rows, off.changes, off.terms) == (None, [], [])
    x, losses = sequences(), torch.rand(ROWS)
    assert off.changed(x, losses) is x
    assert off.added(losses, x, losses, MOMENT) is losses
    with off.mixing(ROWS, MOMENT) as mixed:
        assert mixed(losses) is losses


@pytest.mark.parametrize(
    ("settings", "length", "strands", "message"),
    [
        ({"fourier_prior": 1, "fourier_limit": 20}, 40, True, "fourier_limit is 20: sequences of 40 letters have 20"),
        (
            {"attribution_consistency": 1, "attribution_shift": 11},
            40,
            True,
            "attribution_shift is 11: at most a quarter",
        ),
        ({"attribution_consistency": 1, "attribution_shift": 0}, 40, False, "attribution_shift must be at least 1"),
    ],
)
def test_settings_that_do_not_fit_the_sequences(settings, length: int, strands: bool, message: str):
    with pytest.raises(InputError, match=message):
        check_sizes(RegulariserSettings(**settings), length=length, strands=strands)


def test_settings_that_exclude_each_other_or_the_strategy():
    with pytest.raises(InputError, match=r"substitutes letters, and training\.mixup leaves none"):
        check_combination(RegulariserSettings(adversarial_substitutions=2, mixup=0.1))
    with pytest.raises(InputError, match=r"training\.mixup: strategy 'kmers' is a linear model"):
        refuse_for_linear(RegulariserSettings(mixup=0.1), "kmers")
    refuse_for_linear(RegulariserSettings(pgd_steps=7), "kmers")
    assert set(REGULARISERS) <= set(RegulariserSettings.__dataclass_fields__)
