import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.evaluation.consistency import Transform
from palindra.evaluation.robustness import realignment_score
from palindra.interpretation.planted import Oracle, planted_sequences, seeded_grammar
from palindra.interpretation.reliability import (
    agreement,
    layers_in_order,
    position_scores,
    randomisation_check,
    randomise,
    realigned_maps,
    recovery,
    strand_agreement,
)
from palindra.nn import Conv1d
from palindra.sequences import one_hot
from palindra.symmetry import DNA_STRAND, Rep
from palindra.symmetry.check import assert_equivariant


def letters(rows: int, length: int, seed: int = 0) -> Tensor:
    codes = np.random.default_rng(seed).integers(4, size=(rows, length), dtype=np.uint8)
    return one_hot(codes, dtype=torch.float64)


def gradient(model: nn.Module):
    def attribute(x: Tensor) -> Tensor:
        x = x.clone().requires_grad_()
        return torch.autograd.grad(model(x).sum(), x)[0] * x.detach()

    return attribute


def plain(length: int = 40, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Conv1d(4, 5, 7), nn.Tanh(), nn.Conv1d(5, 3, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(1))
    net(torch.zeros(1, 4, length))
    return net.double()


# ---- shifts --------------------------------------------------------------------------------------------------------


def test_realigned_maps_are_those_of_plain_slices():
    windows, model = letters(3, 52), plain()
    offsets = [0, 5, 12]
    found = realigned_maps(gradient(model), windows, length=40, offsets=offsets, both_strands=True, batch_size=2)
    maps = []
    for begin in offsets:
        x = windows[..., begin : begin + 40]
        for turned in (False, True):
            one = gradient(model)(DNA_STRAND.act(x) if turned else x)
            one = DNA_STRAND.act(one) if turned else one
            maps.append(one[..., 12 - begin : 40 - begin].numpy())
    maps = np.stack(maps)
    assert found.start == 12
    np.testing.assert_allclose(found.mean, maps.mean(0), atol=1e-12)
    np.testing.assert_allclose(found.std, maps.std(0), atol=1e-12)
    np.testing.assert_allclose(found.score, maps.std(0).mean((1, 2)) / np.abs(maps).mean((0, 2, 3)), rtol=1e-9)


def test_the_score_is_the_one_operator_of_robustness():
    windows, model = letters(4, 52), plain()
    offsets = [0, 3, 6, 11]
    found = realigned_maps(gradient(model), windows, length=40, offsets=offsets)
    shifts = [Transform(6 - begin) for begin in offsets]
    same = realignment_score(gradient(model.float()), windows.float(), shifts=shifts, length=40)
    np.testing.assert_allclose(found.score, same, rtol=1e-5)


def test_maps_that_move_with_the_sequence_do_not_vary_and_averages_do_not_depend_on_batches():
    windows = letters(5, 48)
    local = realigned_maps(lambda x: 3 * x, windows, length=32, shifts=7)
    assert local.score.max() == 0
    np.testing.assert_array_equal(local.mean, 3 * windows[..., 16:32].numpy())
    one, other = (realigned_maps(gradient(plain(32)), windows, length=32, seed=1, batch_size=n) for n in (1, 5))
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-9, atol=1e-12)
    assert (realigned_maps(gradient(plain(32)), windows, length=32, seed=2).mean != one.mean).any()
    both = realigned_maps(gradient(plain(32)), windows, length=32, offsets=[8], both_strands=True)
    turned = realigned_maps(gradient(plain(32)), DNA_STRAND.act(windows), length=32, offsets=[8], both_strands=True)
    np.testing.assert_allclose(both.mean, turned.mean[:, ::-1, ::-1], atol=1e-12)


# ---- agreement -----------------------------------------------------------------------------------------------------


