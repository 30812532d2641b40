from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from palindra.errors import InputError
from palindra.probing.psi import deviations, mean_logit, varying_exons
from palindra.probing.readouts import (
    BINDING,
    INSERT,
    LENTI_MPRA,
    SPLICING,
    Cnn,
    CnnConfig,
    ConvSize,
    Mlp,
    MlpConfig,
    Training,
    bernoulli_kl,
    fit_readout,
)
from palindra.probing.readouts.examples import TokenBatches
from palindra.probing.readouts.losses import Link

TINY = CnnConfig(blocks=(ConvSize(6, 3, 2), ConvSize(5, 3, 2, dilations=(1, 2))), dense=(7,), projection=5)
QUICK = Training(learning_rates=(1e-2,), batch_size=16, epochs=6)


def weights(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("config", "tokens", "outputs", "published"),
    [
        (LENTI_MPRA, 230, 1, 1_933_501),
        (replace(LENTI_MPRA, project="all"), 230, 1, 2_197_913),  # batch norm and 1x1 on one-hot, as released
        (BINDING, 200, 1, 292_449),
        (SPLICING, 400, 56, 2_043_940),
        (INSERT, 173, 1, 193_921),
        (replace(INSERT, project="all"), 173, 1, 274_417),
    ],
)
def test_heads_have_the_published_number_of_weights_on_one_hot(config, tokens, outputs, published):
    assert weights(Cnn(4, tokens, outputs, config)) == published


def test_the_perceptron_has_the_published_number_of_weights_in_either_order():
    assert weights(Mlp(2560, 1)) == weights(Mlp(2560, 1, MlpConfig(order="activation first"))) == 1_444_353
    first = next(m for m in Mlp(8, 1).layers if not isinstance(m, nn.Linear))
    other = next(m for m in Mlp(8, 1, MlpConfig(order="activation first")).layers if not isinstance(m, nn.Linear))
    assert isinstance(first, nn.BatchNorm1d)
    assert isinstance(other, nn.ReLU)
    assert (
        weights(Mlp(2560, 1, MlpConfig(scale=0.5))) < weights(Mlp(2560, 1)) < weights(Mlp(2560, 1, MlpConfig(scale=2)))
    )
    assert Mlp(3000, 40).layers[-1].weight.std().item() == pytest.approx(0.005, rel=0.05)


@pytest.mark.parametrize("config", [LENTI_MPRA, BINDING, INSERT], ids=["lenti", "binding", "insert"])
def test_the_projection_of_an_embedding_is_used(config):
    """In a released script the output of the 1x1 convolution is thrown away."""
    torch.manual_seed(0)
    network = Cnn(9, 24, 1, config)
    network(torch.randn(3, 9, 24), torch.ones(3, 24, dtype=torch.bool)).sum().backward()
    (projection,) = network.projections
    assert projection.convolution.weight.grad.abs().max() > 0
    assert projection.convolution.out_channels == config.projection
    assert network.blocks[0].convolution.in_channels == config.projection


def masks(*lengths: int, tokens: int) -> torch.Tensor:
    return torch.arange(tokens) < torch.tensor(lengths)[:, None]


@pytest.mark.parametrize("config", [TINY, replace(TINY, pooled=True), replace(INSERT, project="all")])
@pytest.mark.parametrize("training", [True, False])
def test_what_stands_at_fill_never_matters(config, training):
    torch.manual_seed(1)
    network = Cnn(9, 20, 2, config).double().train(training)
    mask = masks(20, 13, 4, 7, tokens=20)
    x = torch.randn(4, 9, 20, dtype=torch.float64)
    garbage = torch.where(mask.unsqueeze(1), x, torch.full_like(x, 1e6))
    outputs = []
    for given in (x, garbage):
        torch.manual_seed(2)  # of dropout
        outputs.append(network(given, mask))
    torch.testing.assert_close(*outputs, rtol=0, atol=0)


def test_more_fill_changes_nothing_in_a_pooled_head():
    torch.manual_seed(1)
    config = replace(INSERT, project="all")
    short, long = Cnn(9, 20, 1, config).double(), Cnn(9, 40, 1, config).double()
    long.load_state_dict(short.state_dict())
    x = torch.randn(3, 9, 20, dtype=torch.float64)
    for network in (short, long):
        network.train()
        for module in network.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
    one = short(x, masks(20, 20, 10, tokens=20))
    two = long(torch.cat([x, torch.full_like(x, 3.0)], 2), masks(20, 20, 10, tokens=40))
    torch.testing.assert_close(one, two)


@pytest.mark.parametrize("tokens", [1, 2, 3, 5, 11])
@pytest.mark.parametrize("config", [LENTI_MPRA, BINDING, INSERT])
def test_few_tokens_are_read_whole_rather_than_pooled_away(config, tokens):
    network = Cnn(4, tokens, 1, config).eval()
    x = torch.randn(2, 4, tokens, requires_grad=True)
    network(x, torch.ones(2, tokens, dtype=torch.bool)).sum().backward()
    assert (x.grad.abs().sum(1) > 0).all()


