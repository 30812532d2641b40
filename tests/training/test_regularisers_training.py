"""Training with regularisers: off changes nothing, on keeps symmetry, resumes, and knows nothing of processes."""

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

from palindra.data import Task
from palindra.errors import InputError
from palindra.symmetry import DNA_STRAND, Target
from palindra.training.batches import Augmentation, Encoded, EpochBatches
from palindra.training.fit import Fit, fit
from palindra.training.losses import consistency_loss, label_loss
from palindra.training.module import SequenceModule, TrainingConfig, require_finite
from palindra.training.regularisers import REGULARISERS, RowChanges, label_problem
from palindra.training.regularisers.problem import as_it_predicts
from palindra.training.strategies import NONE, STRATEGIES
from palindra.training.track_batches import TrackAugmentation, TrackEpochBatches, TrackRows
from palindra.training.track_config import TrackTrainingConfig
from palindra.training.track_fit import TrackFit, fit_tracks
from palindra.training.track_losses import LOSSES
from palindra.training.track_module import TrackModule
from palindra.training.track_outputs import each, other_strand
from palindra.training.track_planted import planted_strand_task

ON: dict[str, dict[str, Any]] = {
    "mixup": {"mixup": 0.4},
    "manifold_mixup": {"manifold_mixup": 0.4},
    "input_noise": {"input_noise": 0.1},
    "pgd": {"pgd": 0.05, "pgd_steps": 2},
    "adversarial_substitutions": {"adversarial_substitutions": 2},
    "jacobian": {"jacobian": 0.1},
    "fourier_prior": {"fourier_prior": 1.0},
    "attribution_consistency": {"attribution_consistency": 0.3, "attribution_shift": 2},
}
TOGETHER = {name: value for settings in ON.values() for name, value in settings.items()} | {
    "adversarial_substitutions": 0
}
LABELS = ("binary", "multilabel", "multiclass", "regression", "pair", "classes that swap")


class Killed(Exception):
    """Stands for the process being killed."""


@pytest.fixture
def run(planted, network, target_of):
    """``run(folder, config)``: a fit from the same initial weights, and the weights that it ends with."""

    def go(folder: Path, config: TrainingConfig, strategy: str = "regular", labels: str = "binary") -> tuple[Fit, Any]:
        data = planted(labels, rows=48)
        target = target_of(labels, data)
        model = network(data, STRATEGIES[strategy], target)
        done = fit(model, data, target=target, strategy=STRATEGIES[strategy], config=config, seed=0, folder=folder)
        return done, model

    return go


def same(first: nn.Module, second: nn.Module) -> bool:
    a, b = first.state_dict(), second.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_every_regulariser_is_tested():
    assert set(ON) == set(REGULARISERS)


@pytest.mark.parametrize("strategy", ["augment", "consistency"])
def test_off_trains_to_the_bits_of_a_step_without_regularisers(run, quick, tmp_path, monkeypatch, strategy: str):
    found, model = run(tmp_path / "off", quick(shift=1), strategy)

    def plain_step(self: SequenceModule, batch: Any, _: int) -> Tensor:
        if self.strategy.consistency:
            given, other = self.network(torch.cat([batch.one_hot, self.source.act(batch.one_hot)])).chunk(2)
            losses = label_loss(self.task, given.float(), batch.labels)
            aligned = self.target.act(other.float())
            losses = losses + self.strategy.consistency * consistency_loss(self.task, given.float(), aligned)
        else:
            losses = label_loss(self.task, self.network(batch.one_hot).float(), batch.labels)
        loss = losses.sum() * self.trainer.world_size / batch.rows
        require_finite(self, loss)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=batch.rows)
        return loss

    monkeypatch.setattr(SequenceModule, "training_step", plain_step)
    expected, other = run(tmp_path / "plain", quick(shift=1), strategy)
    assert same(model, other)
    assert found.history == expected.history


