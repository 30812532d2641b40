"""The local pass gives what the full pass gives, for every model of the zoo and for plain networks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from palindra.data.task import Task
from palindra.models import MODELS, Predictor
from palindra.models.local import windows
from palindra.models.local.model import LocalModel, changed_columns, local_difference
from palindra.models.track_models import TRACK_MODELS
from palindra.nn import StrandMean
from palindra.symmetry import Position, Rep, Target

LETTERS = torch.eye(4)


def sequences(count: int, length: int, seed: int = 0) -> Tensor:
    """Random one-hot sequences with a few unknown letters."""
    codes = torch.randint(0, 4, (count, length), generator=torch.Generator().manual_seed(seed))
    one_hot = LETTERS[codes].transpose(1, 2).clone()
    one_hot[0, :, 3:4] = 0
    return one_hot


def edited(ref: Tensor, row: int, start: int, letters: Tensor) -> Tensor:
    one = ref[row].clone()
    one[:, start : start + letters.shape[1]] = letters
    return one


def compare(
    model: nn.Module,
    length: int,
    *,
    width: int = 1,
    alternates: int = 2,
    dtype: torch.dtype = torch.float64,
    reduce=None,
    is_local: bool = True,
) -> LocalModel:  # type: ignore[no-untyped-def]
    """Every site of three references against the full pass: the ends, the middle, uneven distances, all at once."""
    model = model.to(dtype).eval()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            generator = torch.Generator().manual_seed(2)
            module.running_mean.normal_(generator=generator)  # type: ignore[union-attr, operator]
            module.running_var.uniform_(0.5, 2.0, generator=generator)  # type: ignore[union-attr, operator]
    ref = sequences(3, length).to(dtype)
    local = LocalModel(model, reduce=reduce)
    last = length - width
    for starts in (
        [0, 1, 2],
        [last // 2, last // 2 + 3, last // 2 + 6],
        [last - 1, last],
        [0, last],
        [7, 7, 2, last - 4],
    ):
        rows = [1] * 3 if len(starts) == 3 else [number % 3 for number in range(len(starts))]
        count = len(starts) * alternates
        letters = sequences(count, width, seed=length).to(dtype)
        whole = torch.stack(
            [edited(ref, rows[n // alternates], starts[n // alternates], letters[n]) for n in range(count)]
        )
        with local.reading(ref) as read, torch.no_grad():
            found = read.replaced(rows, starts, letters, alternates=alternates)
            expected = model(whole)
            expected = expected if reduce is None else reduce(expected)
        assert (local.refused is None) == is_local
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-9 if dtype is torch.float64 else 1e-5)
    return local


class Mixed(nn.Module):
    """Branches, strides, padding, joins, gates, in-place functions, cuts, and both kinds of pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv1d(4, 6, 7, padding="same")
        self.norm = nn.BatchNorm1d(6)
        self.left = nn.Conv1d(6, 5, 4, stride=2, padding=1)
        self.right = nn.Conv1d(6, 3, 2, stride=2, dilation=3, padding=2)
        self.grouped = nn.Conv1d(8, 8, 3, dilation=2, padding=2, groups=4)
        self.up = nn.ConvTranspose1d(8, 4, 4, stride=2, padding=1)
        self.place = nn.Parameter(torch.randn(1, 4, 1))
        self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.norm(self.stem(x)), inplace=True)
        y = torch.cat([functional.gelu(self.left(x)), torch.tanh(self.right(x))[..., : self.left(x).shape[-1]]], dim=1)
        y = y + functional.max_pool1d(torch.sigmoid(self.grouped(y)) * y, 3, stride=1, padding=1)
        y = functional.avg_pool1d(functional.pad(y, (1, 2)), 3, stride=2, padding=1)
        z = self.up(y).add_(self.place)
        z = z * z.softmax(1) - z.flip(-1).mean(1, keepdim=True)
        return self.head(torch.cat([z.mean(-1), z.amax(dim=2)], dim=1))


