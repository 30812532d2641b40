"""Training on tracks: it learns strands, keeps the best weights, resumes to the same bits, on one device or two."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from palindra.errors import InputError
from palindra.nn import Activation, Conv1d, Sequential, TrackHead
from palindra.symmetry import DNA_STRAND, Position, Rep, Target
from palindra.training.strategies import NONE, STRATEGIES, Strategy
from palindra.training.track_batches import GivenTrackBatches, TrackRows
from palindra.training.track_config import TrackTrainingConfig
from palindra.training.track_fit import TrackFit, fit_tracks
from palindra.training.track_losses import LOSSES
from palindra.training.track_memory import ArrayTracks
from palindra.training.track_module import Plateau, TrackModule
from palindra.training.track_outputs import other_strand
from palindra.training.track_planted import planted_strand_task
from palindra.training.track_predict import predict_tracks

LENGTH, BIN = 48, 4


class Small(nn.Module):
    """Two convolutions and a head; equivariant where the strategy is."""

    def __init__(self, strategy: Strategy, target: Target, *, dropout: float = 0.0, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        position = strategy.position or Position.IDENTITY
        letters = Rep(regular=2) if strategy.kind else Rep(even=4)
        hidden = strategy.hidden(16)
        self.trunk = Sequential(
            Conv1d(letters, hidden, 9, padding="same", position=position),
            Activation(hidden),
            Conv1d(hidden, hidden, 9, padding="same", position=position),
            Activation(hidden),
        )
        self.head = TrackHead(
            hidden, target if strategy.kind else Target.strand_specific(), 3, kernel_size=9, position=position
        )
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        x = functional.dropout(self.trunk(x), self.dropout, self.training)
        return functional.softplus(functional.avg_pool1d(self.head(x), BIN))


def quick(**options: Any) -> TrackTrainingConfig:
    common = {"length": LENGTH, "bin_size": BIN, "epochs": 3, "batch_size": 16, "learning_rate": 0.01}
    return TrackTrainingConfig(**common | {"precision": "float32"} | options)


@pytest.fixture(scope="module")
def data() -> ArrayTracks:
    return planted_strand_task(0, n=80, length=56)


def run(
    data: ArrayTracks, config: TrackTrainingConfig, folder: Path, strategy: str = "regular", **options: Any
) -> tuple[TrackFit, nn.Module]:
    network = Small(STRATEGIES[strategy], data.target, **options)
    return fit_tracks(network, data, config, strategy=STRATEGIES[strategy], seed=1, folder=folder), network


def same(first: nn.Module, second: nn.Module) -> bool:
    a, b = first.state_dict(), second.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def validation_loss(data: ArrayTracks, network: nn.Module, loss: str = "poisson") -> float:
    batches = GivenTrackBatches(TrackRows(data, "valid", LENGTH, BIN), 64)
    with torch.no_grad():
        terms = [(float(LOSSES[loss](network(b.one_hot), b.targets)), b.rows) for b in batches]
    return sum(value * rows for value, rows in terms) / sum(rows for _, rows in terms)


class Killed(Exception):
    """Stands for the process being killed."""


@pytest.fixture
def kill(monkeypatch):
    original = TrackModule.on_train_batch_start

    def at(epoch: int | None, batch: int = 0) -> None:
        def start(self: TrackModule, given: Any, number: int) -> None:
            if (self.first_epoch + self.current_epoch, number) == (epoch, batch):
                raise Killed
            original(self, given, number)

        monkeypatch.setattr(TrackModule, "on_train_batch_start", start)

    return at


RESUMED = {
    "plain": {"crop": "random"},
    "plateau": {"learning_rate": 0.1, "plateau_patience": 1, "plateau_factor": 0.5, "patience": 3},
    "averaged cosine": {"weight_average": 0.8, "schedule": "cosine", "shift": 2},
    "two stages": {"evoaug": ("mutation", "deletion", "noise"), "finetune_epochs": 2, "crop": "random"},
}


@pytest.mark.parametrize("options", RESUMED.values(), ids=RESUMED)
def test_a_killed_run_goes_on_to_the_same_bits(data, kill, tmp_path, options: dict[str, Any]):
    config = quick(epochs=5, **options)
    whole, expected = run(data, config, tmp_path / "whole", "augment", dropout=0.2)
    for epoch, batch in ((0, 1), (2, 0), (4, 2)):
        kill(epoch, batch)
        if epoch < whole.epochs:
            with pytest.raises(Killed):
                run(data, config, tmp_path / "killed", "augment", dropout=0.2)
    kill(None)
    resumed, network = run(data, config, tmp_path / "killed", "augment", dropout=0.2)
    assert same(network, expected)
    assert resumed._replace(seconds=0) == whole._replace(seconds=0)
    finished, network = run(data, config, tmp_path / "killed", "augment", dropout=0.2)  # nothing is left to do
    assert same(network, expected)
    assert finished == resumed


@pytest.mark.parametrize("loss", ["poisson", "pearson"])
def test_the_best_weights_are_restored(data, tmp_path, monkeypatch, loss: str):
    """Not those of the last epoch, as in the published trainer."""

    def ever_faster(self: TrackModule) -> Any:
        optimizer = torch.optim.Adam(self.parameters(), lr=1e-3)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1.0 if epoch < 3 else 300.0)
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    monkeypatch.setattr(TrackModule, "configure_optimizers", ever_faster)
    done, network = run(data, quick(epochs=6, loss=loss, schedule="constant"), tmp_path)
    losses = [row["valid_loss"] for row in done.history]
    assert done.best_epoch == int(np.argmin(losses)) < 5  # the end is worse, or the test shows nothing
    assert done.best_loss == pytest.approx(min(losses))
    assert losses[-1] > done.best_loss + 0.001
    assert validation_loss(data, network, loss) == pytest.approx(done.best_loss, rel=1e-5)
    assert not network.training


def test_early_stopping_waits_for_the_patience_given(data, tmp_path):
    done, _ = run(data, quick(epochs=40, learning_rate=0.3, schedule="constant", patience=2), tmp_path)
    assert done.epochs == done.best_epoch + 3 < 40


@pytest.mark.parametrize("stopped", range(9))
def test_the_plateau_lowers_the_rate_where_the_loss_stays(stopped: int):
    """Also where training was stopped and went on with what the checkpoint kept."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    plateau, rates = Plateau(0.1, 2, 0.05), []

    class Trainer:
        optimizers = (optimizer,)
        callback_metrics: dict[str, float]

    for epoch, loss in enumerate([3.0, 2.0, 2.0, 2.5, 1.0, 1.0, 1.0, 1.0, 1.0]):
        if epoch == stopped:
            state = plateau.state_dict()
            plateau = Plateau(0.1, 2, 0.05)
            plateau.load_state_dict(state)
        Trainer.callback_metrics = {"valid_loss": loss}
        plateau.on_train_epoch_end(Trainer, None)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([1, 1, 1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05])  # never below the minimum


