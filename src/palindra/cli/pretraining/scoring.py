"""Bits per base of a language model on held-out positions, with Markov models on the same positions beside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from palindra.data.language import ALL, LanguageData, scored_windows
from palindra.evaluation.markov import ChainModel, MarkovModel, fit_markov
from palindra.training.pretraining import ClassBits, PretrainingConfig, ScoredBatches, score_split, window_bits

MODEL, HIDDEN = "language model", "same letters hidden"
COMPARED = (
    "Mean of -log2 p of what was there, over the same hidden positions for all. The language model reads a window in "
    "which these positions are masked, all at once, so it lacks mask_rate of the context. Markov models read the same "
    "window with nothing hidden but the position in question, which favours them, or, where 'same letters hidden' is "
    "said, exactly what the language model reads, backing off at hidden letters: 'left k' the k letters before it; "
    "'both sides n + n' n letters before and after it; 'chain k' is the exact probability given all other letters of "
    "the window under the model 'left k', in which k letters on each side count. They were counted on both strands of "
    "the training regions and interpolated between all context lengths."
)


def score(network: nn.Module, data: LanguageData, config: PretrainingConfig, order: int) -> dict[str, Any]:
    """Scores of the splits valid and, where there is one, test.

    Args:
        network: trained, on the device to compute on.
        data: genome, splits, classes.
        config: of training.
        order: letters that Markov models read, -1 for none.
    """
    models = _markov_models(data, order)
    splits: dict[str, Any] = {}
    for split in ("valid", "test"):
        if split not in data.splits:
            continue
        mine = score_split(network, data, split, config)
        splits[split] = {MODEL: mine.table()}
        for name, other in _markov_bits(models, data, split, config).items():
            table = other.table()
            for label, row in mine.table(other).items():
                table[label]["language_model_minus_this"] = row["difference"]
                table[label]["standard_error_of_difference"] = row["difference_error"]
            splits[split][name] = table
    return {"compared": COMPARED, "mask_rate": config.mask_rate, "length": config.length, "splits": splits}


def _markov_models(data: LanguageData, order: int) -> dict[str, MarkovModel | ChainModel]:
    if order < 0:
        return {}

    def pieces() -> Iterator[np.ndarray]:
        for contig, start, end in data.pieces("train"):
            yield data.genome.codes(contig, start, end)

    causal = fit_markov(pieces(), left=order)
    found: dict[str, MarkovModel | ChainModel] = {f"left {k}": causal.shortened(k) for k in range(order + 1)}
    if order >= 2:
        both = fit_markov(pieces(), left=order // 2, right=order // 2)
        found |= {f"both sides {n} + {n}": both.shortened(n) for n in range(1, order // 2 + 1)}
    if order:
        found[f"chain {order}"] = ChainModel(causal)
    return found


def _markov_bits(
    models: dict[str, MarkovModel | ChainModel], data: LanguageData, split: str, config: PretrainingConfig
) -> dict[str, ClassBits]:
    windows = scored_windows(data, split, config.length)
    batches = ScoredBatches(windows, rate=config.mask_rate, batch_size=max(1, (1 << 20) // config.length))
    kinds = {name.split()[0]: name for name in models}
    longest = set(kinds.values())  # the last of each kind reads most
    found: dict[str, list[ClassBits]] = {name: [] for name in (*models, *(f"{one}, {HIDDEN}" for one in longest))}
    for number in range(len(batches) if models else 0):
        batch = batches[number]
        rows, scored = batch.rows.numpy(), (batch.targets >= 0).numpy()
        codes = windows.tokens(rows)
        for name, model in models.items():
            found[name].append(window_bits(windows, rows.tolist(), model.bits(codes, scored), scored))
            if name in longest:
                bits = model.bits(codes, scored, context=batch.tokens.numpy().astype(np.uint8))
                found[f"{name}, {HIDDEN}"].append(window_bits(windows, rows.tolist(), bits, scored))
    return {name: ClassBits.joined(parts) for name, parts in found.items()}


def said(folder: Path) -> list[str]:
    """The scores of a run folder, one line for each split, class and model."""
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    lines = []
    for split, models in metrics["splits"].items():
        mine = models[MODEL]
        best = min(
            (name for name in models if name != MODEL), key=lambda n: models[n][ALL]["bits_per_base"], default=None
        )
        for label, row in mine.items():
            line = f"{split}, {label}: {row['bits_per_base']:.4f} bits per base ({row['positions']:,} positions)"
            if best is not None:
                other = models[best][label]
                line += (
                    f"; best Markov model ({best}) {other['bits_per_base']:.4f}, difference "
                    f"{other['language_model_minus_this']:+.4f} (standard error "
                    f"{other['standard_error_of_difference']:.4f})"
                )
            lines.append(line)
    return lines