@pytest.mark.parametrize("name", [*ON, "together"])
def test_an_equivariant_model_stays_equivariant_and_is_another_one(run, quick, planted, target_of, tmp_path, name: str):
    config = quick(epochs=1, **(TOGETHER if name == "together" else ON[name]))
    _, plain = run(tmp_path / "plain", quick(epochs=1), "mixed", "pair")
    done, model = run(tmp_path / "regular", config, "mixed", "pair")
    assert np.isfinite(done.best_loss)
    assert not same(model, plain)
    x = Encoded(planted("pair").rows("valid")).one_hot(slice(None))
    with torch.no_grad():
        torch.testing.assert_close(model(DNA_STRAND.act(x)), model(x)[:, [1, 0]], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("labels", LABELS)
def test_every_kind_of_label_trains_with_all_of_them(run, quick, tmp_path, labels: str):
    done, model = run(tmp_path, quick(epochs=1, **TOGETHER), labels=labels)
    assert np.isfinite(done.best_loss)
    assert all(p.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("strategy", ["none", "conjoined", "consistency", "irreps-k3"])
def test_every_strategy_trains_with_all_of_them(run, quick, tmp_path, strategy: str):
    done, _ = run(tmp_path, quick(epochs=1, **TOGETHER), strategy)
    assert np.isfinite(done.best_loss)


def test_bfloat16_clipping_and_averaged_weights_go_with_all_of_them(run, quick, tmp_path):
    config = quick(epochs=1, precision="bf16", gradient_clip=0.1, weight_average=0.5, **TOGETHER)
    done, model = run(tmp_path, config)
    assert np.isfinite(done.best_loss)
    assert {p.dtype for p in model.parameters()} == {torch.float32}


@pytest.mark.parametrize("settings", [TOGETHER, ON["adversarial_substitutions"]], ids=["together", "substitutions"])
def test_a_killed_run_goes_on_to_the_same_bits(run, quick, tmp_path, monkeypatch, settings: dict[str, Any]):
    config = quick(epochs=3, shift=1, **settings)
    whole, expected = run(tmp_path / "whole", config, "augment")
    original = SequenceModule.on_train_batch_start

    def start(self: SequenceModule, batch: Any, number: int) -> None:
        if (self.current_epoch, number) == (2, 1):
            raise Killed
        original(self, batch, number)

    with monkeypatch.context() as patch:
        patch.setattr(SequenceModule, "on_train_batch_start", start)
        with pytest.raises(Killed):
            run(tmp_path / "killed", config, "augment")
    resumed, model = run(tmp_path / "killed", config, "augment")
    assert same(model, expected)
    assert resumed._replace(seconds=0) == whole._replace(seconds=0)


def test_mixed_batches_are_the_same_on_any_number_of_processes_and_mixtures_of_their_rows(planted):
    data = Encoded(planted("classes that swap").rows("train"))
    target = Target.paired([1, 0, 2])
    augmentation = Augmentation(True, 3, Task.MULTICLASS, target, DNA_STRAND)
    problem = label_problem(nn.Identity(), task=Task.MULTICLASS, target=target, source=DNA_STRAND, outputs=3)
    options: dict[str, Any] = {"seed": 5, "epoch": 2, "batch_size": 10, "augmentation": augmentation}
    changes = RowChanges(mixup=0.5, noise=0.1, soft=problem.soft)
    whole = EpochBatches(data, **options, changes=changes)
    for number in range(len(whole)):
        for processes in (2, 3):
            for rank in range(processes):
                part = EpochBatches(data, **options, changes=changes, rank=rank, processes=processes)[number]
                assert torch.equal(part.one_hot, whole[number].one_hot[rank::processes])
                assert torch.equal(part.labels, whole[number].labels[rank::processes])
    mixed = EpochBatches(data, **options, changes=RowChanges(mixup=0.5, noise=0.0, soft=problem.soft))[0]
    plain = EpochBatches(data, **options)[0]
    rows = torch.cat([plain.one_hot.flatten(1), problem.soft(plain.labels)], 1).double()
    both = torch.cat([mixed.one_hot.flatten(1), mixed.labels], 1).double()
    shares = torch.linalg.lstsq(rows.T, both.T).solution.T  # each mixture as a sum of the batch's own rows
    torch.testing.assert_close(shares @ rows, both, rtol=1e-4, atol=1e-5)
    assert ((shares.abs() > 1e-4).sum(1) <= 2).all()
    torch.testing.assert_close(shares.sum(1), torch.ones(len(rows)).double(), rtol=1e-4, atol=1e-5)
    noise = whole[0].one_hot - mixed.one_hot
    assert float(noise.std()) == pytest.approx(0.1, rel=0.1)


def test_an_adversary_makes_the_loss_of_a_trained_model_larger(run, quick, planted, tmp_path):
    from palindra.training.regularisers import projected_gradient

    _, model = run(tmp_path, quick(epochs=4))
    rows = Encoded(planted("binary").rows("valid"))
    x, y = rows.one_hot(slice(None)), rows.labels
    problem = label_problem(model, task=Task.BINARY, target=Target.invariant(1), source=DNA_STRAND, outputs=1)
    losses = []
    for steps in (1, 2, 5):
        attacked = projected_gradient(problem, x, y, radius=0.1, steps=steps)
        with torch.no_grad(), as_it_predicts(model):
            losses.append(float(label_loss(Task.BINARY, model(attacked), y).mean()))
    with torch.no_grad():
        clean = float(label_loss(Task.BINARY, model(x), y).mean())
    assert clean + 0.01 < min(losses)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mixup": -0.1}, "training.mixup is -0.1: at least 0 is needed"),
        ({"jacobian": float("nan")}, "training.jacobian is nan"),
        ({"pgd_steps": 0}, "training.pgd_steps is 0: at least 1"),
        ({"adversarial_substitutions": 1.5}, "a whole number needed"),
        ({"adversarial_substitutions": 1, "input_noise": 0.1}, "training.input_noise leaves none"),
    ],
)
@pytest.mark.parametrize("kind", [TrainingConfig, TrackTrainingConfig])
def test_settings_that_cannot_be_used(kind: type, options: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message.replace(".", r"\.")):
        kind(**options)