def test_finetuning_leaves_evoaug_out_lowers_the_rate_and_keeps_the_better_stage(data, tmp_path, monkeypatch):
    seen, first_batches = [], []
    original = TrackModule.on_train_batch_start

    def start(self: TrackModule, batch: Any, number: int) -> None:
        rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        seen.append((self.first_epoch + self.current_epoch, self.augmentation.evoaug.names, rate))
        first_batches.extend([batch.targets.sum().item()] * (number == 0))
        original(self, batch, number)

    monkeypatch.setattr(TrackModule, "on_train_batch_start", start)
    config = quick(epochs=5, evoaug=("mutation",), finetune_epochs=2, crop="random", schedule="constant")
    done, network = run(data, config, tmp_path, "augment")
    assert set(seen) == {(e, ("mutation",), 0.01) for e in range(3)} | {(e, (), 0.001) for e in (3, 4)}
    assert [row["epoch"] for row in done.history] == [0, 1, 2, 3, 4]
    assert len(set(first_batches)) == 5  # every epoch of either stage has an order of its own
    assert done.best_loss == pytest.approx(min(row["valid_loss"] for row in done.history))
    assert validation_loss(data, network) == pytest.approx(done.best_loss, rel=1e-5)
    assert (tmp_path / "log.csv").exists()
    assert (tmp_path / "finetune" / "log.csv").exists()


def test_a_second_stage_that_is_worse_is_not_taken(data, tmp_path, monkeypatch):
    def wild_later(self: TrackModule) -> Any:
        return torch.optim.Adam(self.parameters(), lr=1.0 if self.first_epoch else 0.005)

    monkeypatch.setattr(TrackModule, "configure_optimizers", wild_later)
    config = quick(epochs=3, evoaug=("mutation",), finetune_epochs=1, schedule="constant")
    done, network = run(data, config, tmp_path)
    losses = [row["valid_loss"] for row in done.history]
    assert losses[2] > min(losses[:2]) == done.best_loss
    assert done.best_epoch < 2
    assert validation_loss(data, network) == pytest.approx(done.best_loss, rel=1e-5)


