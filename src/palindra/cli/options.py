"""Options that several commands share, each written once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import palindra.engine

DataArgument = Annotated[
    Path,
    typer.Argument(
        help="Table (.tsv .csv .parquet, also .gz), FASTA of positives (with --negatives) or HDF5 of one-hot arrays.",
        show_default=False,
    ),
]
Negatives = Annotated[Path | None, typer.Option(help="FASTA of negative sequences.", rich_help_panel="Data")]
TaskOption = Annotated[
    str | None,
    typer.Option(
        "--task",
        help="binary, multiclass, multilabel or regression; inferred from the labels when not given.",
        rich_help_panel="Data",
    ),
]
SequenceColumn = Annotated[
    str | None,
    typer.Option("--sequence-column", help="Column of sequences (default: sequence or seq).", rich_help_panel="Data"),
]
LabelColumns = Annotated[
    str | None,
    typer.Option(
        "--label-columns",
        help="Column of labels, or several with commas (default: label, or the numeric ones).",
        rich_help_panel="Data",
    ),
]
SplitColumn = Annotated[
    str | None,
    typer.Option("--split-column", help="Column with train, valid, test (default: split).", rich_help_panel="Data"),
]
ChromosomeColumn = Annotated[
    str | None,
    typer.Option("--chromosome-column", help="Column of chromosomes (default: chrom).", rich_help_panel="Data"),
]
SplitBy = Annotated[
    str | None,
    typer.Option(
        "--split",
        help="Make the splits: chromosome, similarity (whole clusters of similar sequences, either strand) or random.",
        rich_help_panel="Data",
    ),
]
ValidChromosomes = Annotated[
    str | None, typer.Option(help="With --split chromosome, e.g. chr8,chr9.", rich_help_panel="Data")
]
TestChromosomes = Annotated[
    str | None, typer.Option(help="With --split chromosome, e.g. chr1.", rich_help_panel="Data")
]
Pad = Annotated[
    str | None,
    typer.Option(
        help="Pad with N, equally at both ends: to a length, or to that of the longest sequence (longest).",
        rich_help_panel="Data",
    ),
]
AlphabetOption = Annotated[str, typer.Option("--alphabet", help="dna, rna or protein.", rich_help_panel="Data")]
TargetOption = Annotated[
    str,
    typer.Option(
        "--target",
        help="What labels do on the other strand: invariant, strand-specific, or for several columns (or classes) "
        "the number of the one that each becomes, e.g. 1,0,3,2 for plus,minus,plus,minus.",
        rich_help_panel="Data",
    ),
]
ModelOption = Annotated[
    str, typer.Option("--model", help="strand_resnet, strand_cnn or hyperbolic_cnn.", rich_help_panel="Model")
]
Width = Annotated[
    int, typer.Option(help="Hidden channels, a multiple of 4; the same for every strategy.", rich_help_panel="Model")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Any other setting, e.g. --set model.dilations=[1,2,4] or --set training.warmup=0.2 (repeatable). "
        "Regularisers are off unless set: training.mixup, manifold_mixup, input_noise, pgd, adversarial_substitutions, "
        "jacobian, fourier_prior, attribution_consistency.",
        rich_help_panel="Model",
    ),
]
Epochs = Annotated[
    int, typer.Option(help="Passes over the training data; 0 chooses by its size.", rich_help_panel="Training")
]
BatchSize = Annotated[int, typer.Option(help="Sequences per step, over all devices.", rich_help_panel="Training")]
LearningRate = Annotated[float, typer.Option(help="Peak learning rate.", rich_help_panel="Training")]
Patience = Annotated[
    int, typer.Option(help="Stop after this many epochs without improvement; 0 never.", rich_help_panel="Training")
]
Shift = Annotated[
    int, typer.Option(help="Random shift of training sequences, bp either way.", rich_help_panel="Training")
]
Precision = Annotated[str, typer.Option(help="auto (bf16 where it pays), bf16 or float32.", rich_help_panel="Training")]
Devices = Annotated[
    int, typer.Option(help="Processes or GPUs to train on (DDP), of each node.", rich_help_panel="Training")
]
Nodes = Annotated[
    int,
    typer.Option(
        help="Machines that train together; start the command on each with torchrun or srun.",
        rich_help_panel="Training",
    ),
]
Logger = Annotated[
    list[str] | None,
    typer.Option(
        "--log",
        help="tensorboard or wandb; the losses of all epochs are always in history.tsv.",
        rich_help_panel="Training",
    ),
]
Progress = Annotated[bool, typer.Option(help="Show progress.", rich_help_panel="Training")]
BatchPrediction = Annotated[int, typer.Option("--batch-size", min=1, help="Sequences at a time.")]
Engine = Annotated[str, typer.Option("--engine", help="Where to work: local or ray.", rich_help_panel="Engine")]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        help="Ray: of a cluster, e.g. auto or ray://host:10001 (default: one is started here).",
        rich_help_panel="Engine",
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        "--workers",
        min=1,
        help="Processes of this machine, or CPUs of a cluster that is started here (1: this process).",
        rich_help_panel="Engine",
    ),
]


def shared(name: str, address: str | None, workers: int) -> palindra.engine.Engine | None:
    """The engine that was asked for; None where everything is done in this process, one piece after the other.

    Raises:
        InputError: for another name, options that do not go together, or Ray that is not installed.
    """
    from palindra.engine import make_engine

    made = make_engine(name, address=address, workers=workers)
    return None if name == "local" and workers == 1 else made
