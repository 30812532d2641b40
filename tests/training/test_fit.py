"""The training loop: it learns, keeps the best weights, stops, resumes to the same bits, and repeats itself."""

from __future__ import annotations

import contextlib
import csv
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.symmetry import Rep, Target
from palindra.training import trainer as trainers
from palindra.training.batches import Encoded
from palindra.training.fit import Fit, fit, standardisation
from palindra.training.losses import label_loss
from palindra.training.module import SequenceModule
from palindra.training.strategies import NONE, STRATEGIES
from palindra.training.trainer import moving_average


class Killed(Exception):
    """Stands for the process being killed."""


@pytest.fixture
def run(planted, network, target_of):
    """``run(folder, config)``: a fit from the same initial weights, and the weights that it ends with."""

    def go(
        folder: Path, config: Any, strategy: str = "regular", labels: str = "binary", seed: int = 0, **options: Any
    ) -> tuple[Fit, nn.Module]:
        data = planted(labels)
        target = target_of(labels, data)
        model = network(data, STRATEGIES[strategy], target, **options)
        done = fit(model, data, target=target, strategy=STRATEGIES[strategy], config=config, seed=seed, folder=folder)
        return done, model

    return go


@pytest.fixture
def kill(monkeypatch):
    """``kill(epoch, batch)`` raises when training reaches that batch; ``kill(None)`` never again."""
    original = SequenceModule.on_train_batch_start

    def at(epoch: int | None, batch: int = 0) -> None:
        def start(self: SequenceModule, given: Any, number: int) -> None:
            if (self.current_epoch, number) == (epoch, batch):
                raise Killed
            original(self, given, number)

        monkeypatch.setattr(SequenceModule, "on_train_batch_start", start)

    return at


def same(first: nn.Module, second: nn.Module) -> bool:
    a, b = first.state_dict(), second.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def validation_loss(data: Any, model: nn.Module, done: Fit) -> Tensor:
    rows = Encoded(data.rows("valid"), offset=done.offset, scale=done.scale)
    with torch.no_grad():
        return label_loss(data.task, model(rows.one_hot(slice(None))), rows.labels).mean()


def test_a_planted_motif_is_learned(run, quick, tmp_path):
    done, _ = run(tmp_path, quick(epochs=12), dropout=0.0, stem_dropout=0.0)
    losses = [row["train_loss"] for row in done.history]
    assert losses[-1] < 0.5 * losses[0]
    assert done.best_loss < 0.8 * done.history[0]["valid_loss"]
    assert [row["epoch"] for row in done.history] == list(range(12))
    assert done.epochs == 12
    assert done.seconds > 0


@pytest.mark.parametrize("average", [0.0, 0.5])
@pytest.mark.parametrize("labels", ["binary", "regression"])
def test_the_best_weights_are_restored(run, quick, planted, tmp_path, monkeypatch, labels: str, average: float):
    def ever_faster(self: SequenceModule) -> Any:
        optimizer = torch.optim.Adam(self.parameters(), lr=1e-3)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1.0 if epoch < 3 else 1000.0)
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    monkeypatch.setattr(SequenceModule, "configure_optimizers", ever_faster)
    done, model = run(tmp_path, quick(epochs=6, gradient_clip=0.0, weight_average=average), labels=labels)
    losses = [row["valid_loss"] for row in done.history]
    assert done.best_epoch == int(np.argmin(losses)) < 5  # the end is worse, or the test shows nothing
    assert losses[-1] > 1.01 * done.best_loss
    assert done.best_loss == pytest.approx(min(losses))
    assert not model.training
    torch.testing.assert_close(validation_loss(planted(labels), model, done), torch.tensor(done.best_loss))


def test_the_average_of_weights_forgets_the_untrained_ones_in_a_short_training():
    average = torch.zeros(1)
    for updates in range(1, 31):  # two epochs of fifteen batches
        average = moving_average(0.999, average, torch.ones(1), updates)
    assert float(average) > 0.999


def test_indices_are_not_averaged():
    indices = torch.arange(1000)
    assert all(torch.equal(moving_average(0.9, indices, indices, n), indices) for n in range(20))


def test_early_stopping(run, quick, tmp_path):
    wild = quick(epochs=30, learning_rate=0.3, schedule="constant", patience=2)
    done, model = run(tmp_path, wild)
    assert done.epochs == done.best_epoch + 3 < 30
    again, other = run(tmp_path, wild)
    assert again.history == done.history
    assert same(model, other)