PLAIN: dict[str, tuple[nn.Module, int]] = {}
torch.manual_seed(0)
PLAIN["flatten and dense"] = (
    nn.Sequential(
        nn.Conv1d(4, 5, 9),
        nn.ReLU(inplace=True),
        nn.MaxPool1d(3),
        nn.Conv1d(5, 7, 3, padding=1),
        nn.BatchNorm1d(7),
        nn.ELU(),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(7 * 24, 3),
        nn.Sigmoid(),
    ),
    80,
)
PLAIN["global average"] = (
    nn.Sequential(nn.Conv1d(4, 5, 5, padding=2), nn.SiLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(5, 2)),
    50,
)
PLAIN["global maximum"] = (
    nn.Sequential(nn.Conv1d(4, 5, 5, padding=2), nn.Tanh(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(5, 2)),
    51,
)
PLAIN["per position"] = (
    nn.Sequential(nn.Conv1d(4, 5, 5, dilation=2), nn.Softplus(), nn.Conv1d(5, 2, 1), nn.Softmax(dim=1)),
    40,
)
PLAIN["two dimensions"] = (
    nn.Sequential(
        nn.Unflatten(1, (1, 4)), nn.Conv2d(1, 6, (4, 5), padding=(0, 2)), nn.ReLU(), nn.MaxPool2d((1, 4)), nn.Flatten()
    ),
    60,
)
PLAIN["everything"] = (Mixed(), 61)


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("name", PLAIN)
def test_plain_networks_give_what_the_full_pass_gives(name, width):
    model, length = PLAIN[name]
    local = compare(model, length, width=width)
    if name not in ("everything", "two dimensions"):
        assert "conv1d" not in local.full_from


def test_a_wide_network_of_short_reach_is_never_computed_in_full():
    network = nn.Sequential(
        nn.Conv1d(4, 8, 11, padding=5), nn.ReLU(), nn.MaxPool1d(4), nn.Conv1d(8, 8, 3, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(8 * 50, 3),
    )  # fmt: skip
    seen: list[int] = []
    network[2].register_forward_hook(
        lambda _module, _input, output: seen.append(type(output).__name__ == "LocalTensor")
    )
    assert compare(network, 200).full_from == ()
    assert any(seen)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("name", [name for name in MODELS if name != "language_model"])  # which takes tokens
def test_models_of_labelled_sequences(name, symmetric):
    build, config = MODELS[name]
    options = {} if name == "kmer_linear" else {"involution": Position.REVERSE if symmetric else None}
    options |= {"k": 2} if name == "kmer_linear" else {"hidden": Rep(regular=3, even=2)}
    torch.manual_seed(3)
    network = build(config(length=90, **options))
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3)
    members = Predictor([network, network], both_strands=[True, False], task=Task.BINARY, target=Target.invariant(1))
    # Which letters are padding is a question about the whole sequence, so every site gets a pass of its own.
    compare(members, 90, is_local=name != "hyperbolic_cnn")


SMALL = {
    "track_resnet": {"length": 300, "bin_size": 15, "width": 8, "dilations": (1, 2), "bin_dilations": (1,)},
    "basenji": {"length": 256, "bin_size": 32, "width": 8, "bottleneck": 4, "last_width": 16, "layers": 3},
    "basenji-binary": {"length": 256, "width": 8, "bottleneck": 4, "last_width": 16, "layers": 3},
    "bpnet": {"length": 300, "width": 8, "layers": 3},
    "bpnet-original": {"length": 300, "width": 8, "layers": 3},
    "cnn": {"length": 256, "bin_size": 32, "widths": (8, 12, 16), "dense_width": 16},
    "cnn-32": {"length": 256, "bin_size": 32, "widths": (8, 12, 16), "dense_width": 16},
    "cnn-binary": {"length": 256, "widths": (8, 12, 16), "dense_width": 16},
    "residualbind": {
        "length": 256,
        "bin_size": 32,
        "widths": (4, 6, 8),
        "residual_layers": (2, 2, 1),
        "dense_width": 16,
    },
    "residualbind-binary": {"length": 256, "widths": (4, 6, 8), "residual_layers": (2, 2, 1), "dense_width": 16},
    "residualbind-32": {"length": 256, "widths": (4, 6, 8), "residual_layers": (2, 2, 1), "neck_width": 4},
    "basset": {"length": 200, "widths": (8, 8, 8), "dense_widths": (16, 16)},
    "deepsea": {"length": 300},
    "danq": {"length": 200, "width": 8, "recurrent_width": 4, "dense_width": 16},
}


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("name", TRACK_MODELS)
def test_models_of_tracks(name, symmetric):
    build, config = TRACK_MODELS[name]
    torch.manual_seed(4)
    options = SMALL[name] | {"involution": Position.REVERSE if symmetric else None}
    if name == "deepsea":
        options |= {"widths": (8, 8, 8), "dense_width": 16}
    network = build(config(**options))
    compare(network, options["length"], reduce=_first)


def _first(outputs: Tensor | tuple[Tensor, ...]) -> Tensor:
    return outputs[0] if isinstance(outputs, tuple) else outputs


def test_both_strands_of_a_plain_network_are_local_too():
    network = nn.Sequential(nn.Conv1d(4, 6, 5, padding=2), nn.ReLU(), nn.Conv1d(6, 2, 3, padding=1))
    pair = StrandMean(network, Target.paired([1, 0], Position.REVERSE))
    assert "conv1d" not in compare(pair, 70).full_from


def test_an_unknown_operation_is_computed_in_full_and_named():
    class Sorted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv1d(4, 3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.first(x).sort(-1).values[..., -5:].sum(1)

    assert compare(Sorted(), 40).full_from == ("sort",)


def test_a_model_that_asks_for_numbers_is_computed_in_full_and_says_so():
    class Branching(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.sum((1, 2)) if x.sum().item() > 3 else x.mean((1, 2))

    local = LocalModel(Branching())
    ref, alt = sequences(2, 20), sequences(2, 20, seed=1)
    found = local_difference(local, ref, alt)
    assert local.refused is not None
    torch.testing.assert_close(found[1], alt.sum((1, 2)))


def test_a_pass_that_would_be_wrong_is_found_and_given_up():
    class Remembers(nn.Module):
        calls = 0

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            return (x * self.calls).sum((1, 2))

    local = LocalModel(Remembers())
    with local.reading(sequences(1, 20)) as read:
        read.replaced([0], [4], LETTERS[:1, :, None])
    assert local.refused is not None
    assert "differ" in local.refused


def test_pairs_of_alleles_of_any_width_in_their_order():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv1d(4, 6, 5, padding=2), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 80, 3))
    ref = sequences(4, 80)[[0, 0, 1, 2, 3, 2]]
    alt = ref.clone()
    alt[0, :, 7], alt[2, :, 79], alt[4, :, 30:] = LETTERS[2], LETTERS[0], sequences(1, 50, seed=9)[0]
    alt[5, :, 3:9] = LETTERS[1][:, None]
    one, two = local_difference(network, ref, alt)
    with torch.no_grad():
        torch.testing.assert_close(one, network(ref), rtol=0, atol=1e-5)
        torch.testing.assert_close(two, network(alt), rtol=0, atol=1e-5)


def test_no_bit_of_a_variant_depends_on_the_others_of_its_batch():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv1d(4, 16, 7, padding=3), nn.ReLU(), nn.Conv1d(16, 16, 3, padding=2, dilation=2), nn.SiLU(),
        nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(16, 2),
    )  # fmt: skip
    ref = sequences(40, 60)
    alt = ref.clone()
    for row in range(40):
        alt[row, :, row + 5 : row + 6 + 4 * (row % 4 == 0)] = LETTERS[row % 4][:, None]
    some = torch.randperm(40)[:29]
    whole, part = local_difference(network, ref, alt), local_difference(network, ref[some], alt[some])
    assert torch.equal(whole[0][some], part[0])
    assert torch.equal(whole[1][some], part[1])