def test_two_inputs_pass_towers_of_their_own():
    torch.manual_seed(0)
    config = replace(TINY, towers=2, tower_block=ConvSize(6, 3, 2))
    network = Cnn(4, 12, 3, config).eval()
    one, two, mask = torch.randn(2, 4, 12), torch.randn(2, 4, 12), torch.ones(2, 12, dtype=torch.bool)
    assert not torch.allclose(network(one, mask, two, mask), network(two, mask, one, mask))
    with pytest.raises(InputError, match="1 inputs a row are given to a CNN of 2"):
        network(one, mask)


def test_shorter_rows_stand_at_the_end_they_are_told_to():
    rows = [np.ones((2, 3), dtype=np.float32), np.ones((4, 3), dtype=np.float32)]
    for align, expected in (("left", [1, 1, 0, 0]), ("right", [0, 0, 1, 1])):
        features, mask = TokenBatches((rows,), 4, align).batch([0, 1])
        assert features.shape == (2, 3, 4)
        assert mask.int().tolist() == [expected, [1, 1, 1, 1]]
        assert features[0, 0].tolist() == expected
    with pytest.raises(InputError, match="row 2 has 4 tokens, but the readout was built for 3"):
        TokenBatches((rows,), 3).batch([0, 1])
    with pytest.raises(InputError, match="row 1 are no numbers"):
        TokenBatches(([rows[0] * np.nan],), 4).batch([0])


