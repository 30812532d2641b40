"""Speed and memory of the recurrences: chunks beside single steps, and layers from 1 kb to 256 kb.

    python benchmarks/recurrence.py [--threads 2] [--repeats 5] [--kilobases 1 4 16 64 256] [--segments-mb 1]

First the functions, chunked beside one position after the other, on the same inputs, forward alone and forward with
backward: processor seconds, the least of each over repeats that are taken in turn. Then inference with whole layers at
growing lengths, each in a process of its own: microseconds and peak resident memory (VmHWM) above that of the same
process before it runs, per position, with inputs and outputs of the layer counted. With --segments-mb the recurrent
layers also read that many megabases in segments, the state carried, to show the memory that this needs. Last, the
shipped language model reads --model-mb megabases at once, and what a training step of language models costs.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from palindra.cli.provenance import commit
from palindra.models.strand_lm import StrandLM, StrandLMConfig
from palindra.models.strand_lm.shipped import shipped
from palindra.nn import count_parameters
from palindra.nn.recurrence import (
    Comba,
    Mamba,
    Mamba2,
    channel_scan,
    channel_scan_steps,
    delta_rule,
    delta_rule_steps,
    selective_scan,
    selective_scan_steps,
)
from printed import log, public

WIDTH, SEGMENT, LEAST, SPREAD = 128, 2048, 20.0, 0.2
LONG_ENOUGH = 3.0  # seconds of passes together
LAYERS: dict[str, Callable[[], nn.Module]] = {
    "Comba": lambda: Comba(WIDTH),
    "Mamba2": lambda: Mamba2(WIDTH),
    "Mamba": lambda: Mamba(WIDTH),
}
Call = Callable[[], tuple[Tensor, Tensor]]


def pairs(length: int, heads: int, size: int) -> list[tuple[str, Call, Call, list[Tensor]]]:
    """Name, chunked form, step form, and the inputs that need gradients."""
    torch.manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape).requires_grad_()

    with torch.no_grad():
        q, k, p = (functional.normalize(draw(1, heads, length, size), dim=-1) for _ in range(3))
        gates = -functional.softplus(draw(1, heads, length)), draw(1, heads, length).sigmoid()
        dt = functional.softplus(draw(1, heads, length))
        fine = functional.softplus(draw(1, heads * size, length))
    delta = [t.requires_grad_() for t in (q, k, draw(1, heads, length, size), p, *gates)]
    state_space = [draw(1, heads, length, size), dt.requires_grad_(), (-torch.rand(heads)).requires_grad_()]
    state_space += [draw(1, 1, length, size), draw(1, 1, length, size)]
    channels = [draw(1, heads * size, length), fine.requires_grad_(), (-torch.rand(heads * size, 16)).requires_grad_()]
    channels += [draw(1, 16, length), draw(1, 16, length)]
    return [
        ("delta rule", lambda: delta_rule(*delta), lambda: delta_rule_steps(*delta), delta),
        (
            "Mamba-2 scan",
            lambda: selective_scan(*state_space),
            lambda: selective_scan_steps(*state_space),
            state_space,
        ),
        ("Mamba scan", lambda: channel_scan(*channels), lambda: channel_scan_steps(*channels), channels),
    ]


def seconds(call: Call, inputs: list[Tensor], backward: bool) -> float:
    start = time.process_time()
    with torch.set_grad_enabled(backward):
        out, _ = call()
    if backward:
        torch.autograd.grad(out.sum(), inputs)
    return time.process_time() - start


def beside_steps(length: int, repeats: int) -> float:
    """Print a table; return the ratio for a training step of the delta rule at the size of the layer."""
    print(
        f"chunks beside steps, batch 1, {length:,} positions: processor microseconds per position, least of {repeats}\n"
    )
    print(f"{'':14} {'heads x size':>12} {'pass':20} {'chunks':>9} {'steps':>9} {'steps / chunks':>15}")
    worst = float("inf")
    for heads, size in ((8, 64), (8, 16)):
        for name, chunked, steps, inputs in pairs(length, heads, size):
            for backward in (False, True):
                seconds(chunked, inputs, backward)
                taken = [[seconds(f, inputs, backward) for f in (chunked, steps)] for _ in range(repeats)]
                ours, other = (min(column) / length * 1e6 for column in zip(*taken, strict=True))
                ratio = other / ours
                what = "forward and backward" if backward else "forward"
                print(
                    f"{name:14} {f'{heads} x {size}':>12} {what:20} {ours:9.2f} {other:9.1f} {ratio:15.1f}", flush=True
                )
                worst = min(worst, ratio) if backward and name == "delta rule" else worst
    return worst


def training_steps(length: int, repeats: int) -> None:
    """Print what one forward and backward pass of whole language models costs."""
    print(f"\ntraining step of language models, batch 1, {length:,} positions: processor seconds, least of {repeats}\n")
    configs = {
        "CrossDNA, small": StrandLMConfig.crossdna_small(),
        "tied, without attention": StrandLMConfig(
            mixer="tied", width=48, depth=2, heads=4, key_size=16, feed_forward=2.0, attention=False, window=None
        ),
    }
    for name, config in configs.items():
        torch.manual_seed(0)
        model, tokens, taken = StrandLM(config), torch.randint(0, 4, (1, length)), []
        for _ in range(repeats):
            start = time.process_time()
            model(tokens).logits.logsumexp(-1).mean().backward()
            taken.append(time.process_time() - start)
        print(
            f"{name:24} {count_parameters(model):9,} parameters {min(taken):8.2f} s {min(taken) / length * 1e6:8.1f} "
            f"us / position; peak of the process {memory('VmHWM') / 1e9:.2f} GB",
            flush=True,
        )


def whole_model(length: int) -> None:
    """Print what reading a long sequence at once with the shipped language model costs."""
    model, _ = shipped()
    tokens = torch.randint(0, 4, (1, length))
    start = time.process_time()
    with torch.inference_mode():
        finite = bool(model(tokens).logits.isfinite().all())
    taken = time.process_time() - start
    print(
        f"\nthe shipped language model, {count_parameters(model):,} parameters, {length:,} positions at once: "
        f"{taken:.1f} s, {taken / length * 1e6:.1f} us / position, peak of the process {memory('VmHWM') / 1e9:.2f} GB, "
        f"all finite: {finite}",
        flush=True,
    )


def memory(key: str) -> float:
    """Resident memory of this process in bytes: VmHWM for the largest so far, VmRSS for now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1]) * 1024.0