def test_only_what_a_change_reaches_is_recomputed(monkeypatch):
    widths: list[int] = []
    network = nn.Sequential(nn.Conv1d(4, 2, 3, padding=1), nn.ReLU(), nn.Conv1d(2, 2, 3, dilation=4, padding=4))
    original = windows._spread

    def counted(delta, *rest):
        widths.append(delta.shape[1])
        return original(delta, *rest)

    monkeypatch.setattr(windows, "_spread", counted)
    with LocalModel(network).reading(sequences(1, 500)) as read:
        read.replaced([0], [100], LETTERS[:1, :, None])
    assert widths[-2:] == [1, 3]  # positions of the one-hot that change, and those of the first layer that they reach


def test_features_that_are_returned_are_not_overwritten_by_what_reads_them():
    class Features(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv1d(4, 3, 3, padding=1), nn.Conv1d(3, 3, 3, padding=1)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            before = self.first(x)
            return before, self.second(torch.relu(before)) + before

    compare(Features(), 40, reduce=lambda outputs: outputs[0])
    compare(Features(), 40, reduce=lambda outputs: outputs[0] + outputs[1])


def test_modes_of_the_parts_are_left_as_they_were():
    network = nn.Sequential(nn.Conv1d(4, 2, 3), nn.Dropout(0.5))
    network[0].eval()
    local_difference(network, sequences(1, 20), sequences(1, 20, seed=2))
    assert [network.training, network[0].training, network[1].training] == [True, False, True]


def test_changed_columns_of_equal_alleles_are_none():
    first, width = changed_columns(sequences(1, 9), sequences(1, 9))
    assert (first.tolist(), width.tolist()) == ([0], [0])
