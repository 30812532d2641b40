"""Run folders of models of tracks: what ran, the weights, and what the outputs stand for; no pickles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn

import palindra
from palindra.errors import InputError
from palindra.models.plain import from_plain, target_from_plain, target_to_plain, to_plain
from palindra.models.saving import CONFIG, FORMAT, TRACKS, WEIGHTS, checked_config, readable, write_tensors, write_text
from palindra.models.track_models import TRACK_MODELS
from palindra.symmetry import DNA_STRAND, Position, Target


class TrackRun(NamedTuple):
    """A loaded run folder of tracks."""

    network: nn.Module  # in evaluation mode; gives what the loss reads, in the units of the data
    table: dict[str, Any]  # everything that ran, as in config.toml
    tracks: tuple[str, ...]
    target: Target  # how the tracks change with the strand, positions in reverse
    loss: str  # that the network was trained with, which says what its outputs are
    length: int  # letters that the network reads
    bin_size: int  # positions of one output value; the length for labels of windows
    both_strands: bool  # whether predictions average both strands


class ScaledTracks(nn.Module):
    """A network trained on tracks divided by a number each, giving them in their own units again.

    Args:
        module: gives rates or values ``(batch, tracks, bins)``.
        scale: of each track; partners on the two strands have the same.

    Examples:
        >>> ScaledTracks(nn.Identity(), [1.0, 10.0])(torch.ones(1, 2, 3))[0].tolist()
        [[1.0, 1.0, 1.0], [10.0, 10.0, 10.0]]
    """

    scale: Tensor

    def __init__(self, module: nn.Module, scale: Sequence[float]) -> None:
        super().__init__()
        self.module = module
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32), persistent=False)

    def forward(self, x: Float[Tensor, "batch 4 length"]) -> Float[Tensor, "batch tracks bins"]:
        return self.module(x) * self.scale[:, None].to(x.dtype)


class Coverage(nn.Module):
    """The coverage that a model of tracks predicts, or the probability of each label of a window.

    Args:
        network: gives what the loss reads.
        loss: by name: multinomial outputs become shares of the window, those with counts become counts, cross-entropy
            gives probabilities; others are coverage already.
        both_strands: average the network's outputs over both strands, tracks changing as this target says.
    """

    def __init__(self, network: nn.Module, loss: str, both_strands: Target | None = None) -> None:
        super().__init__()
        self.network, self.loss, self.both_strands = network, loss, both_strands

    def forward(self, x: Float[Tensor, "batch 4 length"]) -> Tensor:
        outputs = self.network(x)
        parts = list(outputs) if isinstance(outputs, tuple) else [outputs]
        if self.both_strands is not None:
            turned = self.network(DNA_STRAND.act(x))
            others = turned if isinstance(turned, tuple) else [turned]
            parts = [(one + act(self.both_strands, two)) / 2 for one, two in zip(parts, others, strict=True)]
        if self.loss == "bpnet":
            return parts[0].softmax(-1) * torch.expm1(parts[1]).clamp(min=0)[..., None]
        if self.loss == "bce":
            return parts[0].sigmoid()
        return parts[0].softmax(-1) if self.loss == "multinomial" else parts[0]


def act(target: Target, outputs: Tensor) -> Tensor:
    """Outputs for reverse complements as those for the sequences; one value per track has no positions to reverse."""
    return (target if outputs.ndim == 3 else Target(target.rep, Position.IDENTITY, target.order)).act(outputs)


def save_track_run(
    folder: str | Path,
    network: nn.Module,
    *,
    model: str,
    strategy: str,
    loss: str,
    tracks: Sequence[str],
    target: Target,
    both_strands: bool,
    config: Mapping[str, Any],
) -> None:
    """Write ``config.toml`` and ``weights.safetensors`` into a folder.

    Args:
        folder: created where it does not exist.
        network: one of :data:`palindra.models.track_models.TRACK_MODELS`, or :class:`ScaledTracks` around it.
        model: its name there.
        strategy: what was done about the other strand.
        loss: that it was trained with.
        tracks: their names.
        target: how they change with the strand, positions in reverse.
        both_strands: whether predictions average both strands.
        config: all other tables of the configuration.
    """
    import tomli_w

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    scaled = isinstance(network, ScaledTracks)
    inner: Any = network.module if scaled else network
    whole = {
        "palindra": {"version": palindra.__version__, "format": FORMAT, "kind": TRACKS},
        **config,
        "prediction": {
            "loss": loss,
            "tracks": list(tracks),
            "target": target_to_plain(target),
            "both_strands": both_strands,
            "scale": network.scale.tolist() if scaled else [],  # type: ignore[operator]
        },
        "model": {"name": model, "strategy": strategy, "config": to_plain(inner.config)},
    }
    write_tensors(folder / WEIGHTS, inner.state_dict())
    write_text(folder / CONFIG, tomli_w.dumps(whole))


def load_track_run(folder: str | Path, *, finished: bool = True) -> TrackRun:
    """Load a run folder of tracks and check that it is whole.

    Args:
        folder: the run folder.
        finished: ask for the checksums of a finished run; off only while a run is being written.

    Raises:
        InputError: if it is no run folder of tracks, was not finished, or a file was changed.
    """
    folder = Path(folder)
    with readable(folder):
        table = checked_config(folder, finished=finished)
        if table["palindra"].get("kind") != TRACKS:
            raise InputError(f"{folder}: holds a model of labelled sequences, and one of tracks is needed.")
        build, kind = TRACK_MODELS[table["model"]["name"]]
        config = from_plain(kind, table["model"]["config"])
        network = build(config)
        network.load_state_dict(load_file(folder / WEIGHTS))
        prediction = table["prediction"]
        if prediction["scale"]:
            network = ScaledTracks(network, prediction["scale"])
        return TrackRun(
            network.eval(),
            table,
            tuple(prediction["tracks"]),
            target_from_plain(prediction["target"]),
            prediction["loss"],
            config.length,
            config.bin_size if config.gives_tracks else config.length,
            prediction["both_strands"],
        )


def load_coverage(folder: str | Path) -> Coverage:
    """The model of a run folder of tracks as ``model(one_hot) -> coverage``, in evaluation mode.

    Raises:
        InputError: as :func:`load_track_run`.
    """
    run = load_track_run(folder)
    return Coverage(run.network, run.loss, run.target if run.both_strands else None).eval()
