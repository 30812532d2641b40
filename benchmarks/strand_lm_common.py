"""What the parts of strand_lm.py share: the models that are compared, runs that are kept, how numbers are printed."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from palindra.evaluation import mean_interval, paired_test
from palindra.models.strand_lm import StrandLM, StrandLMConfig
from palindra.nn import count_parameters
from printed import log

TIED = "tied"
TUNING_SEED = 900  # not among those reported


class Kind(NamedTuple):
    """A language model that is compared: who reads what, and whether half of the windows are turned in training."""

    mixer: str
    augmented: bool = False
    bridge_every: int = 0  # layers; 0 is one bridge, after the last


KINDS = {
    TIED: Kind("tied"),
    "tied, every layer": Kind("tied", bridge_every=1),
    "untied": Kind("untied"),
    "untied, augmented": Kind("untied", augmented=True),
    "siamese": Kind("siamese"),
    "one strand, augmented": Kind("bidirectional", augmented=True),
    "one strand": Kind("bidirectional"),
}


def config_of(kind: Kind, args: argparse.Namespace) -> StrandLMConfig:
    """The sizes of a model: the width at which it has most nearly as many parameters as the tied one."""
    changes: dict[str, Any] = {"mixer": kind.mixer, "bridge_every": kind.bridge_every}
    shared: dict[str, Any] = {
        "depth": args.depth,
        "heads": args.heads,
        "key_size": args.key_size,
        "feed_forward": args.feed_forward,
        "attention": bool(args.window),
        "window": args.window or None,
        "dropout": 0.0,
    }
    tied = StrandLMConfig(width=args.width, **shared)
    step = 2 * args.heads if args.window else args.heads
    widths = range(step * math.ceil(args.width / 2 / step), 2 * args.width + 1, step)
    counts = {w: count_parameters(StrandLM(replace(tied, width=w, **changes))) for w in widths}
    wanted = count_parameters(StrandLM(tied))
    width = min(counts, key=lambda w: abs(counts[w] - wanted))
    return replace(tied, width=width, **changes)


def known(path: Path, settings: dict[str, Any]) -> dict[str, Any] | None:
    """What an earlier run found, or None; one with other settings stops the script."""
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if found["settings"] != json.loads(json.dumps(settings)):
        sys.exit(f"{path}: was made with other settings; choose another --store.")
    return found


def keep(path: Path, settings: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Write what a run found; the file is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps({"settings": settings, **found}), encoding="utf-8")
    partial.replace(path)
    log(f"{path.parent.name}/{path.stem}: " + ", ".join(f"{k} {v:.4g}" for k, v in found.items() if np.isscalar(v)))
    return found


def step_seconds(network: StrandLM, tokens: torch.Tensor, repeats: int = 3) -> float:
    """CPU seconds of one forward and backward pass, the smallest of some."""
    network.train()
    found = []
    for _ in range(repeats):
        start = time.process_time()
        network(tokens).logits.logsumexp(-1).mean().backward()
        found.append(time.process_time() - start)
    network.zero_grad()
    network.eval()
    return min(found)


def interval(values: Sequence[float]) -> str:
    if len(values) < 2:
        return f"{values[0]:.4f}"
    mean, low, high = mean_interval(values)
    return f"{mean:.4f} [{low:.4f}, {high:.4f}]"


def difference(first: Sequence[float], second: Sequence[float]) -> str:
    if len(first) < 2:
        return f"  {first[0] - second[0]:+.4f} (1 seed)"
    test = paired_test(first, second)
    return f"  {test.mean:+.4f} [{test.low:+.4f}, {test.high:+.4f}], {test.n} seeds, t-test p = {test.p_t:.2g}"
