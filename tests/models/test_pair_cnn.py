"""Networks over pairs: symmetry, padding, published numbers of parameters, checkpointing, priors."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from palindra.models.pair_cnn import PairCNN, PairCNNConfig, trainable_numbers
from palindra.models.pair_resnet import OrientedConv2d, PairResNet, PairResNetConfig, letters_that_bind
from palindra.nn.pair import PairBatchNorm
from palindra.symmetry import Position

LENGTHS = torch.tensor([13, 9, 11])
SMALL = {"recurrent_width": 3, "base_width": 4, "generated": 6, "blocks": (((5, 3), (3, 2)), ((3, 4),))}


def one_hot(seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    letters = torch.randint(0, 5, (3, 13), generator=torch.Generator().manual_seed(seed))
    x = functional.one_hot(letters, 5).mT.to(dtype)
    return x * (torch.arange(13) < LENGTHS[:, None])[:, None]


def given(maps: int = 2) -> torch.Tensor:
    drawn = torch.rand(3, maps, 13, 13, generator=torch.Generator().manual_seed(5), dtype=torch.float64).triu(1) / 14
    inside = torch.arange(13) < LENGTHS[:, None]
    return (drawn + drawn.mT) * (inside[:, :, None] & inside[:, None])[:, None]


def scnn(**more: object) -> PairCNN:
    torch.manual_seed(1)
    return PairCNN(PairCNNConfig(**(SMALL | more))).double()  # type: ignore[arg-type]


def resnet(**more: object) -> PairResNet:
    torch.manual_seed(2)
    sizes = {"thermodynamic": 2, "context": 3, "channels": 5, "dilations": (1, 2)} | more
    model = PairResNet(PairResNetConfig(**sizes)).double()  # type: ignore[arg-type]
    for parameter in model.correction.parameters():
        torch.nn.init.normal_(parameter)
    return model


def call(
    model: torch.nn.Module, x: torch.Tensor, lengths: torch.Tensor | None, rows: slice = slice(None)
) -> torch.Tensor:
    if isinstance(model, PairCNN):
        return model(x, lengths)
    maps = model.config.thermodynamic  # type: ignore[union-attr]
    size = x.shape[-1]
    return model(x, lengths, given(maps)[rows, :, :size, :size] if maps else None)


MODELS = {
    "scnn": scnn,
    "half glorot": lambda: scnn(half_glorot=True),
    "cnn": lambda: scnn(involution=None),
    "cnn of both triangles": lambda: scnn(involution=None, free_map="mean"),
    "resnet": resnet,
    "resnet without orientation": lambda: resnet(oriented=False),
    "resnet of letters": lambda: resnet(thermodynamic=0),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_maps_are_symmetric_and_zero_in_the_padding(name: str, training: bool) -> None:
    model = MODELS[name]().train(training)
    z = call(model, one_hot(), LENGTHS)
    assert z.shape == (3, 1, 13, 13)
    assert (z - z.mT).abs().max() < 1e-10
    assert z[1, :, 9:].abs().max() == 0
    assert z[1, :, :, 9:].abs().max() == 0
    assert z[1, :, :9, :9].std() > 1e-3


@pytest.mark.parametrize("name", MODELS)
def test_a_molecule_alone_is_as_in_a_padded_batch(name: str) -> None:
    model = MODELS[name]()
    call(model.train(), one_hot(), LENGTHS)  # statistics that are not those of a new network
    model.eval()
    together = call(model, one_hot(), LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = call(model, one_hot()[row : row + 1, :, :length], None, slice(row, row + 1))
        torch.testing.assert_close(together[row : row + 1, :, :length, :length], alone, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", MODELS)
def test_what_stands_in_the_padding_changes_neither_outputs_nor_statistics_nor_gradients(name: str) -> None:
    found = []
    for dirt in (0.0, 7.0):
        model = MODELS[name]().train()
        x = one_hot()
        x[1, :, 9:] = dirt
        z = call(model, x, LENGTHS)
        (z * torch.linspace(0, 1, z.numel(), dtype=z.dtype).view_as(z)).sum().backward()
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        statistics = [m.running_mean for m in model.modules() if isinstance(m, PairBatchNorm)]
        found.append([z.detach(), *gradients, *statistics])
    for clean, dirty in zip(*found, strict=True):
        torch.testing.assert_close(clean, dirty, rtol=1e-9, atol=1e-10)


def test_published_numbers_of_parameters() -> None:
    recurrent, narrow = 2 * 4 * (75 * (5 + 75) + 75), 150 * 15 + 15

    def kept(channels: int, filters: int, kernel: int) -> int:  # m F C (C + 1) / 2 and biases
        return channels * filters * kernel * (kernel + 1) // 2 + filters

    def made(features: int, filters: int) -> int:  # n F C (C + 1) / 2 and biases
        return features * filters + filters

    steps = {
        "A": made(20, 40) + 80,
        "B": kept(40, 20, 13) + kept(40, 20, 9) + kept(40, 10, 5) + 100,
        "C": kept(50, 20, 9) + kept(50, 20, 5) + 80,
        "D": kept(40, 20, 5) + 40,
        "E": made(5, 20) + 40,
        "F": kept(40, 1, 3) + 2,
    }
    ours = trainable_numbers(PairCNN(PairCNNConfig()))
    assert ours == recurrent + narrow + sum(steps.values())
    assert ours - 80 - 40 == 239_198  # printed: without the batch norms of A and E
    assert trainable_numbers(PairCNN(PairCNNConfig(involution=None))) - 20 == 387_798  # printed: E without bias


def test_a_cnn_of_both_triangles_gives_the_mean_of_its_map_and_its_image() -> None:
    model, seen = scnn(involution=None, free_map="mean"), []
    model.last_norm.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    z = model(one_hot(), LENGTHS)
    assert (seen[0] - seen[0].mT).abs().max() > 1e-2
    torch.testing.assert_close(z, (seen[0] + seen[0].mT) / 2)


def test_the_map_of_the_cnn_is_its_upper_triangle() -> None:
    model = scnn(involution=None).eval()
    seen: list[torch.Tensor] = []
    model.last_norm.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    z = model(one_hot(), LENGTHS)
    assert (seen[0] - seen[0].mT).abs().max() > 1e-3
    assert torch.equal(z.triu(), seen[0].triu())


@pytest.mark.parametrize("name", ["scnn", "cnn", "resnet"])
def test_checkpointing_changes_neither_gradients_nor_statistics(name: str) -> None:
    found = []
    for checkpointing in (False, True):
        model = MODELS[name]().train()
        model.checkpointing = checkpointing  # type: ignore[assignment]
        z = call(model, one_hot(), LENGTHS)
        z.square().sum().backward()
        tensors = [p.grad for p in model.parameters() if p.grad is not None]
        found.append([z.detach(), *tensors, *model.buffers()])
    for kept, computed_again in zip(*found, strict=True):
        torch.testing.assert_close(kept, computed_again, rtol=1e-10, atol=1e-12)


def test_the_untrained_correction_is_thermodynamics() -> None:
    model = PairResNet(PairResNetConfig(thermodynamic=1, context=3, channels=4)).double()
    maps = given(1)
    found = model(one_hot(), LENGTHS, maps).sigmoid()
    clipped = maps.clamp(1e-3, 1 - 1e-3)
    for row, length in enumerate(LENGTHS.tolist()):
        torch.testing.assert_close(found[row, 0, :length, :length], clipped[row, 0, :length, :length])
    with pytest.raises(ValueError, match="1 maps of pair probabilities are needed, got 0"):
        model(one_hot(), LENGTHS)


def test_an_oriented_kernel_is_free_above_the_diagonal() -> None:
    torch.manual_seed(3)
    layer = OrientedConv2d(2, 3, 3).double()
    x = torch.randn(1, 2, 8, 8, dtype=torch.float64)
    x = x + x.mT
    even, odd = layer.layer.weight.split(3)
    free = functional.conv2d(x, even + odd, layer.layer.bias[:3], padding=1)  # type: ignore[index]
    torch.testing.assert_close(layer(x).triu(1), free.triu(1))
    kernel = (even + odd).detach()
    assert (kernel[:, :, 0, 2] - kernel[:, :, 2, 0]).abs().min() > 1e-4  # outside and inside of a stem
    tied = even.detach()
    torch.testing.assert_close(tied[:, :, 0, 2], tied[:, :, 2, 0])  # which a tied kernel cannot tell apart


def test_letters_that_bind() -> None:
    x = functional.one_hot(torch.tensor([[0, 1, 2, 3, 4]]), 5).mT.double()
    gc, au, gu = letters_that_bind(x)[0]
    assert gc.nonzero().tolist() == [[1, 2], [2, 1]]
    assert au.nonzero().tolist() == [[0, 3], [3, 0]]
    assert gu.nonzero().tolist() == [[2, 3], [3, 2]]


def test_sizes_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="odd kernels keep the length, got 4"):
        PairCNNConfig(last_kernel=4)
    with pytest.raises(ValueError, match=r"Position.TRANSPOSE or None"):
        PairCNNConfig(involution=Position.REVERSE)
    with pytest.raises(ValueError, match="sizes must be positive"):
        PairResNetConfig(channels=0)