def planted(rows: int, seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Rows whose label is the order of two tokens: nothing of it is left in their mean."""
    random = np.random.default_rng(seed)
    features, labels = [], []
    for _ in range(rows):
        row = np.zeros((int(random.integers(8, 11)), 6), dtype=np.float32)
        label = int(random.integers(2))
        place = int(random.integers(0, 6))
        row[place, label], row[place + 1, 1 - label] = 1, 1
        features.append(row)
        labels.append([label])
    return features, np.array(labels, dtype=np.float32)


def test_the_cnn_reads_the_order_of_tokens_which_summaries_lose():
    goal = SimpleNamespace(kind="binary", outputs=1)
    train, valid, test = planted(120, 0), planted(40, 1), planted(60, 2)
    cnn = fit_readout("cnn", goal, train, valid, seed=0, config=TINY, training=replace(QUICK, epochs=20))
    assert ((cnn.predict(test[0]) > 0.5) == test[1]).mean() > 0.9

    def means(some: list[np.ndarray]) -> np.ndarray:
        return np.stack([row.sum(0) for row in some])

    mlp = fit_readout("mlp", goal, (means(train[0]), train[1]), (means(valid[0]), valid[1]), seed=0, training=QUICK)
    assert ((mlp.predict(means(test[0])) > 0.5) == test[1]).mean() < 0.75


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_training_is_exact_for_a_seed_and_leaves_the_generator_alone(name, tmp_path):
    goal = SimpleNamespace(kind="binary", outputs=1)
    train, valid = planted(33, 0), planted(20, 1)  # one row is left over by batches of 16
    if name == "mlp":
        train, valid = ((np.stack([row[:8].ravel() for row in part]), y) for part, y in (train, valid))
    options = {"training": QUICK, "config": TINY if name == "cnn" else MlpConfig(scale=0.02)}
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    first = fit_readout(name, goal, train, valid, seed=3, folder=tmp_path / "kept", **options)
    assert torch.equal(state, torch.random.get_rng_state())
    torch.manual_seed(6)
    again = fit_readout(name, goal, train, valid, seed=3, **options)
    other = fit_readout(name, goal, train, valid, seed=4, **options)
    assert (first.predict(valid[0]) == again.predict(valid[0])).all()
    assert (first.predict(valid[0]) != other.predict(valid[0])).any()
    once = replace(QUICK, batch_size=1000, epochs=1)  # the order of rows does not matter
    starts = [fit_readout(name, goal, train, valid, seed=n, **options | {"training": once}) for n in (3, 4)]
    assert np.abs(starts[0].predict(valid[0]) - starts[1].predict(valid[0])).max() > 1e-3
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {"weights.safetensors", "settings.json"}


def test_the_learning_rate_and_the_weights_of_least_validation_loss_are_kept():
    goal = SimpleNamespace(kind="regression", outputs=1)
    random = np.random.default_rng(0)
    x = random.normal(size=(80, 4)).astype(np.float32)
    y = 100 + 10 * x[:, :1]
    how = Training(learning_rates=(1e-2, 1e-6), batch_size=16, epochs=12)
    readout = fit_readout("mlp", goal, (x[:60], y[:60]), (x[60:], y[60:]), seed=0, training=how)
    losses = readout.settings["validation loss"]
    assert readout.settings["learning rate"] == 1e-2
    assert losses["0.01"] < losses["1e-06"]
    found = ((readout.predict(x[60:]) - y[60:]) ** 2).mean() / y[:60].var()
    assert found == pytest.approx(losses["0.01"], rel=1e-3)
    assert readout.predict(x[60:]).mean() == pytest.approx(y[60:].mean(), abs=5)  # in the units of the labels


def test_training_stops_when_validation_does_not_improve():
    goal = SimpleNamespace(kind="binary", outputs=1)
    random = np.random.default_rng(0)
    x, y = random.normal(size=(64, 3)).astype(np.float32), random.integers(0, 2, (64, 1)).astype(np.float32)
    how = Training(learning_rates=(1e-1,), batch_size=16, epochs=200, patience=4)
    readout = fit_readout("mlp", goal, (x[:32], y[:32]), (x[32:], y[32:]), seed=0, training=how)
    assert readout.settings["epochs"] == readout.settings["best epoch"] + 4


def test_binary_heads_give_logits_whose_loss_needs_no_clipping():
    """The released perceptron has a linear output under a loss of probabilities, clipped to [1e-7, 1 - 1e-7]."""
    link = Link.of("binary", np.zeros((2, 1)))
    wrong = torch.tensor([[-40.0], [40.0]], requires_grad=True)
    loss = link.loss(wrong, torch.tensor([[1.0], [0.0]]))
    loss.backward()
    assert loss.item() == pytest.approx(40.0)
    assert wrong.grad.abs().min() > 0.4
    assert (link.predictions(wrong.detach()) >= 0).all()


def test_multiclass_predictions_are_probabilities():
    goal = SimpleNamespace(kind="multiclass", outputs=3)
    x = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
    y = np.arange(30)[:, None] % 3
    readout = fit_readout("mlp", goal, (x, y), (x, y), seed=0, training=QUICK)
    np.testing.assert_allclose(readout.predict(x).sum(1), 1)


class TestPsi:
    def test_divergence_is_that_of_two_coins(self):
        p, q = 0.3, 0.8
        logit = float(np.log(q / (1 - q)))
        expected = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
        psi = torch.tensor([[p, float("nan"), p]], dtype=torch.float64)
        found = bernoulli_kl(psi, torch.full((1, 3), logit, dtype=torch.float64))
        assert found.item() == pytest.approx(expected)

    def test_tissues_without_a_measurement_have_no_gradient_and_extremes_a_finite_loss(self):
        outputs = torch.zeros(2, 3, requires_grad=True)
        psi = torch.tensor([[0.2, float("nan"), 0.9], [0.0, 1.0, 1.0]])
        loss = Link.of("psi", psi.numpy()).loss(outputs, psi)
        loss.backward()
        assert torch.isfinite(loss)
        assert outputs.grad[0, 1] == 0
        assert (outputs.grad[0, [0, 2]] != 0).all()

    def test_the_loss_is_least_at_the_deviations(self):
        psi = np.array([[0.2, 0.4, 0.9], [0.5, np.nan, 0.7]], dtype=np.float32)
        link = Link.of("psi", psi)
        right = torch.from_numpy(np.nan_to_num(deviations(psi))).float()
        assert link.loss(right, torch.from_numpy(psi)).item() == pytest.approx(0, abs=1e-6)
        assert link.loss(right + 0.5, torch.from_numpy(psi)).item() > 0.01

    def test_deviations_and_level_give_psi_back(self):
        psi = np.array([[0.25, 0.5, np.nan]])
        back = 1 / (1 + np.exp(-(deviations(psi) + mean_logit(psi))))
        np.testing.assert_allclose(back, psi)
        assert mean_logit(psi).item() == pytest.approx(np.log(0.375 / 0.625))

    def test_exons_are_scored_that_vary_and_were_measured_often_enough(self):
        flat, varying = np.full(12, 0.5), np.full(12, 0.5)
        varying[0] = 0.75
        few = varying.copy()
        few[3:] = np.nan
        assert varying_exons(np.stack([flat, varying, few])).tolist() == [False, True, False]

    def test_two_inputs_and_missing_tissues_are_learned(self):
        goal = SimpleNamespace(kind="psi", outputs=3)
        random = np.random.default_rng(0)
        ends = tuple([random.normal(size=(9, 4)).astype(np.float32) for _ in range(24)] for _ in range(2))
        psi = random.uniform(size=(24, 3)).astype(np.float32)
        psi[::3, 1] = np.nan
        config = replace(TINY, towers=2, tower_block=ConvSize(6, 3, 2))
        cnn = fit_readout("cnn", goal, (ends, psi), (ends, psi), seed=0, config=config, training=QUICK)
        assert np.isfinite(cnn.predict(ends)).all()
        means = tuple(np.stack([row.mean(0) for row in part]) for part in ends)
        linear = fit_readout("linear", goal, (means, psi), (means, psi), seed=0)
        assert linear.parameters == 3 * (8 + 1)
        assert linear.predict(means).shape == (24, 3)
