"""DeepLIFT/SHAP beside tangermeme, on the same networks and the same references, numbers compared.

    pip install tangermeme
    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/deeplift_speed.py [--repeats 3]

Eight random sequences of 1,000 bp with 20 dinucleotide shuffles each, which are drawn once and given to both. The first
network is seven layers of 64 channels (a convolution of 21 taps, then three taps with dilations 2, 4, ..., 64 and
residual sums, a mean over positions), the second one convolutions with max pooling and dense layers. Both take turns in
each repeat with the same number of threads; times are processor seconds of the process, which other jobs of a machine
disturb less than the clock. tangermeme follows modules, so all functions are modules here. Numbers are compared in
double precision: in single precision, two entries of a pooling window that differ by rounding share the credit here.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from palindra.interpretation.attribution import DeepLiftShap, DinucleotideShuffles, attribute

LENGTH, SEQUENCES, REFERENCES, WIDTH = 1000, 8, 20, 64


class Dilated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(4, WIDTH, 21, padding=10), nn.ReLU())
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv1d(WIDTH, WIDTH, 3, padding=2**layer, dilation=2**layer), nn.ReLU())
            for layer in range(1, 7)
        )
        self.head = nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for layer in self.layers:
            x = x + layer(x)
        return self.head(x.mean(-1))


def pooled() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(4, WIDTH, 21, padding=10), nn.ReLU(), nn.MaxPool1d(4),
        nn.Conv1d(WIDTH, WIDTH, 9, padding=4), nn.ReLU(), nn.MaxPool1d(5),
        nn.Flatten(), nn.Linear(WIDTH * 50, 128), nn.ReLU(), nn.Linear(128, 1),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.manual_seed(0)
    x = torch.eye(4)[torch.randint(0, 4, (SEQUENCES, LENGTH))].transpose(1, 2).contiguous()
    references = DinucleotideShuffles(REFERENCES)(x)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {platform.processor() or platform.machine()}")
    print(f"{SEQUENCES} x {LENGTH} bp x {REFERENCES} references; processor seconds, median (all)")
    for name, model in (("dilated, 7 layers of 64", Dilated().eval()), ("with max pooling", pooled().eval())):
        paths: dict[str, Callable[[], Tensor]] = {
            f"palindra, batch {size}": lambda model=model, size=size: (
                attribute(  # type: ignore[misc]
                    model, x, method=DeepLiftShap(references), batch_size=size
                ).values
            )
            for size in (8, 32)
        }
        try:
            from tangermeme.deep_lift_shap import deep_lift_shap
        except ImportError:
            print("tangermeme is not installed: its rows are left out")
        else:
            for size in (8, 32):
                paths[f"tangermeme, batch {size}"] = lambda model=model, size=size: deep_lift_shap(  # type: ignore[misc]
                    model, x, references=references, batch_size=size, device="cpu"
                )
        times: dict[str, list[float]] = {path: [] for path in paths}
        for _ in range(options.repeats):
            for path, run in paths.items():
                before = time.process_time()
                run()
                times[path].append(time.process_time() - before)
        print(f"\n{name}")
        ours = min(statistics.median(taken) for path, taken in times.items() if path.startswith("palindra"))
        model.double()
        results = {path: run() for path, run in paths.items() if path.endswith(" 8")}
        model.float()
        first = results["palindra, batch 8"]
        for path, taken in times.items():
            each = " ".join(f"{seconds:.2f}" for seconds in taken)
            middle = statistics.median(taken)
            print(f"{path:22s} {middle:7.2f} s ({middle / ours:4.1f} x; {each})")
        apart = max(float((found - first).abs().max() / first.abs().max()) for found in results.values())
        print(f"largest difference in double precision: {apart:.1e} of the largest contribution")
        if apart > 1e-5:
            raise SystemExit("the numbers differ")


if __name__ == "__main__":
    main()