@pytest.mark.parametrize("strategy", ["none", "augment", "conjoined", "post-hoc", "consistency", "regular", "mixed"])
def test_every_strategy_trains(data, tmp_path, strategy: str):
    done, network = run(data, quick(epochs=2), tmp_path, strategy)
    assert done.history[-1]["train_loss"] < done.history[0]["train_loss"]
    assert validation_loss(data, network) > 0


@pytest.mark.parametrize("strategy", ["conjoined", "regular", "irreps", "mixed"])
def test_a_trained_model_is_exactly_equivariant(data, tmp_path, strategy: str):
    _, network = run(data, quick(epochs=1), tmp_path, strategy)
    both = data.target if strategy == "conjoined" else None
    batch = next(iter(GivenTrackBatches(TrackRows(data, "valid", LENGTH, BIN), 8)))
    with torch.no_grad():
        given, other = network.double()(batch.one_hot.double()), network(DNA_STRAND.act(batch.one_hot).double())
    if both is not None:
        given, other = (given + other_strand(both, other)) / 2, (other + other_strand(both, given)) / 2
    torch.testing.assert_close(other_strand(data.target, other), given)


def strand_correlations(data: ArrayTracks, network: nn.Module) -> tuple[float, float]:
    """Correlations on the test windows: of plus minus minus, and of the unstranded track."""
    options: dict[str, Any] = {"loss": LOSSES["poisson"], "length": LENGTH, "bin_size": BIN}
    predicted = np.concatenate([part for _, part in predict_tracks(network, data, "test", **options)])
    rows = TrackRows(data, "test", LENGTH, BIN)
    truth = rows.targets(np.arange(len(rows)), rows.slack // 2)
    pairs = [(predicted[:, 0] - predicted[:, 1], truth[:, 0] - truth[:, 1]), (predicted[:, 2], truth[:, 2])]
    return tuple(float(np.corrcoef(a.ravel(), b.ravel())[0, 1]) for a, b in pairs)


def test_orientation_is_learned_as_declared_and_not_by_a_wrongly_invariant_model(tmp_path):
    data = planted_strand_task(0, n=600, length=LENGTH + 8)
    config = quick(epochs=12, learning_rate=0.02, schedule="cosine", patience=0, crop="random")
    strategy = STRATEGIES["regular"]
    right = Small(strategy, data.target)
    fit_tracks(right, data, config, strategy=strategy, seed=1, folder=tmp_path / "right")
    invariant = Target.invariant(3, Position.REVERSE)
    wrong = Small(strategy, invariant)
    fit_tracks(wrong, data, config, strategy=strategy, seed=1, folder=tmp_path / "wrong", target=invariant)
    strands, other = strand_correlations(data, right)
    assert strands > 0.8
    assert other > 0.8
    strands, other = strand_correlations(data, wrong)
    assert abs(strands) < 0.25  # by chance
    assert other > 0.8  # what needs no orientation is learned


SCRIPT = """
import os, sys
from pathlib import Path
import torch
sys.path.insert(0, {tests!r})
from test_track_fit import trained_noting_targets

noted = trained_noting_targets(2, Path({folder!r}) / "two")
torch.save(noted, Path({folder!r}) / f"{{os.environ.get('LOCAL_RANK', 0)}}.pt")
"""


def trained_noting_targets(
    devices: int, folder: Path
) -> tuple[list[Tensor], dict[str, Tensor], list[dict[str, float]]]:
    """Targets of every batch of two stages of training, the weights in the end, and the history."""
    read, step = [], TrackModule.training_step

    def training_step(self: TrackModule, batch: Any, number: int) -> Tensor:
        read.append(batch.targets)
        return step(self, batch, number)

    data = planted_strand_task(0, n=110, length=56)
    stages = {"evoaug": ("mutation",), "finetune_epochs": 1, "epochs": 2}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrackModule, "training_step", training_step)
        done, network = run(data, quick(devices=devices, crop="random", loss="mse", **stages), folder, "augment")
    return read, network.state_dict(), done.history


