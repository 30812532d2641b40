"""Pretrain one language model to the end, from wherever an earlier attempt stopped, and keep its best weights."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from palindra.data.language import LanguageData, scored_windows
from palindra.data.language.windows import training_windows
from palindra.errors import InputError
from palindra.training.pretraining.batches import ScoredBatches
from palindra.training.pretraining.classes import ClassBits, window_bits
from palindra.training.pretraining.config import PretrainingConfig
from palindra.training.pretraining.module import PretrainingModule, bits_of
from palindra.training.pretraining.trainer import train_language_model


class Pretrained(NamedTuple):
    """What pretraining gives besides the weights, which are in the network."""

    best_step: int
    best_bits: float  # per base, on the validation split
    seconds: float  # of all steps, in whatever attempts
    history: list[dict[str, float]]  # one row per validation, see palindra.training.pretraining.trainer.COLUMNS


def pretrain(
    network: nn.Module,
    data: LanguageData,
    config: PretrainingConfig,
    *,
    seed: int,
    folder: str | Path,
    progress: bool = False,
    loggers: tuple[str, ...] = (),
) -> Pretrained:
    """Train ``network`` in place on a genome with hidden letters and restore its weights of lowest validation loss.

    A checkpoint is written after every validation. Called again with the same arguments after a kill, training goes on
    from the last one and ends with the same weights as if it had never stopped; after its end it returns at once.

    Args:
        network: ``network(tokens, mask).logits`` of shape ``(windows, length, 4)``.
        data: genome and splits, see :func:`palindra.data.language.language_data`.
        config: lengths, masking, optimiser, schedule.
        seed: of windows, masks and dropout.
        folder: for checkpoints and logs of this network.
        progress: show a bar.
        loggers: any of ``"tensorboard"`` and ``"wandb"``; ``log.tsv`` is always written.

    Raises:
        InputError: if windows are longer than every region, the network lacks what the configuration asks for, or a
            loss is no longer a number (the step and the windows are named, and the last checkpoint stays).
        KeyboardInterrupt: if Ctrl-C was pressed.
    """
    from palindra.training.trainer import make_loggers

    require_trainable(network, data, config)
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    # Sharded parameters do not become whole again, so that a copy is sharded.
    trained = copy.deepcopy(network) if config.strategy == "fsdp" else network
    module = PretrainingModule(trained, data=data, config=config, seed=seed)
    made = make_loggers(place, loggers)
    done = train_language_model(module, config, place, progress=progress, loggers=made)
    network.load_state_dict(done.weights)
    network.to("cpu").eval()
    rows = done.history.rows
    return Pretrained(done.step, done.bits, rows[-1]["seconds"], rows)


def require_trainable(network: nn.Module, data: LanguageData, config: PretrainingConfig) -> None:
    """Raise unless a network can be trained on these data in this way; also turns its checkpointing on or off.

    Raises:
        InputError: saying what does not fit.
    """
    training_windows(data, config.length, phase=0.0, packed=config.packed)
    if hasattr(type(network), "checkpointing"):
        network.checkpointing = config.checkpointing  # type: ignore[assignment]
    elif config.checkpointing:
        raise InputError(
            f"training.checkpointing: {type(network).__name__} cannot compute layers again; set it to false."
        )


def score_split(
    network: nn.Module, data: LanguageData, split: str, config: PretrainingConfig, *, precision: Any = None
) -> ClassBits:
    """-log2 of the probability of hidden letters of a split, summed over each window and class.

    Letters are hidden by a draw that is the same for every run, model and machine, and all of them by the mask symbol.

    Args:
        network: on the device to compute on.
        data: genome and splits.
        split: whose windows.
        config: length, rate of masking, windows at a time.
        precision: a dtype to autocast to, e.g. ``torch.bfloat16``; None for that of the weights.
    """
    import torch

    windows = scored_windows(data, split, config.length)
    batches = ScoredBatches(windows, rate=config.mask_rate, batch_size=config.batch_size // config.accumulate)
    device = next(network.parameters()).device
    found = [ClassBits.none(data)]
    with torch.inference_mode(), torch.autocast(device.type, precision, enabled=precision is not None):
        for number in range(len(batches)):
            batch = batches[number]
            logits = network.eval()(batch.tokens.to(device), batch.real.to(device)).logits
            bits = bits_of(logits, batch.targets.to(device)).double().cpu().numpy()
            found.append(window_bits(windows, batch.rows.tolist(), bits, (batch.targets >= 0).numpy()))
    return ClassBits.joined(found)
