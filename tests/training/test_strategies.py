"""Every strategy on every kind of label: it trains, and keeps the promise of its name on the other strand."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from palindra.data import LabelledSequences
from palindra.errors import InputError
from palindra.models import Predictor
from palindra.sequences import PROTEIN, one_hot
from palindra.symmetry import Rep, Target
from palindra.training.fit import fit, require_trainable
from palindra.training.module import TrainingConfig
from palindra.training.strategies import NONE, STRATEGIES, Strategy, members

LABELS = ["binary", "multiclass", "multilabel", "regression", "pair", "classes that swap"]
NETWORKS = {name: strategy for name, strategy in STRATEGIES.items() if not strategy.linear}
EXACT = {"conjoined", "post-hoc", "regular", "irreps", "mixed", "regular-k3", "irreps-k3"}


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_and_the_other_strand(planted, network, quick, target_of, tmp_path, name: str, labels: str):
    data, strategy = planted(labels, rows=32), STRATEGIES[name]
    target = target_of(labels, data)
    model = network(data, strategy, target)
    before = [p.detach().clone() for p in model.parameters()]
    done = fit(model, data, target=target, strategy=strategy, config=quick(epochs=1), seed=0, folder=tmp_path)
    assert 0 < done.best_loss < 100
    assert all(not torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True) if q.numel() > 1)
    predictor = Predictor(
        [model],
        both_strands=[strategy.both_strands],
        task=data.task,
        target=target,
        offset=done.offset,
        scale=done.scale,
    ).eval()
    x = one_hot(data.sequences).float()
    with torch.no_grad():
        given, other = predictor(x), target.act(predictor(x.flip(1, 2)))
    apart = float((given - other).abs().max() / given.abs().max().clamp(min=1))
    assert apart <= 1e-5 if name in EXACT else apart > 1e-4


def test_the_table_of_exact_strategies_is_complete():
    assert {name for name, s in NETWORKS.items() if s.kind or s.both_strands} == EXACT


@pytest.mark.parametrize("name", NETWORKS)
def test_only_none_accepts_a_strand_specific_target(planted, name: str):
    data = planted("binary")
    if name == "none":
        require_trainable(STRATEGIES[name], Target.strand_specific(), data, TrainingConfig())
        return
    with pytest.raises(InputError, match=f"strategy '{name}' needs to know the labels of the other strand.*'none'"):
        require_trainable(STRATEGIES[name], Target.strand_specific(), data, TrainingConfig())


def test_a_strand_specific_target_trains_without_symmetry(planted, network, quick, tmp_path):
    data, target = planted("binary", rows=32), Target.strand_specific()
    model = network(data, NONE, target)
    done = fit(model, data, target=target, strategy=NONE, config=quick(epochs=1), seed=0, folder=tmp_path)
    assert done.epochs == 1


def test_one_strand_is_enough_for_none_only():
    protein = LabelledSequences.from_arrays(["ACDEF", "GHIKL"], [0, 1], alphabet=PROTEIN)
    require_trainable(NONE, Target.invariant(1), protein, TrainingConfig())
    with pytest.raises(InputError, match="needs two strands, but protein has one: use 'none'"):
        require_trainable(STRATEGIES["augment"], Target.invariant(1), protein, TrainingConfig())


def test_class_labels_have_no_sign_to_change(planted):
    with pytest.raises(InputError, match="labels change their sign with the strand, which binary ones cannot"):
        require_trainable(NONE, Target(Rep(odd=1)), planted("binary"), TrainingConfig())


def test_too_few_sequences_for_the_processes():
    data = LabelledSequences.from_arrays(["ACGT"] * 3, [0, 1, 1])
    with pytest.raises(InputError, match="3 training sequences are too few; at least 4 needed"):
        require_trainable(NONE, Target.invariant(1), data, TrainingConfig(devices=2))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("regular", [("regular", 0)]),
        ("regular*3", [("regular", 0), ("regular", 1), ("regular", 2)]),
        ("regular + irreps*2", [("regular", 0), ("irreps", 0), ("irreps", 1)]),
        ("regular+regular", [("regular", 0), ("regular", 1)]),
        ("none+kmers", [("none", 0), ("kmers", 0)]),
    ],
)
def test_ensembles(name: str, expected: list[tuple[str, int]]):
    assert [(member.strategy.name, member.copy) for member in members(name)] == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("regula", "no strategy 'regula'. Did you mean 'regular'?"),
        ("posthoc", "Did you mean 'post-hoc'?"),
        ("", "no strategy ''"),
        ("none+", "no strategy ''"),
        ("regular*0", "'regular*0': after * comes the number of models"),
        ("regular*", "'regular*': after * comes the number of models"),
        ("regular*two", "after * comes the number of models"),
    ],
)
def test_names_that_are_not_strategies(name: str, message: str):
    with pytest.raises(InputError) as caught:
        members(name)
    assert message in str(caught.value)


@pytest.mark.parametrize("strategy", NETWORKS.values(), ids=lambda s: s.name)
@pytest.mark.parametrize("channels", [4, 8, 12, 20, 64])
def test_all_strategies_have_the_same_number_of_channels(strategy: Strategy, channels: int):
    assert strategy.hidden(channels).channels == channels


@pytest.mark.parametrize("channels", [0, 2, 6, -4])
def test_widths_that_cannot_be_shared_out(channels: int):
    with pytest.raises(InputError, match=r"give a multiple of 4, at least 4"):
        STRATEGIES["mixed"].hidden(channels)


def test_descriptions_are_sentences_and_names_are_keys():
    for name, strategy in STRATEGIES.items():
        assert strategy.name == name
        assert strategy.description.endswith(".")
        assert strategy.trained_as is None or strategy.trained_as in STRATEGIES


def test_a_strategy_that_borrows_networks_would_train_the_same():
    post_hoc, augment = STRATEGIES["post-hoc"], STRATEGIES["augment"]
    assert post_hoc.trained_as == "augment"
    same = {"name": "", "description": "", "conjoin_prediction": False, "trained_as": None}
    assert dataclasses.replace(post_hoc, **same) == dataclasses.replace(augment, **same)