@pytest.mark.parametrize("average", [0.0, 0.9], ids=["weights", "averaged weights"])
@pytest.mark.parametrize("patience", [0, 2])
@pytest.mark.parametrize("strategy", ["augment", "regular"])
def test_a_killed_run_goes_on_to_the_same_bits(
    run, kill, quick, tmp_path, average: float, patience: int, strategy: str
):
    config = quick(epochs=5, weight_average=average, patience=patience, learning_rate=0.03, shift=1)
    whole, expected = run(tmp_path / "whole", config, strategy)
    for epoch, batch in ((0, 1), (2, 0), (3, 1)):  # before the first checkpoint, between epochs, within one
        kill(epoch, batch)
        if epoch < whole.epochs:
            with pytest.raises(Killed):
                run(tmp_path / "killed", config, strategy)
    kill(None)
    resumed, model = run(tmp_path / "killed", config, strategy)
    assert same(model, expected)
    assert resumed._replace(seconds=0) == whole._replace(seconds=0)
    finished, model = run(tmp_path / "killed", config, strategy)  # nothing is left to do
    assert same(model, expected)
    assert finished == resumed


@pytest.fixture
def epochs_trained(monkeypatch):
    """Every epoch in which a batch was read."""
    found: list[int] = []
    original = SequenceModule.on_train_batch_start

    def start(self: SequenceModule, given: Any, number: int) -> None:
        found.append(self.current_epoch)
        original(self, given, number)

    monkeypatch.setattr(SequenceModule, "on_train_batch_start", start)
    return found


@pytest.mark.parametrize("patience", [0, 2])
def test_no_epoch_is_trained_twice_whichever_is_the_best(run, quick, tmp_path, epochs_trained, monkeypatch, patience):
    worse = quick(epochs=5, learning_rate=0.3, schedule="constant", gradient_clip=0.0, patience=patience)
    expected, model = run(tmp_path / "whole", worse)
    assert expected.best_epoch < expected.epochs - 1  # the checkpoint to resume from is not the best one
    original = trainers.History.on_train_epoch_end

    def killed_after(self: trainers.History, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == expected.epochs - 1:
            raise Killed
        original(self, trainer, module)

    with monkeypatch.context() as patch:
        patch.setattr(trainers.History, "on_train_epoch_end", killed_after)
        with pytest.raises(Killed):
            run(tmp_path / "killed", worse)
    epochs_trained.clear()
    done, resumed = run(tmp_path / "killed", worse)
    assert set(epochs_trained) == {expected.epochs - 1}
    assert same(resumed, model)
    assert done._replace(seconds=0) == expected._replace(seconds=0)
    epochs_trained.clear()
    done, again = run(tmp_path / "killed", worse)
    assert epochs_trained == []
    assert same(again, model)
    assert done._replace(seconds=0) == expected._replace(seconds=0)


def test_a_folder_may_be_moved_between_attempts(run, kill, quick, tmp_path):
    worse = quick(epochs=5, learning_rate=0.3, schedule="constant", gradient_clip=0.0)
    expected, model = run(tmp_path / "whole", worse)
    kill(expected.best_epoch + 1)
    with pytest.raises(Killed):
        run(tmp_path / "here", worse)
    (tmp_path / "here").rename(tmp_path / "there")
    kill(None)
    done, resumed = run(tmp_path / "there", worse)
    assert same(resumed, model)
    assert done._replace(seconds=0) == expected._replace(seconds=0)


@pytest.mark.parametrize("strategy", ["augment", "conjoined"])
def test_the_same_seed_repeats_and_another_does_not(run, quick, tmp_path, strategy: str):
    first, one = run(tmp_path / "1", quick(), strategy)
    second, two = run(tmp_path / "2", quick(), strategy)
    other, three = run(tmp_path / "3", quick(), strategy, seed=1)
    assert same(one, two)
    assert first._replace(seconds=0) == second._replace(seconds=0)
    assert not same(one, three)
    assert first.history != other.history


def test_what_was_drawn_before_does_not_matter(run, quick, tmp_path):
    _, one = run(tmp_path / "1", quick())
    torch.rand(17)
    _, two = run(tmp_path / "2", quick())
    assert same(one, two)


def test_gradients_are_clipped(run, quick, tmp_path, monkeypatch):
    original = torch.nn.utils.clip_grad_norm_
    asked = []

    def clip(parameters: Any, limit: float, *args: Any, **options: Any) -> Tensor:
        asked.append(limit)
        return original(parameters, limit, *args, **options)

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", clip)
    run(tmp_path / "on", quick(epochs=1, gradient_clip=1e-3))
    assert set(asked) == {1e-3}
    asked.clear()
    run(tmp_path / "off", quick(epochs=1, gradient_clip=0.0))
    assert asked == []


def test_a_loss_that_is_no_number_stops_training(run, quick, tmp_path):
    with pytest.raises(InputError, match=r"the training loss became .* lower the learning rate"):
        run(tmp_path, quick(epochs=8, learning_rate=1e30, gradient_clip=0.0, schedule="constant"))


def test_bfloat16_trains_and_predicts_in_single_precision(run, quick, tmp_path):
    done, model = run(tmp_path, quick(precision="bf16", epochs=1))
    assert np.isfinite(done.best_loss)
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def press_ctrl_c(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(10)  # not to the end


def press_within_a_writer(*_: Any) -> None:
    try:
        press_ctrl_c()
    except KeyboardInterrupt as error:
        raise RuntimeError("unexpected pos 64 vs 0") from error


def press_where_nothing_can_be_raised(*_: Any) -> None:
    with contextlib.suppress(KeyboardInterrupt):
        press_ctrl_c()


@pytest.mark.parametrize("press", [press_ctrl_c, press_within_a_writer, press_where_nothing_can_be_raised])
def test_ctrl_c_is_told_to_the_caller(press, run, quick, tmp_path, monkeypatch):
    monkeypatch.setattr(SequenceModule, "on_train_epoch_start", press)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, quick(epochs=1))
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_handlers_that_another_language_installed_are_left_alone(run, quick, tmp_path, monkeypatch):
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(trainers.signal, "getsignal", lambda _: None)
    run(tmp_path, quick(epochs=1))
    monkeypatch.undo()
    assert signal.getsignal(signal.SIGINT) is before


def test_the_log_has_every_epoch_even_after_a_kill(run, kill, quick, tmp_path):
    kill(1)
    with pytest.raises(Killed):
        run(tmp_path, quick(epochs=3))
    assert len(read_log(tmp_path)) == 1  # can be followed while training
    kill(None)
    done, _ = run(tmp_path, quick(epochs=3))
    rows = read_log(tmp_path)
    assert [float(row["valid_loss"]) for row in rows] == pytest.approx([row["valid_loss"] for row in done.history])
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]


