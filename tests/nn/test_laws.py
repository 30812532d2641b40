"""Laws that hold for every layer of the table in ``conftest.py``."""

from __future__ import annotations

import copy
import inspect

import pytest
import torch
from beartype import beartype
from jaxtyping import jaxtyped
from safetensors.torch import load, save
from torch import nn
from torch.nn.utils import parametrize

import palindra.nn
from palindra.nn.printed import OneLine, printed_name
from palindra.symmetry import equivariance_error

FUNCTIONS = {"concat", "count_parameters", "gelu"}  # public, but not layers; tested on their own


def test_every_public_layer_is_in_the_table(layers):
    inside = {printed_name(part) for case in layers for part in case.layer.modules()}
    assert set(palindra.nn.__all__) - FUNCTIONS <= inside
    assert set(palindra.nn.__all__) >= FUNCTIONS
    direct = {printed_name(case.layer) for case in layers}
    assert set(palindra.nn.__all__) - FUNCTIONS == direct


def test_names_of_cases_differ(layers):
    assert len({case.name for case in layers}) == len(layers)


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_commutes_with_the_involution(case, training, run_seeded):
    for dtype, tolerance in ((torch.float64, 1e-10), (torch.float32, 1e-5)):
        layer = case.fresh(dtype).train(training)
        for length in case.lengths:
            x = case.draw(length, dtype)
            assert equivariance_error(run_seeded(layer), case.source, case.image, x) <= tolerance


def test_the_image_of_an_output_is_not_the_output(case):
    # Otherwise the law above would hold for any function: only even vectors and one self-paired position are their own.
    layer, x = case.fresh().eval(), case.draw(case.lengths[-1])
    given = layer(x)
    assert torch.equal(case.image.act(case.image.act(given)), given)
    if x.is_floating_point() and case.position is not palindra.symmetry.Position.IDENTITY:
        assert not torch.equal(case.source.act(x), x)


def test_state_after_a_step_in_training_mode_is_invariant(case, run_seeded):
    states = []
    for act in (lambda x: x, case.source.act):
        layer = case.fresh().train()
        run_seeded(layer)(act(case.draw(case.lengths[0])))
        states.append(layer.state_dict())
    for name, given in states[0].items():
        torch.testing.assert_close(given, states[1][name], rtol=0, atol=1e-12)


def test_commutes_under_autocast(case):
    layer = case.fresh(torch.float32).eval()
    with torch.autocast("cpu", torch.bfloat16):
        x = case.draw(case.lengths[0], torch.float32)
        assert layer(x).dtype is torch.bfloat16 or not isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Linear))
        assert equivariance_error(lambda x: layer(x).float(), case.source, case.image, x) <= 2e-2


def test_saving_and_copying_keep_every_bit(case):
    layer = case.fresh(torch.float32).eval()
    x = case.draw(case.lengths[0], torch.float32)
    expected = layer(x)
    assert torch.equal(copy.deepcopy(layer)(x), expected)
    loaded = case.fresh(torch.float32).eval()
    with torch.no_grad():
        for parameter in loaded.parameters():
            parameter.fill_(7.0)
    loaded.load_state_dict(load(save(layer.state_dict())) if layer.state_dict() else {})
    assert torch.equal(loaded(x), expected)


def test_still_commutes_after_an_optimiser_step(case, run_seeded):
    layer = case.fresh().train()
    if not any(p.numel() for p in layer.parameters()):
        return
    optimiser = torch.optim.AdamW(layer.parameters(), lr=0.1, weight_decay=0.3)
    before = copy.deepcopy(layer.state_dict())
    y = layer(case.draw(case.lengths[0]))
    (y * torch.linspace(-1, 2, y.numel(), dtype=y.dtype).view_as(y)).sum().backward()
    optimiser.step()
    assert any(not torch.equal(before[name], value) for name, value in layer.state_dict().items())
    layer.eval()
    assert equivariance_error(layer, case.source, case.image, case.draw(case.lengths[0], seed=1)) <= 1e-10


def without_ties(layer: nn.Module) -> nn.Module:
    for part in list(layer.modules()):
        for name in list(getattr(part, "parametrizations", {})):
            parametrize.remove_parametrizations(part, name)
    return layer


def test_removing_the_ties_leaves_the_same_function_without_parametrisations(case):
    layer, x = case.fresh(torch.float32).eval(), case.draw(case.lengths[0], torch.float32)
    expected = layer(x)
    exported = without_ties(copy.deepcopy(layer))
    assert not any(parametrize.is_parametrized(part) for part in exported.modules())
    assert all(not type(part).__name__.startswith("Parametrized") for part in exported.modules())
    assert torch.equal(exported(x), expected)


def test_shapes_are_the_annotated_ones(case):
    layer, x = case.fresh(torch.float32), case.draw(case.lengths[0], torch.float32)
    written = next(c for c in type(layer).__mro__ if "forward" in vars(c))
    if written.__module__.startswith("palindra"):
        checked = jaxtyped(typechecker=beartype)(written.forward)
        checked(layer, x)
        with pytest.raises(Exception, match=r"(?i)type"):
            checked(layer, x.bool())


def test_prints_types_without_the_parts_of_tying(case):
    text = repr(case.layer)
    assert "Parametriz" not in text
    if isinstance(case.layer, OneLine):
        assert "\n" not in text
        assert str(case.layer.out_rep) in text


def test_docstrings_tell_what_the_layer_is():
    for name in palindra.nn.__all__:
        assert inspect.getdoc(getattr(palindra.nn, name)), name