@torch.no_grad()
def stage(name: str, length: int, segments: bool, repeats: int) -> None:
    """Inference in this process; print microseconds and bytes per position, and the largest memory."""
    torch.manual_seed(0)
    layer = LAYERS[name]().eval()
    layer(torch.randn(1, 100, WIDTH))
    before = memory("VmRSS")
    if segments:
        start, state = time.process_time(), None
        for _ in range(length // SEGMENT):
            _, state = layer.run(torch.randn(1, SEGMENT, WIDTH), state)
        taken = [time.process_time() - start]
    else:
        x, taken = torch.randn(1, length, WIDTH), []
        while len(taken) < repeats or (sum(taken) < LONG_ENOUGH and len(taken) < 20):
            start = time.process_time()
            layer(x)
            taken.append(time.process_time() - start)
    peak = memory("VmHWM")
    print(min(taken) / length * 1e6, (peak - before) / length, peak)


def in_process(options: argparse.Namespace, name: str, length: int, segments: bool) -> tuple[float, float, float]:
    command = [sys.executable, __file__, "--stage", name, "--length", str(length), "--threads", str(options.threads)]
    command += ["--repeats", str(options.repeats), *(["--in-segments"] if segments else [])]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(out[0]), float(out[1]), float(out[2])


def over_lengths(options: argparse.Namespace) -> None:
    print(f"\ninference, batch 1, width {WIDTH}, processor time of the shortest of {options.repeats} passes or more\n")
    print(f"{'layer':8} {'length':>10} {'us / position':>14} {'kB / position':>14} {'peak GB':>9}")
    for name in LAYERS:
        times = []
        for kilobases in options.kilobases:
            log(f"{name}, {kilobases} kb")
            time_each, bytes_each, peak = in_process(options, name, kilobases * 1024, segments=False)
            times.append(time_each)
            print(
                f"{name:8} {kilobases:7,} kb {time_each:14.2f} {bytes_each / 1e3:14.2f} {peak / 1e9:9.2f}", flush=True
            )
        print(f"{name:8} slowest / fastest position: {max(times) / min(times):.2f} (wanted: {1 + SPREAD:g})")
        if options.segments_mb:
            length = options.segments_mb * 2**20
            time_each, _, peak = in_process(options, name, length, segments=True)
            print(
                f"{name:8} {options.segments_mb:7,} Mb {time_each:14.2f} {'in segments':>14} {peak / 1e9:9.2f}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed and memory of the recurrences.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps-length", type=int, default=1024, help="positions beside single steps; 0 for none")
    parser.add_argument("--kilobases", type=int, nargs="*", default=[1, 4, 16, 64, 256])
    parser.add_argument("--segments-mb", type=int, default=1)
    parser.add_argument("--model-mb", type=int, default=1, help="read by the shipped language model; 0 for none")
    parser.add_argument("--training-kb", type=int, default=16, help="of a training step of language models; 0 for none")
    parser.add_argument("--stage", choices=sorted(LAYERS), help=argparse.SUPPRESS)
    parser.add_argument("--length", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--in-segments", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.stage:
        stage(options.stage, options.length, options.in_segments, options.repeats)
        return
    print("$ python benchmarks/" + " ".join([Path(sys.argv[0]).name, *map(public, sys.argv[1:])]))
    print(f"commit {commit() or 'unknown'}, palindra {version('palindra')}, torch {version('torch')}, ", end="")
    print(f"python {platform.python_version()}, {platform.machine()}, {options.threads} thread(s)\n")
    if options.steps_length:
        worst = beside_steps(options.steps_length, options.repeats)
        print(f"\nDelta rule, forward and backward: at least {worst:.1f} times faster in chunks (wanted: {LEAST:g}).")
    if options.kilobases:
        over_lengths(options)
    if options.model_mb:
        whole_model(options.model_mb * 2**20)
    if options.training_kb:
        training_steps(options.training_kb * 1024, options.repeats)


if __name__ == "__main__":
    main()
