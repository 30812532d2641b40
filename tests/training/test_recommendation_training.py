"""Training of recommenders: a finite loss, padding left out, selection on validation, runs that repeat."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from palindra.data.recommendation import Interactions, split_in_time
from palindra.evaluation.recommendation import model_scores, rank_all
from palindra.models.cosrec import CosRecConfig
from palindra.training.recommendation import (
    RecommendationTraining,
    build,
    fit_recommender,
    recommendation_loss,
    refit_recommender,
)


@pytest.fixture(scope="module")
def data():
    """Users who walk round a circle of items, one step a day, from different places."""
    rows = [(f"u{u}", f"i{(u + day) % 24}", float(day)) for u in range(30) for day in range(20)]
    return split_in_time(Interactions.from_rows(rows))


@pytest.fixture(scope="module")
def config(data):
    return CosRecConfig(len(data.users), len(data.items), width=8, blocks=(12, 16), features=10, dropout=0.1)


def validation_map(data):
    return lambda model: rank_all(model_scores(model, data.train), data.train, data.valid, data.known).means()["MAP"]


def test_the_loss_is_that_of_the_article_and_finite():
    torch.manual_seed(0)
    scores = torch.randn(7, 5, dtype=torch.float64)
    expected = -torch.log(torch.sigmoid(scores[:, :3])).mean() - torch.log(1 - torch.sigmoid(scores[:, 3:])).mean()
    assert recommendation_loss(scores, torch.ones(7, 3)).item() == pytest.approx(expected.item(), rel=1e-12)
    extreme = torch.tensor([[-1e4, 1e4]], requires_grad=True)
    loss = recommendation_loss(extreme, torch.ones(1, 1))
    loss.backward()
    assert loss.item() == 2e4
    assert extreme.grad is not None
    assert extreme.grad.tolist() == [[-1.0, 1.0]]


def test_padding_among_targets_is_in_no_loss():
    scores = torch.tensor([[50.0, 1.0, 0.0], [2.0, 3.0, 0.0]])
    found = recommendation_loss(scores, torch.tensor([[0.0, 1.0], [1.0, 1.0]])).item()
    mean = sum(math.log1p(math.exp(-s)) for s in (1, 2, 3)) / 3
    assert found == pytest.approx(mean + math.log(2), rel=1e-5)


@pytest.mark.parametrize("bfloat16", [False, True])
def test_a_circle_is_learnt_and_the_run_repeats(data, config, bfloat16):
    settings = RecommendationTraining(epochs=18, batch_size=32, learning_rate=5e-3, stop_after=18, bfloat16=bfloat16)
    before = torch.get_rng_state()
    fitted = fit_recommender(config, data, settings, validation_map(data))
    assert torch.equal(torch.get_rng_state(), before)
    score = validation_map(data)
    assert score(fitted.model) == max(line.validation for line in fitted.log)
    assert score(fitted.model) > 0.8 > 0.5 > score(build(config, 0).eval())
    assert fitted.log[-1].loss < fitted.log[0].loss
    if not bfloat16:
        settings = dataclasses.replace(settings, epochs=3)
        again = fit_recommender(config, data, settings, score)
        assert [line.loss for line in again.log] == [line.loss for line in fitted.log[:3]]
        other = fit_recommender(config, data, dataclasses.replace(settings, seed=1), score)
        assert other.log[0].loss != fitted.log[0].loss


def test_rate_and_epoch_follow_validation_and_nothing_else(data, config):
    """Test items may be anything: they are not looked at."""
    scores = iter([0.1, 0.3, 0.3, 0.2, 0.2, 0.25, 0.1])  # of equal ones the first is kept
    settings = RecommendationTraining(epochs=50, batch_size=64, patience=1, stop_after=4, factor=0.5)
    blind = dataclasses.replace(data, test=tuple(np.array([-1]) for _ in data.test))
    fitted = fit_recommender(config, blind, settings, lambda model: next(scores))
    assert fitted.best == 1
    assert len(fitted.log) == 6
    assert [line.learning_rate for line in fitted.log] == [1e-3, 1e-3, 1e-3, 1e-3, 5e-4, 5e-4]
    assert fitted.rates == (1e-3, 1e-3)


def test_the_kept_model_is_the_one_of_the_best_epoch_and_a_refit_repeats_it(data, config):
    scores = iter([0.1, 0.3, 0.2])
    seen = []

    def validate(model):
        seen.append(model.output.weight.detach().clone())
        return next(scores)

    settings = RecommendationTraining(epochs=3, batch_size=64)
    fitted = fit_recommender(config, data, settings, validate)
    assert torch.equal(fitted.model.output.weight, seen[1])
    again = refit_recommender(config, data, settings, fitted.rates)
    assert torch.equal(again.model.output.weight, seen[1])
    assert not again.model.training
    assert [line.validation for line in again.log] == [None, None]


def test_settings_are_checked():
    with pytest.raises(ValueError, match="batch_size = 0"):
        RecommendationTraining(batch_size=0)
    with pytest.raises(ValueError, match="learning_rate > 0"):
        RecommendationTraining(learning_rate=-1.0)
