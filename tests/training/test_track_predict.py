"""Predictions come in the order of rows, averaged over strands and shifts that are aligned again, along chromosomes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.symmetry import DNA_STRAND, Position, Target
from palindra.training.track_batches import one_hot
from palindra.training.track_losses import LOSSES
from palindra.training.track_memory import ArrayTracks, NamedTrack
from palindra.training.track_outputs import TrackStrandMean, coverage, inconsistency, other_strand
from palindra.training.track_predict import average_shifts, predict_tracks, realign
from palindra.training.track_regions import Piece, Tiling, predict_regions
from palindra.training.track_writing import write_each_track

STRANDED = [NamedTrack("plus", "minus"), NamedTrack("other"), NamedTrack("minus", "plus")]
LETTERS = torch.tensor([1.0, 2.0, 4.0, 7.0])


class Letterwise(nn.Module):
    """Three tracks of bins, each position a function of its own letter: nothing but place matters."""

    def __init__(self, bin_size: int = 1) -> None:
        super().__init__()
        self.bin_size = bin_size
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        value = (x * LETTERS[:, None]).sum(1, keepdim=True) * self.weight
        return torch.cat([value, value**2, value + 10], 1).unflatten(2, (-1, self.bin_size)).mean(3)


class Lopsided(Letterwise):
    """The same, and something that depends on where the window begins."""

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y + torch.arange(y.shape[2])


class Pair(NamedTuple):
    profile: Tensor
    log_counts: Tensor


@pytest.fixture(scope="module")
def data() -> ArrayTracks:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 5, (23, 40)).astype(np.uint8)
    return ArrayTracks({"test": codes}, {"test": np.zeros((23, 3, 40))}, STRANDED)


def predicted(model: nn.Module, data: ArrayTracks, **options: Any) -> np.ndarray:
    common: dict[str, Any] = {"loss": LOSSES["mse"], "length": 24, "batch_size": 5}
    parts = list(predict_tracks(model, data, "test", **common | options))
    assert [(part.start, part.stop) for part, _ in parts][:2] == [(0, common["batch_size"]), (5, 10)]
    assert all(len(values) == part.stop - part.start for part, values in parts)
    return np.concatenate([values for _, values in parts])


def direct(model: nn.Module, data: ArrayTracks, start: int = 8) -> Tensor:
    codes = data.codes("test", np.arange(23), start, 24)
    with torch.no_grad():
        return model(torch.from_numpy(one_hot(codes)))


@pytest.mark.parametrize("devices", [("cpu",), ("cpu", "cpu"), ("cpu",) * 3], ids=len)
def test_rows_come_in_their_order_from_any_number_of_devices(data, devices: tuple[str, ...]):
    model = Lopsided(2).train()
    found = predicted(model, data, bin_size=2, devices=devices)
    np.testing.assert_allclose(found, direct(model, data).numpy())
    assert model.training  # left alone


def test_strands_are_averaged_with_stranded_tracks_swapped(data):
    model = Lopsided(3)
    found = torch.from_numpy(predicted(model, data, bin_size=3, both_strands=data.target))
    with torch.no_grad():
        x = torch.from_numpy(one_hot(data.codes("test", np.arange(23), 8, 24)))
        other = data.target.act(model(DNA_STRAND.act(x)))
    torch.testing.assert_close(found, (direct(model, data) + other) / 2)


@pytest.mark.parametrize("bin_size", [1, 2, 4, 8])
@pytest.mark.parametrize("shifts", [(0,), (0, 8), (-8, 0, 8), (-16, 0, 8)])
def test_shifts_by_whole_bins_are_aligned_exactly(data, bin_size: int, shifts: tuple[int, ...]):
    model = Letterwise(bin_size)  # whose values belong to the place, wherever the window begins
    found = predicted(model, data, bin_size=bin_size, shifts=shifts)
    np.testing.assert_allclose(found, direct(model, data).numpy(), rtol=1e-6)


@pytest.mark.parametrize("bin_size", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("shift", [-13, -6, -3, -1, 0, 1, 2, 5, 12, 24, 30])
def test_realignment_is_moving_at_base_resolution(bin_size: int, shift: int):
    values = torch.rand(2, 3, 24 // bin_size, dtype=torch.float64)
    base, held = torch.zeros(2, 3, 24, dtype=torch.float64), torch.zeros(24, dtype=torch.float64)
    for place in range(24):  # of the window itself
        if 0 <= place - shift < 24:
            base[:, :, place] = values[:, :, (place - shift) // bin_size]
            held[place] = 1
    moved, share = realign(values, shift, bin_size)
    torch.testing.assert_close(moved, base.unflatten(2, (-1, bin_size)).mean(3))
    torch.testing.assert_close(share, held.unflatten(0, (-1, bin_size)).mean(1))


def test_a_bin_is_averaged_over_the_shifts_that_hold_it():
    values = [torch.full((1, 1, 4), 1.0), torch.full((1, 1, 4), 3.0)]
    assert average_shifts(values, [0, 2], 2).tolist() == [[[1, 2, 2, 2]]]
    assert average_shifts(values, [-4, 1], 2).tolist() == [[[pytest.approx(1 + 2 / 3), 2, 3, 3]]]
    with pytest.raises(InputError, match=r"shifted by \[2, 4\] leave bins without any"):
        average_shifts(values, [2, 4], 2)
    assert average_shifts([torch.tensor([[1.0, 5.0]]), torch.tensor([[3.0, 5.0]])], [0, 9], 2).tolist() == [[2, 5]]


def test_outputs_become_coverage():
    logits, counts = torch.randn(2, 3, 5), torch.rand(2, 3)
    assert torch.equal(coverage(LOSSES["poisson"], logits), logits)
    assert torch.equal(coverage(LOSSES["bce"], counts), counts.sigmoid())
    torch.testing.assert_close(coverage(LOSSES["multinomial"], logits).sum(2), torch.ones(2, 3))
    torch.testing.assert_close(coverage(LOSSES["bpnet"], Pair(logits, counts)).sum(2), counts.exp() - 1)


def test_named_outputs_change_with_the_strand_and_their_mean_is_equivariant():
    target = Target.paired([2, 1, 0], Position.REVERSE)

    class Network(nn.Module):
        def forward(self, x: Tensor) -> Pair:
            profile = Lopsided()(x)
            return Pair(profile, profile[..., :3].sum(2))

    model = TrackStrandMean(Network(), target)
    x = torch.from_numpy(one_hot(np.random.default_rng(0).integers(0, 5, (4, 9)).astype(np.uint8)))
    given, turned = model(x), model(DNA_STRAND.act(x))
    assert isinstance(given, Pair)
    again = other_strand(target, turned)
    torch.testing.assert_close(again.profile, given.profile)
    torch.testing.assert_close(again.log_counts, given.log_counts)
    torch.testing.assert_close(turned.log_counts, given.log_counts[:, [2, 1, 0]])
    with pytest.raises(ValueError, match="no average over strands"):
        TrackStrandMean(Network(), Target.strand_specific())


@pytest.mark.parametrize("name", LOSSES)
def test_inconsistency_is_zero_where_strands_agree_and_positive_elsewhere(name: str):
    tracks, counts = torch.rand(2, 2, 3, 5), torch.rand(2, 2, 3)
    a, b = ((Pair(tracks[i], counts[i]) if name == "bpnet" else tracks[i]) for i in (0, 1))
    assert float(inconsistency(LOSSES[name], a, a)) == 0
    assert float(inconsistency(LOSSES[name], a, b)) > 1e-4
    assert float(inconsistency(LOSSES[name], a, b)) == pytest.approx(float(inconsistency(LOSSES[name], b, a)))


class Chromosomes:
    """A genome in memory."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        self.chromosomes = {"one": 101, "tiny": 7, "two": 64}
        self.sequences = [rng.integers(0, 4, length).astype(np.uint8) for length in self.chromosomes.values()]

    def windows(self, index: np.ndarray, start: np.ndarray, length: int) -> np.ndarray:
        found = np.full((len(start), length), 4, dtype=np.uint8)
        for row, (number, first) in enumerate(zip(index, start, strict=True)):
            for place in range(length):
                if 0 <= first + place < len(self.sequences[number]):
                    found[row, place] = self.sequences[number][first + place]
        return found

    def truth(self, chrom: str) -> np.ndarray:
        """What a model that reads letter by letter predicts."""
        codes = self.sequences[list(self.chromosomes).index(chrom)]
        with torch.no_grad():
            return Letterwise()(torch.from_numpy(one_hot(codes[None])))[0].numpy()