def test_sizes_are_checked_before_training(run, quick, tmp_path):
    with pytest.raises(InputError, match="fourier_limit is 12: sequences of 24 letters have 12"):
        run(tmp_path, quick(fourier_prior=1.0, fourier_limit=12))


# Tracks


TRACK_LENGTH, BIN = 48, 4


def track_network(strategy: str, target: Target) -> nn.Module:
    from palindra.models.track_models import TRACK_MODELS

    model, kind = TRACK_MODELS["track_resnet"]
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"length": TRACK_LENGTH, "bin_size": BIN, "outputs": 3, "target": target, "width": 8}
    position = STRATEGIES[strategy].position
    return model(kind(**sizes, involution=position, dilations=(1,), bin_dilations=(1,)))


def track_run(folder: Path, strategy: str = "regular", **options: Any) -> tuple[TrackFit, nn.Module]:
    data = planted_strand_task(0, n=40, length=56)
    common = {"length": TRACK_LENGTH, "bin_size": BIN, "epochs": 1, "batch_size": 12, "learning_rate": 0.01}
    config = TrackTrainingConfig(**common | {"precision": "float32", "crop": "random"} | options)
    network = track_network(strategy, data.target)
    return fit_tracks(network, data, config, strategy=STRATEGIES[strategy], seed=1, folder=folder), network