def test_two_processes_read_the_batches_of_one_and_end_with_its_weights(tmp_path):
    """One validation batch, so the second process has none of its own."""
    (tmp_path / "script.py").write_text(SCRIPT.format(tests=str(Path(__file__).parent), folder=str(tmp_path)))
    left = {"LOCAL_RANK", "WORLD_SIZE", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT"}
    clean = {name: value for name, value in os.environ.items() if name not in left} | {"OMP_NUM_THREADS": "1"}
    words = [sys.executable, str(tmp_path / "script.py")]
    done = subprocess.run(words, env=clean, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    one, weights, history = trained_noting_targets(1, tmp_path / "one")
    shares = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert len(one) == len(shares[0][0]) == len(shares[1][0]) == 8
    for batch, first, second in zip(one, shares[0][0], shares[1][0], strict=True):
        assert torch.equal(batch[0::2], first)
        assert torch.equal(batch[1::2], second)
    for _, found, rows in shares:
        assert found.keys() == weights.keys()
        for name, value in weights.items():  # the network has no batch statistics, so only rounding differs
            torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-4)
        for row, expected in zip(rows, history, strict=True):
            assert row["valid_loss"] == pytest.approx(expected["valid_loss"], rel=1e-4)


def test_tensorboard_writes_its_files(data, tmp_path):
    pytest.importorskip("tensorboard")
    network = Small(NONE, data.target)
    fit_tracks(network, data, quick(epochs=1), strategy=NONE, seed=0, folder=tmp_path, loggers=("tensorboard",))
    assert list((tmp_path / "tensorboard").glob("events.*"))
    assert (tmp_path / "log.csv").read_text().startswith("epoch,train_loss,valid_loss\n0,")


def test_window_labels_train_with_cross_entropy(tmp_path):
    plain = planted_strand_task(0, n=80, length=LENGTH)
    labels = {split: (plain._values[split].max(2) > 0.5).astype(np.uint8) for split in plain.splits}
    data = ArrayTracks(
        {split: part.codes for split, part in plain.splits.items()}, plain._values, plain.tracks, activity=labels
    )
    network = nn.Sequential(nn.Flatten(), nn.Linear(4 * LENGTH, 3))
    config = quick(labels="activity", loss="bce")
    done = fit_tracks(network, data, config, strategy=STRATEGIES["augment"], seed=0, folder=tmp_path)
    assert done.history[-1]["train_loss"] < done.history[0]["train_loss"]


def test_outputs_of_another_shape_are_refused_in_the_first_step(data, tmp_path):
    with pytest.raises(InputError, match=r"puts out \(16, 3, 12\) and the truth is \(16, 3, 24\)"):
        run(data, quick(bin_size=2), tmp_path)


def test_a_loss_that_is_no_number_stops_training(data, tmp_path):
    with pytest.raises(InputError, match=r"the training loss became .* lower the learning rate"):
        run(data, quick(epochs=8, learning_rate=1e30, loss="mse"), tmp_path)


def test_what_does_not_fit_together_is_refused(data, tmp_path):
    def go(strategy: str = "regular", target: Target | None = None, **options: Any) -> None:
        network = Small(NONE, data.target)
        network.config = type("Config", (), {"length": LENGTH, "bin_size": BIN})()
        fit_tracks(
            network, data, quick(**options), strategy=STRATEGIES[strategy], seed=0, folder=tmp_path, target=target
        )

    with pytest.raises(InputError, match="declared strand-specific"):
        go(target=Target.strand_specific())
    with pytest.raises(InputError, match=r"declare the target with Position.REVERSE"):
        go(target=Target.invariant(3))
    with pytest.raises(InputError, match=r"declares 2 tracks .* and the data have 3"):
        go(target=Target.invariant(2, Position.REVERSE))
    with pytest.raises(InputError, match="linear model"):
        go("kmers")
    with pytest.raises(InputError, match=r"built for length 48 and training.length is 40"):
        go(length=40)
    with pytest.raises(InputError, match=r"built for bin_size 4 and training.bin_size is 8"):
        go(bin_size=8)
    with pytest.raises(InputError, match="shift of 5 leaves the stored windows"):
        go(shift=5)
    assert not list(tmp_path.glob("*.ckpt"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "possion"}, r"training.loss: there is no loss 'possion'. Known: poisson"),
        ({"labels": "peaks"}, "one of tracks, activity needed"),
        ({"epochs": 2.5}, "a whole number needed"),
        ({"learning_rate": 0.0}, "training.learning_rate is 0.0"),
        ({"plateau_factor": 1.5}, "from .* to 1 is needed"),
        ({"crop": "random", "shift": 2}, r"set training.shift to 0"),
        ({"evoaug": ("mutations",)}, "'mutations' is needed once"),
        ({"evoaug": ("deletion",), "deletion": (3, 1)}, "a shortest and a longest"),
        ({"finetune_epochs": 2}, "name changes in evoaug"),
        ({"finetune_epochs": 3, "evoaug": ("noise",)}, "leave at least one epoch"),
        ({"batch_size": 15, "devices": 2}, "at least 16 is needed"),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(options: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        quick(**options)
