"""The rescale rule, operation by operation: contributions add up, and small answers known by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from palindra.errors import InputError
from palindra.interpretation.attribution import SALIENCY, DeepLiftShap, attribute, value
from palindra.interpretation.attribution.linear_operations import LINEAR
from palindra.interpretation.attribution.rescale import _REWRITTEN, _RULES


class Function(nn.Module):
    """A function of features between two linear maps, so that inputs are no plain letters any more."""

    def __init__(self, function, channels: int = 6) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first = nn.Conv1d(4, channels, 3, padding=1).double()
        self.function = function

    def forward(self, x):
        y = self.function(self.first(x))
        weights = torch.linspace(-1, 1, y[0].numel(), dtype=y.dtype)
        return (y.flatten(1) * weights).sum(1, keepdim=True)


def _in_place(y):
    y = y.clone()
    y += 1
    nn.functional.relu(y, inplace=True)
    z = torch.exp(y)
    y.mul_(2)  # after it was read
    y[:, 0] = 0.5
    return y * z


def _written(y):
    whole = torch.zeros(y.shape[0], 8, y.shape[2], dtype=y.dtype)
    whole[:, 1:7] = torch.tanh(y)
    return whole.square()


LSTM = nn.LSTM(6, 5, num_layers=2, bidirectional=True, batch_first=True).double().eval()
GRU = nn.GRU(6, 5, batch_first=True).double().eval()
PRELU = nn.PReLU(6).double()
ATTENTION = nn.MultiheadAttention(6, 2, batch_first=True).double().eval()
CASES = {
    "relu": torch.relu,
    "module": nn.ReLU(inplace=True),
    "exp": torch.exp,
    "silu": functional.silu,
    "gelu": lambda y: functional.gelu(y, approximate="tanh"),
    "abs": torch.abs,
    "clamp": lambda y: y.clamp(-0.2, 0.3),
    "leaky": lambda y: functional.leaky_relu(y, 0.2),
    "prelu": PRELU,
    "power": lambda y: y**3 + 2**y,
    "log of softplus": lambda y: functional.softplus(y).log1p(),
    "gate": lambda y: y[:, :3] * torch.sigmoid(y[:, 3:]),
    "glu": lambda y: functional.glu(y, 1),
    "three factors": lambda y: torch.einsum("bl,bl,bl->bl", y[:, 0], y[:, 1], y[:, 2]),
    "outer": lambda y: y @ y.mT,
    "quotient": lambda y: y[:, :3] / (1 + y[:, 3:].square()),
    "one over": lambda y: 1 / (2 + y.square()),
    "halved": lambda y: y.exp() / 2,
    "unit length": lambda y: y / y.square().sum(1, keepdim=True).clamp(min=0.1).sqrt(),
    "maximum": lambda y: torch.maximum(y[:, :3], y[:, 3:]) - torch.minimum(y[:, :3], y[:, 3:]),
    "max over length": lambda y: y.amax(-1) + y.max(-1).values + y.max(1)[0].mean(-1, keepdim=True),
    "min over length": lambda y: y.amin(-1),
    "pool": lambda y: functional.max_pool1d(y, 4),
    "overlapping pool": lambda y: functional.max_pool1d(y, 5, 2, 1),
    "dilated pool": lambda y: functional.max_pool1d(y, 3, 3, 1, 2),
    "hanging pool": lambda y: functional.max_pool1d(y, 5, 3, ceil_mode=True),
    "pool of maps": lambda y: functional.max_pool2d(y, (2, 3), (2, 2)),
    "adaptive pool": nn.AdaptiveMaxPool1d(4),
    "softmax": lambda y: (4 * y).softmax(-1),
    "layer norm": lambda y: functional.layer_norm(y.mT, (6,)),
    "instance norm": functional.instance_norm,
    "rms": lambda y: y * (y.square().mean(1, keepdim=True) + 1e-3).rsqrt(),
    "attention": lambda y: functional.scaled_dot_product_attention(y.mT, 2 * y.mT, y.mT),
    "attention module": lambda y: ATTENTION(y.mT, y.mT, y.mT)[0],
    "choice": lambda y: torch.where(y[:, :3] > y[:, 3:], y[:, :3], -y[:, 3:]),
    "masked": lambda y: y.exp().masked_fill(y < 0, 0.0),
    "lstm": lambda y: LSTM(y.mT)[0],
    "gru": lambda y: GRU(y.mT)[0],
    "twice": lambda y: torch.relu(torch.relu(y) - 0.2) + torch.relu(y),
    "both strands": lambda y: y * torch.relu(torch.cat([y, y.flip(-1, -2)])).view(2, y.shape[0], 6, -1).mean(0),
    "in place": _in_place,
    "written": _written,
    "variance": lambda y: y.var(-1),
    "norm": lambda y: y.norm(dim=1),
}


@pytest.mark.parametrize("name", CASES)
def test_contributions_add_up(name, make_sequences):
    x, references = make_sequences(3, 24).double(), make_sequences(6, 24, seed=3).view(3, 2, 4, 24).double()
    model = Function(CASES[name])
    found = attribute(model, x, method=DeepLiftShap(references), batch_size=2)
    expected = model(x)[:, 0] - model(references.flatten(0, 1)).view(3, 2).mean(1)
    assert torch.allclose(found.values.sum((1, 2)), expected, atol=1e-5)
    assert found.delta.max() < 1e-5
    assert (found.outputs - found.baseline).abs().max() > 1e-3
    again = attribute(model, x, method=DeepLiftShap(references), batch_size=64)
    assert torch.allclose(again.values, found.values, atol=1e-9)


@pytest.mark.parametrize("name", ["relu", "exp", "gate", "pool", "lstm", "softmax"])
def test_next_to_the_sequence_multipliers_are_gradients(name, make_sequences):
    x = make_sequences(2, 24).double()
    model = Function(CASES[name])
    references = (x + 1e-6 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0)))[:, None]
    found = attribute(model, x, method=DeepLiftShap(references.double()))
    gradient = attribute(model, x, method=SALIENCY).values
    lost = (gradient * references[:, 0]).sum(1, keepdim=True)
    assert torch.allclose(found.hypothetical, gradient - lost, atol=1e-4)


def test_a_rectifier_by_hand():
    """A unit that goes from -1 to 2 gives 2 for a change of 3; the plain gradient would give 1 for each."""
    unit = nn.Conv1d(4, 1, 1)
    with torch.no_grad():
        unit.weight.copy_(torch.tensor([2.0, -1.0, 0.0, 0.0])[None, :, None])
        unit.bias.zero_()
    model = nn.Sequential(unit, nn.ReLU(), nn.Flatten(), nn.Linear(1, 1, bias=False))
    model[3].weight.data.fill_(1.0)
    a, c = torch.eye(4)[0][None, :, None], torch.eye(4)[1][None, :, None]
    found = attribute(model, a, method=DeepLiftShap(c[:, None]))
    assert found.values[0, :, 0].tolist() == pytest.approx([2.0, 0, 0, 0])
    assert found.hypothetical[0, :, 0].tolist() == pytest.approx([2.0, 0.0, 2 / 3, 2 / 3])
    assert (found.outputs.item(), found.baseline.item()) == (2.0, 0.0)


def test_a_maximum_by_hand():
    """The entry that was largest before carries a fall, whichever is largest now."""
    read = nn.Conv1d(4, 1, 1, bias=False)
    read.weight.data[0, :, 0] = torch.tensor([4.0, 3.0, 1.0, 0.0])
    model = nn.Sequential(read, nn.MaxPool1d(3), nn.Flatten())
    x = torch.eye(4)[[2, 1, 2]].mT[None]  # 1 3 1
    before = torch.eye(4)[[0, 1, 3]].mT[None, None]  # 4 3 0
    found = attribute(model, x, method=DeepLiftShap(before))
    assert found.positions[0].tolist() == pytest.approx([-1.0, 0.0, 0.0])
    assert attribute(model, before[0], method=DeepLiftShap(x[:, None])).positions[0].tolist() == pytest.approx(
        [1, 0, 0]
    )


def test_overlapping_windows_add_up_what_each_gives_to_an_entry():
    """Published tools write the credit of one window over that of another (the unpooling of torch does)."""
    read = nn.Conv1d(4, 1, 1, bias=False)
    read.weight.data[0, :, 0] = torch.tensor([4.0, 3.0, 1.0, 0.0])
    model = nn.Sequential(read, nn.MaxPool1d(3, 1), nn.Flatten(), nn.Linear(3, 1, bias=False))
    model[3].weight.data.fill_(1.0)
    x, before = (torch.eye(4)[letters].mT[None] for letters in ([3, 3, 0, 3, 3], [3, 3, 3, 3, 3]))
    found = attribute(model, x, method=DeepLiftShap(before[:, None]))
    assert found.positions[0].tolist() == pytest.approx([0, 0, 12, 0, 0])  # one entry raises three windows


def test_no_operation_has_two_rules():
    assert not set(_RULES) & LINEAR
    assert not set(_REWRITTEN) & (set(_RULES) | LINEAR)


def test_the_model_is_left_as_it_was(make_sequences):
    model = nn.Sequential(nn.Conv1d(4, 3, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Flatten(), nn.Linear(66, 1))
    model[1].eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with torch.no_grad():
        found = attribute(model, make_sequences(2, 24).to(torch.int8))
    assert [part.training for part in model] == [True, False, True, True, True]
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert not any(part._forward_hooks or part._backward_hooks for part in model.modules())
    assert type(found.values) is torch.Tensor
    assert not found.values.requires_grad


def test_a_network_that_decides_by_numbers_is_refused(make_sequences):
    class Deciding(nn.Module):
        def forward(self, x):
            y = x.sum((1, 2), keepdim=True)[..., 0]
            return torch.exp(y) if x[0, 0, 0] > 0 else torch.tanh(torch.exp(y))

    x = make_sequences(1, 24)
    with pytest.raises(ValueError, match="other steps"):
        attribute(Deciding(), x, method=DeepLiftShap(torch.cat([x, 1 - x])[None, :]), batch_size=1)


def test_wrong_inputs_are_named(make_sequences):
    x = make_sequences(2, 24)
    model = Function(torch.relu)
    with pytest.raises(InputError, match=r"do not fit sequences \(2, 4, 24\)"):
        attribute(model, x, method=DeepLiftShap(x[:, None, :, :20]))
    with pytest.raises(InputError, match="rows, letters, length"):
        attribute(model, x[0])
    with pytest.raises(InputError, match="not finite"):
        attribute(Function(torch.log), x, output=value(0))