def regions(model: nn.Module, which: Any, tiling: Tiling, **options: Any) -> list[Any]:
    return list(predict_regions(model, Chromosomes(), which, tiling, loss=LOSSES["mse"], batch_size=3, **options))


@pytest.mark.parametrize(
    "tiling",
    [Tiling(16), Tiling(16, stride=16), Tiling(16, stride=5), Tiling(16, margin=4), Tiling(16, margin=3, stride=1)],
    ids=str,
)
@pytest.mark.parametrize("shifts", [(0,), (-2, 0, 2)])
def test_a_whole_genome_is_covered_once_and_aligned(tiling: Tiling, shifts: tuple[int, ...]):
    genome = Chromosomes()
    pieces = regions(Letterwise(), None, tiling, shifts=shifts)
    assert [piece.chrom for piece in pieces] == list(genome.chromosomes)
    for piece in pieces:
        assert (piece.start, piece.bin_size) == (0, 1)
        np.testing.assert_allclose(piece.values, genome.truth(piece.chrom), rtol=1e-5)


def test_overlapping_windows_are_averaged():
    piece = regions(Lopsided(), [("two", 0, 24)], Tiling(16, stride=8))[0]
    extra = piece.values - Chromosomes().truth("two")[:, :24]
    where = np.arange(24)  # windows begin at 0 and 8 and add the distance from their start
    expected = np.where(where < 8, where, np.where(where < 16, (2 * where - 8) / 2, where - 8))
    np.testing.assert_allclose(extra, np.broadcast_to(expected, extra.shape), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(("start", "end", "step"), [(8, 40, 4), (8, 38, 4), (10, 40, 4), (3, 4, 1), (97, 101, 2)])
def test_regions_are_predicted_on_the_coarsest_grid_that_holds_their_bins(start: int, end: int, step: int):
    tiling = Tiling(16, 4, stride=8)
    pieces = regions(Letterwise(4), [("one", start, end)], tiling)
    assert [piece.bin_size for piece in pieces] == [step] + [(end - start) % step] * ((end - start) % step > 0)
    first = int(tiling.starts(start, end)[0])
    letters = one_hot(Chromosomes().windows(np.array([0]), np.array([first]), -4 * ((first - end) // 4)))
    with torch.no_grad():
        truth = np.repeat(Letterwise(4)(torch.from_numpy(letters))[0].numpy(), 4, axis=1)[
            :, start - first : end - first
        ]
    found = np.concatenate([np.repeat(piece.values, piece.bin_size, axis=1) for piece in pieces], axis=1)
    assert pieces[0].start == start
    np.testing.assert_allclose(found, truth, rtol=1e-5)


def test_regions_come_in_the_order_of_the_genome_and_overlapping_ones_once():
    asked = [("two", 30, 50), ("one", 60, 80), ("one", 10, 20), ("one", 15, 30)]
    pieces = regions(Letterwise(), asked, Tiling(16))
    assert [(p.chrom, p.start, p.start + p.values.shape[1]) for p in pieces] == [
        ("one", 10, 30),
        ("one", 60, 80),
        ("two", 30, 50),
    ]
    for piece in pieces:
        truth = Chromosomes().truth(piece.chrom)[:, piece.start : piece.start + piece.values.shape[1]]
        np.testing.assert_allclose(piece.values, truth, rtol=1e-5)


def test_long_stretches_come_in_pieces(monkeypatch):
    monkeypatch.setattr("palindra.training.track_regions._PIECE", 30)
    pieces = regions(Letterwise(), [("one", 0, 101)], Tiling(16))
    assert [p.start for p in pieces] == [0, 30, 60, 90]
    np.testing.assert_allclose(np.concatenate([p.values for p in pieces], 1), Chromosomes().truth("one"), rtol=1e-5)


def test_every_track_is_written_to_its_bigwig_in_one_pass(tmp_path):
    pytest.importorskip("pybigtools")
    from palindra.data.genome import BigWig, write_bigwig

    genome = Chromosomes()
    stream = predict_regions(Letterwise(4), genome, None, Tiling(16, 4), loss=LOSSES["mse"], shifts=(0, 4))
    paths = [tmp_path / f"{number}.bw" for number in range(3)]
    write_each_track(stream, 3, lambda number, pieces: write_bigwig(paths[number], genome.chromosomes, pieces))
    for number, path in enumerate(paths):
        for chrom, length in {"one": 101, "two": 64}.items():
            padded = np.pad(
                genome.sequences[list(genome.chromosomes).index(chrom)], (0, -length % 4), constant_values=4
            )
            with torch.no_grad():
                truth = np.repeat(Letterwise(4)(torch.from_numpy(one_hot(padded[None])))[0, number].numpy(), 4)[:length]
            np.testing.assert_allclose(BigWig.open(path).values(chrom, 0, length), truth, rtol=1e-5)


@pytest.mark.parametrize("failing", ["writer", "predictions"])
def test_an_error_ends_all_writers(failing: str):
    def endless() -> Iterator[Piece]:
        for at in range(1_000_000):
            if failing == "predictions" and at == 50:
                raise InputError("no room")
            yield Piece("one", at, np.zeros((3, 1), dtype=np.float32), 1)

    def write(number: int, pieces: Iterator[Any]) -> None:
        for at, _ in enumerate(pieces):
            if failing == "writer" and number == 1 and at == 7:
                raise InputError("no room")

    with pytest.raises(InputError, match="no room"):
        write_each_track(endless(), 3, write)


def test_files_are_removed(tmp_path):
    assert regions(Letterwise(), None, Tiling(16), scratch=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Tiling(16, 3), "16 bp cannot be cut into bins of 3"),
        (lambda: Tiling(16, 4, margin=2), "a margin of 2 bp .* multiple of the bin size 4"),
        (lambda: Tiling(16, margin=8), "that leaves something"),
        (lambda: Tiling(16, 4, stride=6), "a stride of 6 bp: a multiple of the bin size 4 up to 16"),
        (lambda: Tiling(16, margin=4, stride=9), "up to 8 is needed"),
        (lambda: regions(Letterwise(), [("six", 0, 9)], Tiling(16)), "no chromosome 'six'"),
        (lambda: regions(Letterwise(), [("one", 99, 102)], Tiling(16)), "one:99-102 is not inside one, which has 101"),
        (lambda: regions(Letterwise(), [("one", 5, 5)], Tiling(16)), "one:5-5 is not inside"),
        (lambda: regions(Letterwise(2), None, Tiling(16, 4)), "gives 8 values for 16 bp, which are no bins of 4"),
        (lambda: regions(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), None, Tiling(16)), "no track along the genome"),
    ],
)
def test_what_cannot_be_laid_over_a_genome_is_refused(make: Any, message: str):
    with pytest.raises(InputError, match=message):
        make()
