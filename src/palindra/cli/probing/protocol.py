"""How the words of a plan become arguments of the probing, for all cells and for those of single layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from palindra.cli.probing.plan import Plan
from palindra.probing.readouts import CNNS, Training
from palindra.probing.readouts.fitting import MLP_TRAINING
from palindra.probing.running import Heads
from palindra.probing.tasks import ProbeTask
from palindra.probing.trained_variants import VariantWindows

EMBEDDINGS = "embeddings"


def heads(plan: Plan, task: ProbeTask) -> Heads:
    """Readouts of the protocol, trained for as long as asked for."""
    if plan.epochs is None:
        return Heads()
    sizes = CNNS[task.cnn]
    cnn = Training(sizes.learning_rates, sizes.batch_size, epochs=plan.epochs, weight_decay=sizes.weight_decay)
    return Heads(trainings={"cnn": cnn, "mlp": replace(MLP_TRAINING, epochs=plan.epochs)})


def of_sources(plan: Plan, task: ProbeTask, windows: Sequence[VariantWindows] = ()) -> dict[str, Any]:
    """All readouts on the sources' own layers."""
    return {
        "readouts": plan.readouts,
        "summaries": plan.summaries,
        "seeds": plan.seeds,
        "fractions": plan.fractions,
        "shuffled": plan.controls,
        "heads": heads(plan, task),
        "variants": windows,
    }


def of_layers(plan: Plan, task: ProbeTask, windows: Sequence[VariantWindows] = ()) -> dict[str, Any]:
    """One cheap readout on every layer that was asked for."""
    return {
        "readouts": ["linear" if "linear" in plan.readouts else plan.readouts[0]],
        "summaries": plan.summaries,
        "seeds": plan.seeds,
        "fractions": [1.0],
        "layers": plan.layers,
        "kmers": False,
        "heads": heads(plan, task),
        "variants": windows,
    }
