"""CosRec and SCosRec: symmetric maps, published numbers of parameters, padding that is nobody's item."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn
from torch.nn import functional

from palindra.models.cosrec import CosRec, CosRecConfig, PairMap, parameters
from palindra.symmetry import Position

SMALL = CosRecConfig(users=3, items=7, length=5, width=4, blocks=(6, 8), features=5)


def built(config: CosRecConfig, seed: int = 0) -> CosRec:
    torch.manual_seed(seed)
    return CosRec(config).double()


def maps(model: CosRec, past: torch.Tensor) -> list[torch.Tensor]:
    """The outputs of every norm: the maps of pairs, layer after layer."""
    found: list[torch.Tensor] = []
    hooks = [norm.register_forward_hook(lambda *args: found.append(args[-1])) for norm in model.norms]
    model.state(torch.zeros(len(past), dtype=torch.long), past)
    for hook in hooks:
        hook.remove()
    return found


@pytest.mark.parametrize("initialisation", ["stock", "half_glorot", "published"])
@pytest.mark.parametrize("training", [True, False])
def test_every_map_of_scosrec_is_symmetric_and_those_of_cosrec_are_not(training, initialisation):
    past = torch.randint(1, 8, (11, 5), generator=torch.Generator().manual_seed(1))
    for involution in (Position.TRANSPOSE, None):
        config = dataclasses.replace(SMALL, involution=involution, initialisation=initialisation)
        for z in maps(built(config).train(training), past)[:3]:
            error = (z - z.transpose(-1, -2)).abs().max().item()
            assert error < 1e-10 if involution else error > 1e-3


def test_pairs_of_items_in_either_order_have_one_value():
    torch.manual_seed(0)
    x = torch.randn(2, 5, 4, dtype=torch.float64)
    for symmetric in (True, False):
        layer = PairMap(4, 6, symmetric=symmetric).double()
        swapped = x[:, [3, 1, 2, 0, 4]]  # items at places 0 and 3 change places
        same = torch.allclose(layer(x)[:, 0, 3], layer(swapped)[:, 0, 3], atol=1e-12)
        assert same is symmetric


@pytest.mark.parametrize("symmetric", [True, False])
def test_the_pair_map_is_the_convolution_of_all_pairs(symmetric):
    torch.manual_seed(0)
    layer = PairMap(4, 6, symmetric=symmetric).double()
    x = torch.randn(3, 5, 4, dtype=torch.float64, requires_grad=True)
    y = torch.cat([x[:, :, None].expand(3, 5, 5, 4), x[:, None].expand(3, 5, 5, 4)], -1)  # [x(s) ; x(t)]
    weight = torch.cat([layer.pair.weight[:, :4], layer.pair.weight[:, 4:].flip(1)], 1)
    dense = functional.conv2d(y.permute(0, 3, 1, 2), weight[:, :, None, None], layer.pair.bias).permute(0, 2, 3, 1)
    torch.testing.assert_close(layer(x), dense, atol=1e-12, rtol=0)
    if symmetric:
        torch.testing.assert_close(weight[:, :4], weight[:, 4:], atol=0, rtol=0)
    seed = torch.randn_like(dense)
    ours, theirs = (torch.autograd.grad((z * seed).sum(), x, retain_graph=True)[0] for z in (layer(x), dense))
    torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=0)


def test_no_map_of_the_pairs_of_vectors_is_made():
    from torch.utils._python_dispatch import TorchDispatchMode

    sizes = set()

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            found = func(*args, **(kwargs or {}))
            for tensor in found if isinstance(found, tuple | list) else (found,):
                if isinstance(tensor, torch.Tensor):
                    sizes.add(tensor.numel())
            return found

    width, batch = 31, 13
    for symmetric in (True, False):
        layer = PairMap(width, 3, symmetric=symmetric)
        with Watch():
            layer(torch.randn(batch, 5, width)).sum().backward()
        assert batch * 5 * 5 * 2 * width not in sizes
        assert max(sizes) == batch * 5 * width


@pytest.mark.parametrize("involution", [Position.TRANSPOSE, None])
def test_the_model_is_the_published_stack_of_convolutions(involution):
    """An independent implementation with dense convolutions of the whole pair tensor, in evaluation mode."""
    model = built(dataclasses.replace(SMALL, involution=involution)).eval()
    for norm in model.norms:
        norm.running_mean.uniform_(-1, 1)
        norm.running_var.uniform_(0.5, 2)
    users, past, items = (
        torch.tensor([2, 0]),
        torch.tensor([[0, 3, 7, 1, 2], [4, 4, 5, 6, 7]]),
        torch.tensor([[7], [1]]),
    )
    x = model.item(past)
    y = torch.cat([x[:, :, None].expand(2, 5, 5, 4), x[:, None].expand(2, 5, 5, 4)], -1).permute(0, 3, 1, 2)
    first = torch.cat([model.pairs.pair.weight[:, :4], model.pairs.pair.weight[:, 4:].flip(1)], 1)[:, :, None, None]
    stack = [
        (first, model.pairs.pair.bias),
        (model.kernels[0].weight, model.kernels[0].bias),
        (model.pointwise[1].weight, model.pointwise[1].bias),
        (model.kernels[1].weight, model.kernels[1].bias),
    ]
    for (weight, bias), norm in zip(stack, model.norms, strict=True):
        y = functional.relu(norm(functional.conv2d(y, weight, bias)))
    assert y.shape == (2, 8, 1, 1)
    state = torch.cat([torch.tanh(model.features(y[:, :, 0, 0])), model.user(users)], 1)
    expected = (state * model.output(items[:, 0] - 1)).sum(1) + model.bias(items[:, 0] - 1)[:, 0]
    torch.testing.assert_close(model(users, past, items)[:, 0], expected, atol=1e-12, rtol=1e-12)
    every = model.score_all(users, past)
    assert every.shape == (2, 7)  # no column for padding
    torch.testing.assert_close(every[[0, 1], [6, 0]], expected, atol=1e-12, rtol=1e-12)


def test_padding_is_zero_and_learns_nothing():
    model = built(SMALL)
    past = torch.tensor([[0, 0, 1, 2, 3], [0, 4, 5, 6, 7]])
    model(torch.tensor([0, 1]), past, torch.tensor([[1], [2]])).sum().backward()
    assert model.item.weight[0].abs().max() == 0
    assert model.item.weight.grad is not None
    assert model.item.weight.grad[0].abs().max() == 0
    assert model.output.num_embeddings == 7


@pytest.mark.parametrize(
    "config",
    [
        SMALL,
        dataclasses.replace(SMALL, involution=None),
        CosRecConfig(11, 13, length=8, width=3, blocks=(4, 5, 6), features=7),
        CosRecConfig(11, 13, length=6, width=3, blocks=(5,), kernel_size=2, features=7),
        CosRecConfig(11, 13, length=6, width=3, blocks=(5,), kernel_size=2, features=7, involution=None),
    ],
)
def test_the_formula_counts_the_parameters(config):
    model = CosRec(config)
    assert parameters(config) == sum(p.numel() for p in model.parameters())
    every = model.score_all(torch.zeros(2, dtype=torch.long), torch.ones(2, config.length, dtype=torch.long))
    assert every.shape == (2, config.items)


def test_published_numbers_of_parameters():
    # With the sizes of MovieLens-1M (6,040 users, 3,416 items): 1.983M, and 1.731M where 1.730M is printed. Three items
    # fewer, as when items that occur in the test part only have no row, give both printed numbers.
    def both(**sizes):
        return [parameters(CosRecConfig(involution=i, **sizes), padding_rows=1) for i in (None, Position.TRANSPOSE)]

    assert both(users=6040, items=3416) == [1_983_369, 1_731_209]
    assert [round(n / 1e6, 3) for n in both(users=6040, items=3413)] == [1.983, 1.730]
    gowalla = {"users": 13_149, "width": 100, "features": 50}
    assert [n // 1000 for n in both(items=14_008, **gowalla)] == [5641, 5383]  # cut off, not rounded
    assert [round(n / 1e6, 3) for n in both(items=14_005, **gowalla)] == [5.641, 5.383]
    # What is saved does not depend on users and items: half of the generating layer, three of nine taps of the others.
    assert 1_983_369 - 1_731_209 == 128 * 50 + 3 * 128**2 + 3 * 256**2


def test_initialisation():
    config = CosRecConfig(users=500, items=900, width=50, blocks=(128, 256))
    spread = {name: CosRec(dataclasses.replace(config, initialisation=name)) for name in ("half_glorot", "published")}
    assert spread["published"].kernels[1].weight.std().item() == pytest.approx(1 / 32, rel=0.02)
    assert spread["half_glorot"].kernels[1].weight.std().item() == pytest.approx(1 / 96, rel=0.02)
    assert spread["published"].pairs.pair.weight.std().item() == pytest.approx(356**-0.5, rel=0.03)
    tied, free = CosRec(config), CosRec(dataclasses.replace(config, involution=None))
    assert tied.kernels[1].weight.std().item() == pytest.approx(free.kernels[1].weight.std().item(), rel=0.02)
    assert tied.user.weight.std().item() == pytest.approx(1 / 50, rel=0.03)
    assert tied.output.weight.std().item() == pytest.approx(1 / 200, rel=0.03)


def test_messages():
    with pytest.raises(
        ValueError, match="4 x 4 map leaves no position after 2 kernels of 3: give a length of at least 5"
    ):
        CosRecConfig(3, 7, length=4)
    with pytest.raises(ValueError, match="sizes must be positive"):
        CosRecConfig(0, 7)
    with pytest.raises(ValueError, match="choose"):
        CosRecConfig(3, 7, initialisation="zeros")  # type: ignore[arg-type]


def test_copies_and_saved_numbers(tmp_path):
    from safetensors.torch import load_file, save_file

    model = built(SMALL)
    save_file(model.state_dict(), tmp_path / "m.safetensors")
    other = built(SMALL, seed=1)
    other.load_state_dict(load_file(tmp_path / "m.safetensors"))
    past = torch.tensor([[1, 2, 3, 4, 5]])
    assert isinstance(model, nn.Module)
    torch.testing.assert_close(
        model.eval().score_all(torch.tensor([0]), past), other.eval().score_all(torch.tensor([0]), past)
    )
