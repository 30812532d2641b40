"""Saturation mutagenesis against mutants that are written out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.evaluation.mutagenesis import read_mutants, saturation_mutagenesis
from palindra.evaluation.variants import LocalModel, Reading
from palindra.symmetry import Position, Target

LETTERS = torch.eye(4)


def sequences(count: int, length: int) -> Tensor:
    codes = torch.randint(0, 4, (count, length), generator=torch.Generator().manual_seed(7))
    one_hot = LETTERS[codes].transpose(1, 2).contiguous()
    one_hot[-1, :, [2, 11]] = 0  # unknown letters
    return one_hot


def written_out(model: nn.Module, x: Tensor) -> Tensor:
    found = []
    with torch.no_grad():
        for row in range(len(x)):
            for letter in range(4):
                for position in range(x.shape[-1]):
                    mutant = x[row].clone()
                    mutant[:, position] = LETTERS[letter]
                    found.append(mutant)
        y = model(torch.stack(found))
    return y.view(len(x), 4, x.shape[-1], *y.shape[1:])


@pytest.fixture
def dilated() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv1d(4, 8, 5, padding=2),
        nn.ReLU(),
        nn.Conv1d(8, 8, 3, padding=4, dilation=4),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(8, 2, 3, padding=1),
    )


@pytest.mark.parametrize("sites", [1, 7, 64])
@pytest.mark.parametrize("head", ["tracks", "scalars"])
def test_all_mutants_of_scalars_and_tracks(dilated, head, sites):
    model = dilated if head == "tracks" else nn.Sequential(dilated, nn.AdaptiveAvgPool1d(1), nn.Flatten())
    model.eval()
    x = sequences(2, 46)
    local = LocalModel(model)
    found = saturation_mutagenesis(local, x, sites=sites)
    expected = written_out(model, x)
    torch.testing.assert_close(found.mutants, expected, rtol=0, atol=1e-5)
    assert local.full_from == ()
    assert local.refused is None
    known = x.sum(1) == 1
    own = (found.mutants * x.view(*x.shape, *[1] * (found.mutants.ndim - 3))).sum(1)
    repeated = found.reference[:, None].expand_as(own)
    torch.testing.assert_close(own[known], repeated[known], rtol=0, atol=0)  # exactly the sequence itself


def test_a_stretch_is_a_part_of_the_whole(dilated):
    x = sequences(2, 46)
    whole, part = saturation_mutagenesis(dilated, x), saturation_mutagenesis(dilated, x, start=9, end=20)
    torch.testing.assert_close(part.mutants, whole.mutants[:, :, 9:20], rtol=0, atol=1e-6)
    assert part.one_hot.shape == (2, 4, 11)
    with pytest.raises(InputError, match="no stretch"):
        saturation_mutagenesis(dilated, x, start=9, end=47)


def test_a_linear_model_gives_its_weights():
    weight = torch.randn(4, 30)
    model = nn.Sequential(nn.Flatten(), nn.Linear(120, 1, bias=False))
    with torch.no_grad():
        model[1].weight.copy_(weight.flatten()[None])  # type: ignore[union-attr]
    x = sequences(1, 30)
    found = saturation_mutagenesis(model, x)
    expected = weight[None] - (weight * x).sum(1, keepdim=True)
    known = (x.sum(1) == 1)[:, None].expand_as(expected)
    torch.testing.assert_close(found.difference[..., 0][known], expected[known], rtol=0, atol=1e-5)
    assert found.importance[0, 2] == 0  # an unknown letter


def test_both_strands_swap_stranded_tracks(dilated):
    pair = Target.paired([1, 0], Position.REVERSE)
    dilated.eval()
    x = sequences(2, 46)
    found = read_mutants(dilated, x, Reading(pair, "coverage"), start=3, end=40, both_strands=True)
    given = written_out(dilated, x).sum(-1)
    other = written_out(dilated, x.flip(1, 2)).sum(-1).flip(1, 2)[..., [1, 0]]
    torch.testing.assert_close(found.mutants, ((given + other) / 2)[:, :, 3:40], rtol=0, atol=1e-4)
    turned = read_mutants(dilated, x.flip(1, 2), Reading(pair, "coverage"), start=6, end=43, both_strands=True)
    torch.testing.assert_close(turned.mutants.flip(1, 2)[..., [1, 0]], found.mutants, rtol=0, atol=0)
