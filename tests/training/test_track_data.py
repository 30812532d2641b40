"""Training and prediction on a data set on disk, from FASTA and bigWig to bigWig."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from palindra.data.genome import BigWig, write_bigwig
from palindra.data.tracks import DataSettings, Splits, Storage, Tiles, Track, TrackData, build
from palindra.errors import InputError
from palindra.models.bpnet import BPNet, BPNetConfig
from palindra.training.evoaug import EvoAug
from palindra.training.strategies import STRATEGIES
from palindra.training.track_batches import TrackAugmentation, TrackEpochBatches, TrackRows
from palindra.training.track_config import TrackTrainingConfig
from palindra.training.track_fit import fit_tracks
from palindra.training.track_loading import loader
from palindra.training.track_losses import LOSSES
from palindra.training.track_predict import predict_tracks
from palindra.training.track_regions import Tiling, predict_regions
from palindra.training.track_writing import write_each_track

pytest.importorskip("pybigtools")
SIZES = {"a": 3000, "b": 1500}
WINDOW, LENGTH, MARGIN = 96, 64, 10


@pytest.fixture(scope="module")
def letters() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {chrom: rng.choice(list("ACGTN"), size, p=[0.24] * 4 + [0.04]) for chrom, size in SIZES.items()}


@pytest.fixture(scope="module")
def data(letters, tmp_path_factory) -> TrackData:
    """Tracks that can be read off the letters: where G is, where C is (its partner), and where either is."""
    folder = tmp_path_factory.mktemp("tracks")
    (folder / "genome.fa").write_text("".join(f">{chrom}\n{''.join(text)}\n" for chrom, text in letters.items()))
    for name, bases in {"g": "G", "c": "C", "gc": "GC"}.items():
        pieces = [(chrom, 0, np.isin(text, list(bases)).astype(np.float32), 1) for chrom, text in letters.items()]
        write_bigwig(folder / f"{name}.bw", SIZES, pieces)
    tracks = (
        Track(name="g", path=folder / "g.bw", partner="c"),
        Track(name="gc", path=folder / "gc.bw"),
        Track(name="c", path=folder / "c.bw", partner="g"),
    )
    settings = DataSettings(
        genome=folder / "genome.fa",
        tracks=tracks,
        splits=Splits(valid=("b:0-700",), test=("b:700-",)),
        windows=Tiles(window=WINDOW, threshold=None),
        storage=Storage(margin=MARGIN),
    )
    return build(folder / "data", settings)


PLAN = {"reverse_complement": True, "shift": (WINDOW - LENGTH) // 2 + MARGIN}


def batches(data: TrackData, **options: object) -> TrackEpochBatches:
    plan = TrackAugmentation(data.target, **PLAN | options)
    return TrackEpochBatches(TrackRows(data, "train", LENGTH), seed=0, epoch=0, batch_size=16, augmentation=plan)


def test_letters_and_tracks_of_a_batch_belong_together_on_either_strand(data):
    for x, y, _ in batches(data):
        torch.testing.assert_close(y[:, 0], x[:, 2])
        torch.testing.assert_close(y[:, 2], x[:, 1])
        torch.testing.assert_close(y[:, 1], x[:, 1] + x[:, 2])


def test_a_shift_beyond_the_margin_is_refused(data):
    with pytest.raises(InputError, match="shift by at most 26"):
        batches(data, shift=27)


@pytest.mark.filterwarnings("ignore:This DataLoader will create", "ignore:.*fork")
def test_workers_and_copies_of_the_data_give_the_same_batches(data):
    options = {"evoaug": EvoAug(("mutation", "noise")), "shift": 0, "crop": "random"}
    expected = list(loader(batches(data, **options)))
    again = pickle.loads(pickle.dumps(batches(data, **options)))
    for found in (list(loader(again)), list(loader(again, workers=2))):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert torch.equal(one.one_hot, other.one_hot)
            assert torch.equal(one.targets, other.targets)


def test_from_files_to_a_model_and_back_to_bigwig(data, letters, tmp_path):
    strategy = STRATEGIES["regular"]
    torch.manual_seed(0)
    model = BPNet(
        BPNetConfig(
            length=LENGTH, bin_size=4, target=data.target, outputs=3, width=8, stem_size=5, layers=2, head_size=5
        )
    )
    config = TrackTrainingConfig(
        length=LENGTH, bin_size=4, epochs=50, batch_size=8, learning_rate=0.02, precision="float32", patience=0, **PLAN
    )
    fit_tracks(model, data, config, strategy=strategy, seed=0, folder=tmp_path / "fit")
    options = {"loss": LOSSES["poisson"], "shifts": (-4, 0, 4)}
    found = np.concatenate([p for _, p in predict_tracks(model, data, "test", length=LENGTH, bin_size=4, **options)])
    truth = data.binned("test", np.arange(len(found)), (WINDOW - LENGTH) // 2, LENGTH, 4)
    assert np.corrcoef(found.ravel(), truth.ravel())[0, 1] > 0.9

    paths = {name: tmp_path / f"{name}.bw" for name in ("g", "gc", "c")}
    stream = predict_regions(model, data.genome, [("b", 700, 1500)], Tiling(LENGTH, 4, margin=8), **options)
    write_each_track(stream, 3, lambda n, pieces: write_bigwig(list(paths.values())[n], SIZES, pieces))
    for name, path in paths.items():
        values = BigWig.open(path).values("b", 700, 1500)
        measured = np.isin(letters["b"][700:], list(name.upper())).astype(np.float64)
        assert not np.isnan(values).any()
        assert np.corrcoef(values.reshape(-1, 4).mean(1), measured.reshape(-1, 4).mean(1))[0, 1] > 0.9
        assert np.isnan(BigWig.open(path).values("b", 0, 700)).all()