def read_log(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "log.csv").read_text().splitlines()))


def test_tensorboard_writes_its_files(planted, network, quick, tmp_path):
    pytest.importorskip("tensorboard")
    data = planted("binary")
    target = Target.invariant(1)
    fit(
        network(data, NONE, target),
        data,
        target=target,
        strategy=NONE,
        config=quick(epochs=1),
        seed=0,
        folder=tmp_path,
        loggers=("tensorboard",),
    )
    assert list((tmp_path / "tensorboard").glob("events.*"))


def test_more_gpus_than_there_are(run, quick, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match=r"2 devices were asked for, but this machine has 1 \(--devices\)"):
        run(tmp_path, quick(devices=2))


def test_standardisation_is_per_column_and_skips_missing_values(planted):
    data = planted("regression")
    offset, scale = standardisation(data, Target.invariant(2))
    for column in (0, 1):
        values = data.labels[:, column][~np.isnan(data.labels[:, column])].astype(np.float64)
        assert offset[column] == pytest.approx(values.mean())
        assert scale[column] == pytest.approx(values.std())
    assert standardisation(planted("binary"), Target.invariant(1)) == ([0.0], [1.0])


def test_columns_that_swap_share_their_standardisation(planted):
    data = planted("pair")
    offset, scale = standardisation(data, Target.paired([1, 0]))
    assert offset == [pytest.approx(data.labels.mean(dtype=np.float64))] * 2
    assert scale == [pytest.approx(data.labels.std(dtype=np.float64))] * 2
    odd, _ = standardisation(data, Target(Rep(even=1, odd=1)))
    assert odd == [pytest.approx(data.labels[:, 0].mean(dtype=np.float64)), 0.0]


def test_a_constant_column_is_not_divided_by_rounding(planted):
    data = planted("regression")
    data.labels[:, 0] = 0.1
    _, scale = standardisation(data, Target.invariant(2))
    assert scale[0] == 1.0
