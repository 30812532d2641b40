"""One training run from a data set of tracks to a finished run folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from palindra.cli.labelled.running import put_in_place
from palindra.cli.provenance import versions
from palindra.cli.settings import NOT_RESULTS, require_same, start
from palindra.cli.tracks.plan import TrackPlan, build, resolved, strategy_of, target_of
from palindra.cli.tracks.scoring import discrepancy, numeric, plain, split_scores
from palindra.cli.tracks.stores import OTHER, STORES, contents, predict_split
from palindra.errors import InputError
from palindra.models.saving import WEIGHTS, is_finished, read_config, seal, write_text
from palindra.models.track_saving import ScaledTracks, load_track_run, save_track_run
from palindra.nn import count_parameters
from palindra.nn.processes import first_alone
from palindra.ranks import first_process
from palindra.training.strategies import Strategy
from palindra.training.track_batches import TrackRows
from palindra.training.track_fit import TrackFit, fit_tracks, require_trainable_tracks
from palindra.training.track_scaling import SCALED, ScaledData, training_scale

__all__ = ["TrackPlan", "score_track_run", "train_track_run"]


def train_track_run(
    data: Any,
    plan: TrackPlan,
    strategy: str,
    seed: int,
    folder: str | Path,
    *,
    progress: bool = False,
    say: Callable[[str], None] = lambda _: None,
    finish: Callable[[Path], None] = lambda _: None,
) -> Path:
    """Train one model of tracks and write a run folder.

    Work happens in ``folder.partial``; the folder itself appears when it is complete. A finished folder is returned
    as it is, an unfinished one is continued; both only if they were made with the same data and settings. With several
    processes all train and the first writes, while the others wait.

    The folder holds ``config.toml``, ``weights.safetensors``, ``history.tsv``, ``metrics.json`` and, for the splits
    valid and test, the stores ``predictions/SPLIT`` and ``predictions/SPLIT-other``: what the model says of every
    window, and what it says of its reverse complement, brought back to the given strand.

    Args:
        data: a :class:`palindra.data.tracks.TrackData` with splits train and valid.
        plan: what is trained.
        strategy: what is done about the other strand, see :data:`palindra.training.strategies.STRATEGIES`.
        seed: of initial weights, order, augmentation and dropout.
        folder: to write.
        progress: show a bar for each epoch.
        say: gets one line about the run.
        finish: adds to the folder before it is sealed.

    Raises:
        InputError: if the folder exists and is something else, or training is impossible with these data.
    """
    folder = Path(folder)
    for split in ("train", "valid"):
        if split not in data.splits or not len(data.splits[split]):
            raise InputError(f"{data.folder}: there are no windows in split {split!r}, and training needs some.")
    plan, chosen = resolved(plan, data), strategy_of(strategy)
    settings = settings_of(data, plan, strategy, seed)
    if is_finished(folder):
        require_same(folder, read_config(folder).get("settings", {}), settings)
        return folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: exists and is not a finished run; choose another --output, or remove it.")
    check_trainable(data, plan, chosen)
    partial = folder.with_name(folder.name + ".partial")
    work = partial / "work"
    if first_process():
        start(partial, settings)
    if not is_finished(partial):  # else a kill came between the last two lines below
        network, fit, scale = _train(data, plan, chosen, seed, work, progress)
        with first_alone():
            if first_process():
                _write(partial, data, plan, chosen, seed, network, fit, scale, settings)
                best = f"best after {fit.best_epoch + 1}, {fit.seconds:.0f} s"
                say(f"{strategy}, seed {seed}: {fit.epochs} epochs, {best}")
                finish(partial)
                seal(partial)
    return put_in_place(partial, work, folder)


def score_track_run(folder: str | Path, split: str = "test") -> dict[str, Any]:
    """Scores of a finished run on one of its stored splits, as they were written.

    Returns:
        ``tracks``, ``bin_size``, ``windows``, ``values`` (one number per track by name of the score), ``mean`` over
        tracks by name, and ``records``: one flat row per track and one for the mean, intervals included.

    Raises:
        InputError: if the run has no such split.
    """
    path = Path(folder) / "metrics.json"
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}). Train again.") from error
    if split not in metrics.get("splits", {}):
        known = ", ".join(metrics.get("splits", {}))
        raise InputError(f"{folder}: has no scores of split {split!r}; there are {known}.")
    return numeric(metrics["splits"][split])


def settings_of(data: Any, plan: TrackPlan, strategy: str, seed: int) -> dict[str, str]:
    """What must not change between the attempts at one run."""
    return {
        "data": f"{data.folder.name}, contents {contents(data)[:16]}",
        "strategy": f"{strategy}, seed {seed}",
        "model": f"{plan.model}, width {plan.width}, {dict(sorted(plan.options.items()))}, partners {plan.partners}",
        "training": ", ".join(
            [f"{name} {value}" for name, value in asdict(plan.training).items() if name not in NOT_RESULTS]
            + [f"scale {plan.scale}"]
        ),
    }


def check_trainable(data: Any, plan: TrackPlan, strategy: Strategy) -> None:
    """Find out before any training whether a resolved plan can be trained.

    Raises:
        InputError: if not.
    """
    rows = TrackRows(data, "train", plan.length, plan.training.bin_size, plan.training.labels)
    plan.training.augmentation(data.target, strategy).check(rows)
    if plan.training.labels == "tracks" and not data.has_values:
        raise InputError(f"{data.folder}: its tracks have labels alone: add --labels activity.")
    with torch.random.fork_rng(devices=[]):
        network = build(plan, data, strategy)
    require_trainable_tracks(network, data, plan.training, strategy=strategy, target=target_of(plan, data))


def _train(
    data: Any, plan: TrackPlan, strategy: Strategy, seed: int, work: Path, progress: bool
) -> tuple[nn.Module, TrackFit, list[float]]:
    scale: list[float] = []
    if plan.scale != "none" and plan.training.loss in SCALED and plan.training.labels == "tracks":
        rows = TrackRows(data, "train", plan.length, plan.training.bin_size)
        scale = training_scale(rows, plan.training.loss, plan.scale)
    torch.manual_seed(seed)
    network = build(plan, data, strategy)
    fit = fit_tracks(
        network,
        ScaledData(data, tuple(scale)) if scale else data,
        plan.training,
        strategy=strategy,
        seed=seed,
        folder=work / "0",
        target=target_of(plan, data),
        progress=progress,
        loggers=plan.loggers,
    )
    return network, fit, scale


def _write(
    folder: Path,
    data: Any,
    plan: TrackPlan,
    strategy: Strategy,
    seed: int,
    network: nn.Module,
    fit: TrackFit,
    scale: list[float],
    settings: Mapping[str, str],
) -> None:
    """Everything in a run folder that follows from the trained network."""
    save_track_run(
        folder,
        ScaledTracks(network, scale) if scale else network,
        model=plan.model,
        strategy=strategy.name,
        loss=plan.training.loss,
        tracks=[track.name for track in data.tracks],
        target=target_of(plan, data),
        both_strands=strategy.both_strands,
        config={
            "run": {"command": plan.command, "strategy": strategy.name, "seed": seed, "partners": plan.partners},
            "training": asdict(plan.training) | {"seconds": fit.seconds},
            "data": facts(data),
            "settings": dict(settings),
            "versions": versions(),
        },
    )
    lines = ["epoch\ttrain_loss\tvalid_loss"]
    lines += [f"{row['epoch']:.0f}\t{row['train_loss']:.6g}\t{row['valid_loss']:.6g}" for row in fit.history]
    write_text(folder / "history.tsv", "\n".join(lines) + "\n")
    run = load_track_run(folder, finished=False)
    metrics: dict[str, Any] = {
        "parameters": count_parameters(network),
        "seconds": fit.seconds,
        "epochs": fit.epochs,
        "best_epoch": fit.best_epoch,
        "valid_loss": fit.best_loss,
        "scale": scale,
        "strands": {},
        "splits": {},
    }
    for split in ("valid", "test"):
        if split not in data.splits or not len(data.splits[split]):
            continue
        place = folder / STORES / split
        gpus = plan.training.devices
        given = predict_split(run, data, split, place, weights=folder / WEIGHTS, gpus=gpus)
        back = place.with_name(split + OTHER)
        metrics["strands"][split] = discrepancy(
            given, predict_split(run, data, split, back, weights=folder / WEIGHTS, other=True, gpus=gpus)
        )
        metrics["splits"][split] = split_scores(run, data, split, given)
    write_text(folder / "metrics.json", json.dumps(plain(metrics), indent=1) + "\n")
    for kept in sorted((folder / "work").glob("*/tensorboard")):
        shutil.copytree(kept, folder / f"tensorboard-{kept.parent.name}", dirs_exist_ok=True)


def facts(data: Any) -> dict[str, Any]:
    """What a run folder remembers of its data."""
    return {
        "source": data.folder.name,
        "contents": contents(data),
        "genome": data.genome.fingerprint,
        "window": int(data.window),
        "tracks": [track.name for track in data.tracks],
        "windows": {name: len(windows) for name, windows in data.splits.items()},
    }