def test_agreement_is_that_of_numpy_and_scipy():
    from scipy.stats import spearmanr

    maps = {name: np.random.default_rng(seed).normal(size=(4, 4, 30)) for seed, name in enumerate("abc")}
    maps["d"] = maps["a"] + 0.1 * maps["b"]
    found = agreement(maps, top=0.2)
    assert [(one.first, one.second) for one in found] == [
        ("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d")
    ]  # fmt: skip
    for one in found:
        for row in range(4):
            x, y = maps[one.first][row].ravel(), maps[one.second][row].ravel()
            assert one.pearson[row] == pytest.approx(np.corrcoef(x, y)[0, 1])
            assert one.spearman[row] == pytest.approx(spearmanr(x, y).statistic)
            tops = [set(np.argsort(-(maps[n][row] ** 2).sum(0))[:6]) for n in (one.first, one.second)]
            assert one.top[row] == len(tops[0] & tops[1]) / len(tops[0] | tops[1])
    close = next(one for one in found if (one.first, one.second) == ("a", "d")).estimate()
    assert close.low > 0.9
    assert close.observations == 4
    constant = agreement({"a": maps["a"], "0": np.zeros((4, 4, 30))})[0]
    assert np.isnan(constant.pearson).all()
    assert constant.estimate().observations == 0


def test_an_equivariant_model_agrees_with_its_other_strand_exactly_and_another_does_not():
    x = letters(6, 40)
    hidden = Rep(regular=4)
    torch.manual_seed(0)
    first, last = Conv1d(Rep(regular=2), hidden, 5), Conv1d(hidden, Rep(even=1), 3)
    model = nn.Sequential(first, nn.Tanh(), last, nn.ReLU()).double()
    found = strand_agreement(gradient(model), x)
    np.testing.assert_allclose(found.pearson, 1, atol=1e-12)
    assert np.abs(strand_agreement(gradient(plain()), x).pearson).max() < 0.9


# ---- random weights ------------------------------------------------------------------------------------------------


def test_layers_are_found_in_the_order_of_the_pass():
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last, self.never, self.first = nn.Linear(8, 1), nn.Linear(2, 2), nn.Conv1d(4, 8, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.first(x).mean(2))

    assert layers_in_order(Backwards(), torch.zeros(1, 4, 9)) == ["first", "last"]
    equivariant = nn.Sequential(Conv1d(Rep(regular=2), Rep(regular=3), 3), nn.ReLU(), nn.Conv1d(6, 1, 1))
    assert layers_in_order(equivariant, torch.zeros(1, 4, 9)) == ["0", "2"]
    assert layers_in_order(nn.Conv1d(4, 1, 3), torch.zeros(1, 4, 9)) == [""]


def test_random_weights_keep_their_size_the_model_its_symmetry_and_the_original_its_weights():
    model = nn.Sequential(
        Conv1d(Rep(regular=2), Rep(regular=30), 9), nn.Tanh(), Conv1d(Rep(regular=30), Rep(even=2), 3)
    )
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    random = randomise(model, ["0"], seed=1)
    assert all((weight == before[name]).all() for name, weight in model.state_dict().items())
    for name, weight in random.state_dict().items():
        changed = (weight != before[name]).any()
        assert bool(changed) == (name.startswith("0.") and before[name].is_floating_point() and before[name].std() > 0)
    assert_equivariant(random[0])
    old, new = model[0].weight.detach(), random[0].weight.detach()
    assert abs(float(new.std() / old.std()) - 1) < 0.1
    assert (randomise(model, ["0"], seed=1)[0].weight == new).all()
    assert (randomise(model, ["2", "0"], seed=1)[0].weight == new).all()
    with pytest.raises(ValueError, match="no layer with weights"):
        randomise(model, ["1"], seed=0)


def test_a_method_that_ignores_weights_is_exposed_and_one_that_reads_them_is_not():
    x, model = letters(5, 40), plain()
    ignoring = randomisation_check(model, lambda model, x: x, x)
    assert all((one.pearson == pytest.approx(1)) for one in ignoring)
    found = randomisation_check(model, lambda model, x: gradient(model)(x), x, batch_size=2)
    assert [(one.order, one.layer) for one in found] == [
        (order, layer) for order in ("cascading", "independent") for layer in ("5", "2", "0")
    ]
    assert max(np.abs(one.pearson).mean() for one in found if one.order == "cascading") < 0.8
    last = [one for one in found if one.layer == "5"]
    np.testing.assert_array_equal(last[0].pearson, last[1].pearson)  # the first step of both is the same
    alone = next(one for one in found if (one.order, one.layer) == ("independent", "0"))
    by_hand = gradient(randomise(model, ["0"], 0))(x).flatten(1).numpy()
    given = gradient(model)(x).flatten(1).numpy()
    np.testing.assert_allclose(alone.pearson, [np.corrcoef(a, b)[0, 1] for a, b in zip(given, by_hand, strict=True)])


