"""The contact networks: symmetric where they should be, blind to padding, with the numbers of the formulas."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from palindra.models.contact_cnn import ContactCNN, ContactCNNConfig
from palindra.nn import count_parameters
from palindra.nn.pair import OuterConv2d, PairBatchNorm, PairConv2d
from palindra.symmetry import Position

SMALL = ContactCNNConfig(
    residue_channels=6,
    pair_channels=2,
    recurrent_width=5,
    residue_width=3,
    generated=7,
    blocks=(((5, 4), (3, 3)), ((3, 5),)),
    generated_again=4,
)


def inputs(batch: int = 2, length: int = 11, *, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    residues = torch.randn(batch, 6, length, generator=generator, dtype=torch.float64)
    pairs = torch.randn(batch, 2, length, length, generator=generator, dtype=torch.float64)
    return residues, pairs + pairs.mT


def network(config: ContactCNNConfig = SMALL) -> ContactCNN:
    torch.manual_seed(1)
    return ContactCNN(config).double()


@pytest.mark.parametrize("training", [True, False])
def test_maps_are_symmetric_in_training_too(training):
    model = network(replace(SMALL, dropout=0.5)).train(training)
    logits = model(*inputs())
    assert (logits - logits.mT).abs().max() < 1e-10
    assert logits.std() > 0


def test_without_the_involution_maps_are_not_symmetric():
    logits = network(replace(SMALL, involution=None)).eval()(*inputs())
    assert (logits - logits.mT).abs().max() > 1e-2


@pytest.mark.parametrize("involution", [Position.TRANSPOSE, None])
@pytest.mark.parametrize("training", [True, False])
def test_padding_changes_nothing(involution, training):
    model = network(replace(SMALL, involution=involution)).train(training)
    residues, pairs = inputs(batch=1, length=9)
    alone = model(residues, pairs)
    padded = torch.full((1, 6, 14), 7.0, dtype=torch.float64)
    padded[..., :9] = residues
    square = torch.full((1, 2, 14, 14), -5.0, dtype=torch.float64)
    square[..., :9, :9] = pairs
    found = model(padded, square, torch.tensor([9]))
    torch.testing.assert_close(found[:, :9, :9], alone)
    assert not found[:, 9:].any()
    assert not found[:, :, 9:].any()


def test_proteins_of_a_batch_do_not_see_each_other():
    model = network().eval()
    residues, pairs = inputs()
    lengths = torch.tensor([11, 6])
    both = model(residues, pairs, lengths)
    torch.testing.assert_close(both[0], model(residues[:1], pairs[:1])[0])
    torch.testing.assert_close(both[1, :6, :6], model(residues[1:, :, :6], pairs[1:, :, :6, :6])[0])


@pytest.mark.parametrize("symmetric", [True, False])
def test_parameters_are_those_of_the_formulas(symmetric):
    def convolution(channels: int, filters: int, kernel: int) -> int:
        taps = kernel * (kernel + 1) // 2 if symmetric else kernel**2
        return channels * filters * taps + filters

    recurrent = 2 * (4 * 5 * (6 + 5) + 2 * 4 * 5)
    narrow = 10 * 3 + 3
    generating = [(9 if symmetric else 18) * 7 + 7, (6 if symmetric else 12) * 4 + 4]
    blocks = convolution(9, 4, 5) + convolution(9, 3, 3) + convolution(7, 5, 3)
    norms = 2 * (7 + 7 + 5 + 4)
    expected = recurrent + narrow + sum(generating) + blocks + norms + convolution(5 + 4 + 2, 1, 3)
    config = replace(SMALL, involution=Position.TRANSPOSE if symmetric else None)
    assert count_parameters(ContactCNN(config)) == expected


def test_the_cnn_with_the_weights_of_the_scnn_is_the_scnn():
    model, plain = network(), network(replace(SMALL, involution=None))
    weights = {}
    for name, module in model.named_modules():
        if isinstance(module, OuterConv2d):  # the full kernel on [x(s) ; x(t)]
            weights |= {f"{name}.layer.weight": module.full_weight()[..., 0], f"{name}.layer.bias": module.bias}
        elif isinstance(module, PairConv2d | PairBatchNorm | nn.Linear):
            weights |= {f"{name}.weight": module.weight, f"{name}.bias": module.bias}
    weights |= {f"recurrent.{name}": value for name, value in model.recurrent.named_parameters()}
    with torch.no_grad():
        places = dict(plain.named_modules())
        for path, value in weights.items():
            module, _, name = path.rpartition(".")
            tied = parametrize.is_parametrized(places[module], name)
            setattr(places[module], name, value.clone() if tied else nn.Parameter(value.clone()))
    torch.testing.assert_close(plain(*inputs()), model(*inputs()))


def test_every_parameter_learns():
    model = network()
    model(*inputs())[0].square().sum().backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    # Biases before a batch norm do not matter.
    assert all("bias" in name for name in silent), silent


def test_sizes_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="transposed or without symmetry"):
        ContactCNNConfig(involution=Position.REVERSE)
    with pytest.raises(ValueError, match="odd kernels keep the length, got 4"):
        ContactCNNConfig(blocks=(((4, 3),),))
