"""Does exchange between strands pay? Language models of both strands at equal parameters, steps and data.

    python benchmarks/strand_lm.py pretrain FASTA --train IV --held-out II --store FOLDER [--seeds 0-2]
    python benchmarks/strand_lm.py planted --store FOLDER [--tasks "copy;both sides"] [--lengths 512,2048]
    python benchmarks/strand_lm.py downstream TABLES... --store FOLDER [--model default]
    python benchmarks/strand_lm.py PART ... --table-only                 # prints what is there

``pretrain``: masked letters of a contig that was not learned from, beside Markov models of both strands on the same
letters. ``planted``: tasks in which what matters lies far away (strand_tasks.py). ``downstream``: a pretrained model
frozen and fine-tuned beside the same network with new weights, the learning rate of each chosen on the validation split
with a seed that is not reported. Budgets are small, for one core. Each run is kept in FOLDER and not repeated, so the
script can be killed and started again, and seeds, models and tasks added.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from palindra.cli import inputs
from palindra.cli.provenance import commit, versions
from printed import public
from strand_lm_common import KINDS
from strand_lm_downstream import downstream_part, downstream_table
from strand_lm_planted import planted_part, planted_table
from strand_lm_pretraining import pretrain_part, pretrain_table
from strand_tasks import TASKS

PARTS = {
    "pretrain": (pretrain_part, pretrain_table, {"steps": 400, "batch_size": 4, "rate": 3e-3, "width": 48}),
    "planted": (planted_part, planted_table, {"steps": 600, "batch_size": 48, "rate": 3e-3, "width": 64}),
    "downstream": (downstream_part, downstream_table, {"steps": 120, "batch_size": 32, "rate": None, "width": None}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    made = {}
    for part, (_, _, defaults) in PARTS.items():
        one = made[part] = parts.add_parser(part)
        one.add_argument("--store", type=Path, required=True, help="folder of finished runs")
        one.add_argument("--table-only", action="store_true", help="compute nothing")
        one.add_argument("--seeds", default="0-4" if part == "downstream" else "0-2")
        one.add_argument("--steps", type=int, default=defaults["steps"])
        one.add_argument("--batch-size", type=int, default=defaults["batch_size"])
        one.add_argument("--threads", type=int, default=1)
        if part == "downstream":
            continue
        names = [
            name for name in KINDS if part == "pretrain" or name not in ("one strand, augmented", "untied, augmented")
        ]
        one.add_argument("--models", default=";".join(names), help="separated by semicolons")
        one.add_argument("--rate", type=float, default=defaults["rate"], help="peak learning rate")
        one.add_argument("--width", type=int, default=defaults["width"], help="of the tied model; others are matched")
        one.add_argument("--depth", type=int, default=2)
        one.add_argument("--heads", type=int, default=4)
        one.add_argument("--key-size", type=int, default=16)
        one.add_argument("--feed-forward", type=float, default=2.0)
        one.add_argument("--window", type=int, default=0, help="of the attention; 0 for recurrence alone")
    genome = made["pretrain"]
    genome.add_argument("fasta", type=Path)
    genome.add_argument("--train", default="IV", help="contig to learn from")
    genome.add_argument("--held-out", default="II", help="contig that chooses (its beginning) and tests (its end)")
    genome.add_argument("--valid-positions", type=int, default=50_000)
    genome.add_argument("--test-positions", type=int, default=200_000)
    genome.add_argument("--length", type=int, default=512)
    genome.add_argument("--order", type=int, default=8, help="letters that Markov models read")
    made["planted"].add_argument("--tasks", default=";".join(TASKS), help="separated by semicolons")
    made["planted"].add_argument("--lengths", default="512")
    tables = made["downstream"]
    tables.add_argument("tables", type=Path, nargs="+")
    tables.add_argument("--model", type=Path, default=Path("default"), help="folder of the pretrained model")
    tables.add_argument("--rows", type=int, default=500, help="training rows at most")
    tables.add_argument("--test-rows", type=int, default=10_000, help="at most, the same for all")
    tables.add_argument("--strand-specific", action="store_true", help="labels are of the given strand")
    tables.add_argument("--bins", type=int, default=1, help="parts of a sequence that the head reads apart")
    tables.add_argument("--rates", default="0.0003,0.001,0.003", help="learning rates that each way may choose from")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.seeds = inputs.integers(args.seeds, "--seeds")
    for name, known_names in (("models", KINDS), ("tasks", TASKS)):
        if hasattr(args, name):
            setattr(args, name, getattr(args, name).split(";"))
            if unknown := [one for one in getattr(args, name) if one not in known_names]:
                parser.error(f"--{name} {unknown[0]!r}: there are {', '.join(known_names)}.")
    if args.part == "planted":
        args.lengths = [int(length) for length in args.lengths.split(",")]
    if args.part == "downstream":
        args.rates = [float(rate) for rate in args.rates.split(",")]
    run, table, _ = PARTS[args.part]
    if not args.table_only:
        run(args)
    print(f"Command: python benchmarks/strand_lm.py {' '.join(public(word) for word in sys.argv[1:])}")
    print(f"Commit: {commit()}; versions: {versions()}")
    print("\n".join(table(args) or [f"{args.store.name}: no finished run of this part yet."]))


if __name__ == "__main__":
    main()
