"""A batch read in parts trains what the whole batch does, where no layer looks at other rows of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from palindra.data import LabelledSequences, Task
from palindra.errors import InputError
from palindra.symmetry import Target
from palindra.training.fit import fit
from palindra.training.module import TrainingConfig
from palindra.training.strategies import NONE, STRATEGIES
from palindra.training.track_config import TrackTrainingConfig
from palindra.training.track_fit import fit_tracks
from palindra.training.track_planted import planted_strand_task


def labelled(accumulate: int, folder):
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACGT"), 12)) for _ in range(96)]
    labels = np.array([float("TGA" in text) for text in sequences])
    splits = ["train"] * 75 + ["valid"] * 21  # 75: the last batch of 32 has 11 rows, parts of 4, 4 and 3
    data = LabelledSequences.from_arrays(sequences, labels, splits=splits, task=Task.BINARY)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 5), nn.Tanh(), nn.Linear(5, 1))
    config = TrainingConfig(epochs=2, batch_size=32, accumulate=accumulate, precision="float32", shift=1, mixup=0.4)
    done = fit(
        network, data, target=Target.invariant(1), strategy=STRATEGIES["augment"], config=config, seed=1, folder=folder
    )
    return network.state_dict(), done.history


def tracks(accumulate: int, folder):
    data = planted_strand_task(0, n=110, length=30)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv1d(4, 6, 7, padding="same"), nn.GELU(), nn.Conv1d(6, 3, 7, padding="same"))
    config = TrackTrainingConfig(
        loss="mse", length=24, epochs=2, batch_size=32, accumulate=accumulate, precision="float32", crop="random"
    )
    done = fit_tracks(network, data, config, strategy=NONE, seed=1, folder=folder)
    return network.state_dict(), done.history


@pytest.mark.parametrize("train", [labelled, tracks])
def test_parts_add_up_to_the_batch(train, tmp_path):
    (whole, expected), (parts, found) = (train(number, tmp_path / str(number)) for number in (1, 3))
    for name, weight in whole.items():
        torch.testing.assert_close(parts[name], weight, rtol=1e-4, atol=1e-5)
    for row, right in zip(found, expected, strict=True):
        assert row == {name: pytest.approx(value, rel=1e-5) for name, value in right.items()}


def test_every_part_of_a_batch_has_rows_on_every_device():
    with pytest.raises(InputError, match=r"at least 48 is needed, so that each of 2 device.* of its 3 part"):
        TrainingConfig(batch_size=32, accumulate=3, devices=2)
