"""Saturation mutagenesis beside both paths of tangermeme, on the same dilated network, numbers compared.

    pip install tangermeme
    OMP_NUM_THREADS=1 taskset -c 1 python benchmarks/mutagenesis_speed.py [--repeats 3] [--no-slow]

Two random sequences of 1,000 bp, all 3 x 1,000 mutants of each; seven layers of 64 channels (a convolution of 21 taps,
then three taps with dilations 2, 4, ..., 64 and residual sums), mean over positions, one output. All take turns in each
repeat and use the same number of threads; times are processor seconds of the process, which other jobs of a machine
disturb less than the clock, of the first call in the process and the median of the later ones. The first call of
tangermeme's fast path loads and warms up the tracer with which every call captures the model; this path is not taken by
default for jobs under 30 s, and here it is told to.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from palindra.evaluation.mutagenesis import saturation_mutagenesis

LENGTH, SEQUENCES, WIDTH = 1000, 2, 64


class Dilated(nn.Module):
    def __init__(self, residual: bool = True) -> None:
        super().__init__()
        self.residual = residual
        self.stem = nn.Conv1d(4, WIDTH, 21, padding=10)
        self.layers = nn.ModuleList(
            nn.Conv1d(WIDTH, WIDTH, 3, padding=2**layer, dilation=2**layer) for layer in range(1, 7)
        )
        self.head = nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        for layer in self.layers:
            y = torch.relu(layer(x))
            x = x + y if self.residual else y
        return self.head(x.mean(-1))


def timed(run: Callable[[], Tensor]) -> tuple[float, float, Tensor]:
    wall, processor = time.perf_counter(), time.process_time()
    found = run()
    return time.process_time() - processor, time.perf_counter() - wall, found


def _first(taken: list[tuple[float, float]]) -> float:
    return taken[0][0]


def _later(taken: list[tuple[float, float]]) -> float:
    return statistics.median(processor for processor, _ in taken[1:] or taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--no-slow", action="store_true", help="leave out the full passes, which take longest")
    options = parser.parse_args()
    torch.manual_seed(0)
    x = torch.eye(4)[torch.randint(0, 4, (SEQUENCES, LENGTH))].transpose(1, 2).contiguous()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {platform.processor() or platform.machine()}")
    for residual in (True, False):
        model = Dilated(residual).eval()
        paths: dict[str, Callable[[], Tensor]] = {
            "palindra": lambda model=model: saturation_mutagenesis(model, x).mutants  # type: ignore[misc]
        }
        try:
            from tangermeme import saturation_mutagenesis as other
        except ImportError:
            print("tangermeme is not installed: its rows are left out")
        else:

            def run(fast: bool, batch: int, model: nn.Module = model) -> Tensor:
                other._FAST_MIN_SECONDS = 0.0
                found = other.saturation_mutagenesis(
                    model, x, raw_outputs=True, fast=fast, batch_size=batch, device="cpu"
                )
                return found.y_hat

            paths |= {
                "tangermeme fast, batch 32": lambda run=run: run(True, 32),  # type: ignore[misc]
                "tangermeme fast, batch 128": lambda run=run: run(True, 128),  # type: ignore[misc]
            }
            if not options.no_slow:
                paths["tangermeme full passes"] = lambda run=run: run(False, 32)  # type: ignore[misc]
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in paths}
        results = {}
        for repeat in range(options.repeats):
            for name, path in paths.items():
                if repeat and name == "tangermeme full passes":
                    continue
                processor, wall, results[name] = timed(path)
                times[name].append((processor, wall))
        print(
            f"\n{'residual sums' if residual else 'no residual sums'}: {SEQUENCES} x {LENGTH} bp, {6 * LENGTH} mutants"
        )
        first, later = ({name: summary(taken) for name, taken in times.items()} for summary in (_first, _later))
        for name in times:
            apart = float((results[name] - results["palindra"]).abs().max())
            print(
                f"{name:28s} first {first[name]:6.2f} s ({first[name] / first['palindra']:5.1f} x)   "
                f"later {later[name]:6.2f} s ({later[name] / later['palindra']:5.1f} x)   "
                f"largest difference {apart:.1e}"
            )
            if apart > 1e-5:
                raise SystemExit(f"{name}: the numbers differ")


if __name__ == "__main__":
    main()