# ---- known truth ---------------------------------------------------------------------------------------------------


def test_recovery_is_that_of_sklearn_ties_included():
    random = np.random.default_rng(0)
    scores, truth = random.integers(0, 6, size=(8, 40)).astype(float), random.random((8, 40)) < 0.2
    truth[3], truth[5] = False, True
    found = recovery(scores, truth)
    assert found.rows.tolist() == [0, 1, 2, 4, 6, 7]
    for place, row in enumerate(found.rows):
        assert found.auroc[place] == pytest.approx(roc_auc_score(truth[row], scores[row]))
        assert found.average_precision[place] == pytest.approx(average_precision_score(truth[row], scores[row]))
        assert found.share[place] == pytest.approx(truth[row].mean())


def test_gradients_of_the_oracle_recover_what_was_planted_and_noise_does_not():
    grammar = seeded_grammar(0, "distance", multiplicative=True)
    data = planted_sequences(grammar, 60, 150, seed=1)
    x = one_hot(data.codes, dtype=torch.float64)
    maps = gradient(Oracle(grammar).double())(x).detach().numpy()
    right = recovery(position_scores(maps, x.numpy()), data.truth)
    noise = recovery(np.random.default_rng(0).random(data.truth.shape), data.truth)
    assert right.auroc.min() == 1
    assert right.average_precision.min() == 1
    assert right.estimate().mean == 1
    chance = noise.estimate()
    assert chance.low < 0.5 < chance.high
    assert right.minus(noise, "gradient - noise").p < 1e-6
    assert position_scores(maps).shape == data.truth.shape


# ---- bad questions -------------------------------------------------------------------------------------------------


def test_bad_input_is_refused():
    x = letters(2, 40)
    with pytest.raises(InputError, match="between 41 and 79 are needed"):
        realigned_maps(lambda x: x, x, length=40)
    with pytest.raises(InputError, match="between 21 and 39"):
        realigned_maps(lambda x: x, x, length=20)
    with pytest.raises(InputError, match="one map cannot vary"):
        realigned_maps(lambda x: x, x, length=30, shifts=1)
    with pytest.raises(InputError, match="can begin at 0 to 10"):
        realigned_maps(lambda x: x, x, length=30, offsets=[0, 11])
    with pytest.raises(InputError, match="keep all four letters"):
        realigned_maps(lambda x: x.sum(1), x, length=30)
    with pytest.raises(InputError, match="at least two are compared"):
        agreement({"a": np.zeros((1, 4, 3))})
    with pytest.raises(InputError, match="at least two are compared"):
        agreement({"a": np.zeros((1, 4, 3)), "b": np.zeros((1, 4, 5))})
    with pytest.raises(InputError, match="a share of 0"):
        agreement({"a": np.zeros((1, 4, 3)), "b": np.zeros((1, 4, 3))}, top=0)
    with pytest.raises(InputError, match="no weights"):
        randomisation_check(nn.Flatten(), lambda model, x: x, x)
    with pytest.raises(InputError, match="nothing can be recovered"):
        recovery(np.zeros((1, 3)), np.ones((1, 3), dtype=bool))
    with pytest.raises(InputError, match="not numbers"):
        recovery(np.full((1, 3), np.nan), np.array([[True, False, True]]))
    with pytest.raises(InputError, match="equal"):
        recovery(np.zeros((1, 3)), np.ones((1, 4), dtype=bool))
    with pytest.raises(InputError, match="must be equal"):
        position_scores(np.zeros((1, 4, 3)), np.zeros((1, 4, 2)))
