"""The k-mer baseline as a member of ensembles."""

from __future__ import annotations

import time

import numpy as np
import torch

from palindra.data import LabelledSequences
from palindra.errors import InputError
from palindra.evaluation import fit_baseline, kmer_names
from palindra.models import KmerLinear, KmerLinearConfig
from palindra.sequences import reverse_complement
from palindra.symmetry import Target
from palindra.training.fit import Fit, standardisation


def fit_kmers(data: LabelledSequences, target: Target) -> tuple[torch.nn.Module, Fit]:
    """The k-mer baseline as a network, fitted on the training split, its penalty chosen on validation.

    Raises:
        InputError: for targets that are not the same for both strands.
    """
    require_invariant(target)
    started = time.perf_counter()
    train, valid = data.rows("train"), data.rows("valid")
    offset, scale = standardisation(train, target)
    fitted = fit_baseline(
        "kmer",
        str(data.task),
        (train.sequences, (train.labels - offset) / scale),
        (valid.sequences, (valid.labels - offset) / scale),
    )
    counts = "log" if fitted.features.startswith("log") else "unit length"
    network = KmerLinear(
        KmerLinearConfig(data.length, target=target, outputs=data.outputs, counts=counts, scale=fitted.scale)
    )
    column = {name: number for number, name in enumerate(kmer_names(6))}
    chosen = [column[name] if name in column else column[reverse_complement(name)] for name in network.names]
    weight = torch.from_numpy(fitted.linear.weight[chosen].T.copy()).float()
    network.set_weights(weight, torch.from_numpy(np.atleast_1d(fitted.linear.intercept)).float())
    seconds = time.perf_counter() - started
    return network, Fit(0, fitted.validation_loss, 0, seconds, offset, scale, [])


def require_invariant(target: Target) -> None:
    """Raise unless the target is the same for both strands."""
    if target.rep is None or target.rep.regular or target.rep.odd:
        raise InputError("strategy 'kmers' collapses the strands, so it needs a target that is the same for both.")