@pytest.mark.parametrize("name", [*ON, "together"])
def test_an_equivariant_model_of_tracks_stays_equivariant(tmp_path, name: str):
    done, network = track_run(tmp_path, **(TOGETHER if name == "together" else ON[name]))
    assert np.isfinite(done.best_loss)
    data = planted_strand_task(0, n=40, length=56)
    x = TrackEpochBatches(
        TrackRows(data, "valid", TRACK_LENGTH, BIN),
        seed=0,
        epoch=0,
        batch_size=8,
        augmentation=TrackAugmentation(data.target),
    )[0].one_hot
    with torch.no_grad():
        other = other_strand(data.target, network(DNA_STRAND.act(x)))
        torch.testing.assert_close(other, network(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("loss", ["mse", "pearson", "multinomial-mse"])
@pytest.mark.parametrize("strategy", ["conjoined", "consistency"])
def test_tracks_train_with_all_of_them(tmp_path, loss: str, strategy: str):
    done, _ = track_run(tmp_path, strategy, loss=loss, **TOGETHER)
    assert np.isfinite(done.best_loss)


def test_off_trains_tracks_to_the_bits_of_a_step_without_regularisers(tmp_path, monkeypatch):
    found, model = track_run(tmp_path / "off", "augment", epochs=2)

    def plain_step(self: TrackModule, batch: Any, _: int) -> Tensor:
        outputs = self.network(batch.one_hot)
        self.loss.check(each(lambda y: y.detach().float(), outputs), batch.targets)
        loss = self.loss(outputs, batch.targets) * (len(batch.targets) * self.trainer.world_size / batch.rows)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=batch.rows)
        return loss

    monkeypatch.setattr(TrackModule, "training_step", plain_step)
    expected, other = track_run(tmp_path / "plain", "augment", epochs=2)
    assert same(model, other)
    assert found.history == expected.history


def test_a_killed_run_on_tracks_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    options: dict[str, Any] = {"epochs": 3, "evoaug": ("mutation",), "finetune_epochs": 1, **TOGETHER}
    whole, expected = track_run(tmp_path / "whole", "augment", **options)
    original = TrackModule.on_train_batch_start
    for stop in ((1, 1), (2, 1)):

        def start(self: TrackModule, batch: Any, number: int, stop: tuple[int, int] = stop) -> None:
            if (self.first_epoch + self.current_epoch, number) == stop:
                raise Killed
            original(self, batch, number)

        with monkeypatch.context() as patch:
            patch.setattr(TrackModule, "on_train_batch_start", start)
            with pytest.raises(Killed):
                track_run(tmp_path / "killed", "augment", **options)
    resumed, network = track_run(tmp_path / "killed", "augment", **options)
    assert same(network, expected)
    assert resumed._replace(seconds=0) == whole._replace(seconds=0)


def test_stranded_tracks_are_mixed_strand_by_strand_with_missing_values():
    data = planted_strand_task(0, n=40, length=56)
    data._values["train"][3, 1, 10:30] = np.nan
    rows = TrackRows(data, "train", TRACK_LENGTH, BIN)
    options: dict[str, Any] = {"seed": 0, "epoch": 0, "batch_size": 24}
    options["augmentation"] = TrackAugmentation(data.target, reverse_complement=True)
    mixed = TrackEpochBatches(rows, **options, changes=RowChanges(0.5, 0.0, lambda y: y))[0]
    plain = TrackEpochBatches(rows, **options)[0]
    letters, tracks = plain.one_hot.flatten(1).double(), plain.targets.flatten(1).double()
    shares = torch.linalg.lstsq(letters.T, mixed.one_hot.flatten(1).double().T).solution.T
    shares = torch.where(shares.abs() < 1e-4, 0.0, shares)
    expected = shares @ tracks.nan_to_num(0)
    missing = (shares != 0).double() @ tracks.isnan().double() > 0
    assert missing.any()
    found = mixed.targets.flatten(1)
    assert torch.equal(found.isnan(), missing)
    torch.testing.assert_close(found.double()[~missing], expected[~missing], rtol=1e-3, atol=1e-3)


def test_a_loss_on_mixed_targets_is_the_mixture_of_losses_where_it_is_linear_in_the_truth():
    rates = torch.rand(4, 3, 5, generator=torch.Generator().manual_seed(0)) + 0.1
    a, b = torch.rand(2, 4, 3, 5, generator=torch.Generator().manual_seed(1))
    poisson = LOSSES["poisson"]
    torch.testing.assert_close(poisson(rates, 0.3 * a + 0.7 * b), 0.3 * poisson(rates, a) + 0.7 * poisson(rates, b))


SCRIPT = """
import os, sys
from pathlib import Path
import torch
sys.path.insert(0, {tests!r})
from test_regularisers_training import weights_after_training

weights = weights_after_training(2, Path({folder!r}) / "two")
torch.save(weights, Path({folder!r}) / f"{{os.environ.get('LOCAL_RANK', 0)}}.pt")
"""
INDEPENDENT = {  # of the other rows of a batch and their number, so that two processes must agree with one
    name: value
    for kind in ("mixup", "input_noise", "pgd", "attribution_consistency")
    for name, value in ON[kind].items()
}


class Smooth(nn.Module):
    """Two layers, each row on its own."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv1d(4, 6, 9), nn.Tanh(), nn.Flatten(), nn.Linear(6 * (TRACK_LENGTH - 8), 36))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).unflatten(1, (3, 12))


def weights_after_training(devices: int, folder: Path) -> dict[str, Tensor]:
    data = planted_strand_task(0, n=60, length=56)
    common: dict[str, Any] = {"length": TRACK_LENGTH, "bin_size": BIN, "epochs": 2, "batch_size": 18}
    config = TrackTrainingConfig(**common, precision="float32", loss="mse", devices=devices, **INDEPENDENT)
    network = Smooth()
    fit_tracks(network, data, config, strategy=NONE, seed=1, folder=folder)
    return network.state_dict()


def test_two_processes_train_to_the_weights_of_one(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT.format(tests=str(Path(__file__).parent), folder=str(tmp_path)))
    left = {"LOCAL_RANK", "WORLD_SIZE", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT"}
    clean = {name: value for name, value in os.environ.items() if name not in left} | {"OMP_NUM_THREADS": "1"}
    words = [sys.executable, str(tmp_path / "script.py")]
    done = subprocess.run(words, env=clean, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    expected = weights_after_training(1, tmp_path / "one")
    for rank in (0, 1):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-4)
