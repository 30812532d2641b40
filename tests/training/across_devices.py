"""One of the processes that train together, or the only one; started by the test beside it.

Run as ``python across_devices.py FOLDER NODES``: a command line from end to end, tracks with batch statistics, layers
with batch statistics, and the two ways of sharing work that the command lines use.
"""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from palindra import lorentz
from palindra.cli import main as command_line
from palindra.errors import InputError
from palindra.nn import Activation, BatchNorm, Conv1d, Sequential, TrackHead
from palindra.nn.pair import PairBatchNorm
from palindra.nn.processes import first_alone, in_turn, several_processes
from palindra.ranks import first_process
from palindra.symmetry import Position, Rep
from palindra.training.strategies import STRATEGIES
from palindra.training.track_config import TrackTrainingConfig
from palindra.training.track_fit import fit_tracks
from palindra.training.track_planted import planted_strand_task

ROWS, LENGTH = 1400, 12  # as many test rows as make three batches of predictions


def write_table(path: Path) -> None:
    """Sequences of which two in three are for the test: predictions then come in several batches."""
    rng = np.random.default_rng(0)
    lines = ["sequence\tlabel\tsplit"]
    for row in range(ROWS):
        text = "".join(rng.choice(list("ACGT"), LENGTH))
        split = "train" if row % 40 == 0 else "valid" if row % 40 == 1 else "test"
        lines.append(f"{text}\t{int('TGA' in text or 'TCA' in text)}\t{split}")
    path.write_text("\n".join(lines) + "\n")


def trained_on_the_command_line(folder: Path, nodes: int) -> dict[str, str]:
    """What a process said during ``palindra train``."""
    words = f"train {folder.parent / 'table.tsv'} -o {folder / 'run'} --strategy regular --nodes {nodes} --epochs 2"
    settings = "--batch-size 16 --shift 1 --width 4 --precision float32 --no-progress --set training.patience=5"
    assigned = ["model.dilations=[1]", "model.dropout=0.0", "model.stem_dropout=0.0"]  # whose draws are a process's own
    sys.argv = ["palindra", *words.split(), *settings.split(), *(word for one in assigned for word in ("--set", one))]
    said = io.StringIO()
    before = sys.stdout
    with redirect_stdout(said):
        try:
            command_line.main()
        except SystemExit as end:
            if end.code:
                raise
    sys.stdout = before
    return {"said": said.getvalue()}


def trained_on_tracks(folder: Path, nodes: int) -> dict[str, object]:
    data = planted_strand_task(0, n=230, length=30)
    torch.manual_seed(0)
    hidden, position = Rep(regular=3), Position.REVERSE
    head = TrackHead(hidden, data.target, 3, kernel_size=3, position=position)
    letters = Conv1d(Rep(regular=2), hidden, 5, padding="same", position=position, bias=False)
    network = nn.Sequential(Sequential(letters, BatchNorm(hidden), Activation(hidden)), head, nn.Softplus())
    config = TrackTrainingConfig(length=24, epochs=2, batch_size=32, precision="float32", crop="random", nodes=nodes)
    done = fit_tracks(network, data, config, strategy=STRATEGIES["augment"], seed=1, folder=folder / "tracks")
    return {"weights": network.state_dict(), "history": done.history}


def layers(own: slice) -> dict[str, dict[str, Tensor]]:
    """Outputs, gradients and running statistics of layers with batch statistics, of some rows of a batch."""
    generator = torch.Generator().manual_seed(0)
    rep, found = Rep(regular=1, even=2, odd=1), {}
    lengths = torch.tensor([7, 5, 6, 2])
    maps = torch.randn(4, rep.channels, 7, 7, generator=generator, dtype=torch.float64)
    points = torch.randn(4, rep.channels, 5, generator=generator, dtype=torch.float64)
    mask = torch.arange(5) < torch.tensor([5, 3, 4, 1])[:, None]
    curvature = lorentz.Curvature(0.7)
    for name, layer, x, extra in (
        ("maps", PairBatchNorm(rep), maps, lengths),
        ("points", lorentz.BatchNorm(rep, curvature), points, None),
        ("masked", lorentz.BatchNorm(rep, lorentz.Curvature(0.7), dispersion="frechet"), points, mask),
    ):
        layer = layer.double()
        given = x[own].clone().requires_grad_()
        y = layer(given, *([] if extra is None else [extra[own]]))
        (y * torch.linspace(0.5, 2, x.numel(), dtype=torch.float64).view_as(x)[own]).sum().backward()
        found[name] = {"output": y.detach(), "gradient": given.grad, **dict(layer.named_buffers())}
        found[name] |= {f"gradient of {key}": p.grad for key, p in layer.named_parameters()}
    return found


def main(folder: Path, nodes: int) -> None:
    folder.mkdir(exist_ok=True)
    found: dict[str, object] = trained_on_the_command_line(folder, nodes)
    found["tracks"] = trained_on_tracks(folder, nodes)
    rank = torch.distributed.get_rank() if several_processes() else 0
    found["layers"] = layers(slice(2 * rank, 2 * rank + 2) if several_processes() else slice(None))
    computed: list[int] = []

    def compute(number: int) -> Tensor:
        computed.append(number)
        return torch.full((number % 3, 2), float(number))

    found["in turn"], found["computed"] = torch.cat(list(in_turn(5, compute))), computed
    try:
        with first_alone():
            if first_process():
                raise InputError("the disk is full")
    except InputError as error:
        found["error"] = str(error)
    torch.save(found, folder / f"{rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
