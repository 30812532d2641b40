"""One call for every readout, so that sources differ in what they give and in nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import nn

from palindra.errors import InputError
from palindra.models.saving import write_tensors, write_text
from palindra.probing.readouts.cnn import BINDING, INSERT, LENTI_MPRA, SPLICING, Cnn, CnnConfig
from palindra.probing.readouts.examples import (
    Align,
    Array,
    Batches,
    Features,
    Goal,
    Standardised,
    SummaryBatches,
    TokenBatches,
    as_inputs,
    as_table,
    most_tokens,
)
from palindra.probing.readouts.linear import fit_linear
from palindra.probing.readouts.losses import Link
from palindra.probing.readouts.mlp import Mlp, MlpConfig
from palindra.probing.readouts.training import Trained, Training, run_network, train_network

READOUTS = ("linear", "mlp", "cnn")
"""On one vector a row: linear, mlp. On all tokens: cnn."""

CNNS: dict[str, CnnConfig] = {
    "lenti-mpra": LENTI_MPRA,
    "binding": BINDING,
    "splicing": SPLICING,
    "insert": INSERT,
}
"""The CNNs of the thesis by the task each was made for."""

MLP_TRAINING = Training(learning_rates=(1e-3, 1e-4), batch_size=512)  # published: 1e-4


class Readout(Protocol):
    """A fitted readout."""

    name: str
    settings: dict[str, Any]
    warnings: tuple[str, ...]

    @property
    def parameters(self) -> int:
        """Weights that were fitted."""
        ...

    def predict(self, features: Features) -> Array:
        """Predictions ``(rows, columns)``: probabilities of classes, or values."""
        ...


class NetworkReadout:
    """A trained network with the step from features to its inputs and from its outputs to predictions.

    ``module`` is the network itself, e.g. for gradients with respect to the features.
    """

    def __init__(
        self,
        name: str,
        trained: Trained,
        link: Link,
        batches: Callable[[Features], Batches],
        settings: dict[str, Any],
        device: str,
    ) -> None:
        self.name = name
        self.module: nn.Module = trained.network
        self.settings = settings
        self.warnings: tuple[str, ...] = ()
        self._link, self._batches, self._device = link, batches, device
        if trained.epochs == trained.best_epoch:
            self.warnings = ("the last epoch was the best: training for longer may give a better readout.",)

    @property
    def parameters(self) -> int:
        """Trained weights."""
        return sum(weight.numel() for weight in self.module.parameters())

    def predict(self, features: Features) -> Array:
        """Predictions ``(rows, columns)``: probabilities of classes, or values."""
        return self._link.predictions(run_network(self.module, self._batches(features), self._device))


def fit_readout(
    name: str,
    task: Goal,
    train: tuple[Features, Array],
    valid: tuple[Features, Array],
    *,
    seed: int,
    folder: str | Path | None = None,
    config: CnnConfig | MlpConfig | None = None,
    training: Training | None = None,
    tokens: int | None = None,
    align: Align = "left",
    device: str = "cpu",
) -> Readout:
    """Fit a readout on frozen features; whatever has to be chosen is chosen on the validation rows.

    Args:
        name: "linear" (ridge or logistic regression), "mlp", or "cnn".
        task: its ``kind`` and number of ``outputs`` (a ProbeTask has both).
        train: features and labels ``(rows, columns)``, NaN where missing. For "linear" and "mlp" features are a table
            ``(rows, width)``; for "cnn" the rows of ``(tokens, width)``, which may lie on disk. A task of two inputs
            gives a tuple of two. Labels are class numbers ``(rows, 1)``, values, or for PSI the fractions themselves.
        valid: the same.
        seed: of first weights, order and dropout; "linear" does not depend on it.
        folder: where the weights and settings of a network are written, when given.
        config: sizes of the network; by default those of the thesis for the kind of task.
        training: how a network is trained.
        tokens: most tokens that a row of any split has (default: of the rows given).
        align: at which end rows with fewer tokens stand.
        device: of torch.

    Raises:
        InputError: for an unknown name, features that are no numbers, or labels that cannot be learned.

    Examples:
        >>> from types import SimpleNamespace
        >>> x = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
        >>> y = (x[:, :1] > 0).astype(np.float32)
        >>> readout = fit_readout("linear", SimpleNamespace(kind="binary", outputs=1), (x, y), (x, y), seed=0)
        >>> bool((readout.predict(x).round() == y).mean() > .9), readout.parameters
        (True, 4)
    """
    if name not in READOUTS:
        raise InputError(f"readout {name!r} is not known: {', '.join(READOUTS)} are.")
    for what, (features, labels) in (("training", train), ("validation", valid)):
        if any(len(part) != len(labels) for part in as_inputs(features)) or not len(labels):
            lengths = ", ".join(str(len(part)) for part in as_inputs(features))
            raise InputError(f"{what}: {lengths} rows of features for {len(labels)} rows of labels.")
    if name == "linear":
        return fit_linear(task, train, valid)
    readout = (_fit_mlp if name == "mlp" else _fit_cnn)(
        task, train, valid, seed=seed, config=config, training=training, tokens=tokens, align=align, device=device
    )
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        write_tensors(Path(folder) / "weights.safetensors", dict(readout.module.state_dict()))
        write_text(Path(folder) / "settings.json", json.dumps(readout.settings, indent=1) + "\n")
    return readout


def default_cnn(kind: str) -> CnnConfig:
    """The CNN of the thesis for a kind of task."""
    return {"psi": SPLICING, "regression": LENTI_MPRA}.get(kind, BINDING)


def _fit_mlp(
    task: Goal,
    train: tuple[Features, Array],
    valid: tuple[Features, Array],
    *,
    seed: int,
    config: Any,
    training: Training | None,
    device: str,
    **_: Any,
) -> NetworkReadout:
    sizes = config or MlpConfig()
    how = training or MLP_TRAINING
    table = as_table(train[0])
    standard = Standardised.of(table)

    def batches(features: Features) -> SummaryBatches:
        return SummaryBatches(standard(as_table(features)).astype(np.float32))

    return _fit_network(
        "mlp", lambda: Mlp(table.shape[1], task.outputs, sizes), batches, task, train, valid, sizes, how, seed, device
    )


def _fit_cnn(
    task: Goal,
    train: tuple[Features, Array],
    valid: tuple[Features, Array],
    *,
    seed: int,
    config: Any,
    training: Training | None,
    tokens: int | None,
    align: Align,
    device: str,
) -> NetworkReadout:
    sizes: CnnConfig = config or default_cnn(task.kind)
    how = training or Training(
        sizes.learning_rates, sizes.batch_size, epochs=sizes.epochs, weight_decay=sizes.weight_decay
    )
    longest = tokens or most_tokens(train[0], valid[0])
    width = int(np.shape(as_inputs(train[0])[0][0])[1])
    build = partial(Cnn, width, longest, task.outputs, sizes)

    def batches(features: Features) -> TokenBatches:
        return TokenBatches(as_inputs(features), longest, align)

    return _fit_network("cnn", build, batches, task, train, valid, sizes, how, seed, device)


def _fit_network(
    name: str,
    build: Callable[[], nn.Module],
    batches: Callable[[Features], Batches],
    task: Goal,
    train: tuple[Features, Array],
    valid: tuple[Features, Array],
    sizes: Any,
    how: Training,
    seed: int,
    device: str,
) -> NetworkReadout:
    link = Link.of(task.kind, train[1])
    trained = train_network(
        build,
        link,
        (batches(train[0]), train[1]),
        (batches(valid[0]), valid[1]),
        training=how,
        seed=seed,
        device=device,
    )
    settings = {
        "sizes": asdict(sizes),
        "training": asdict(how),
        "learning rate": trained.learning_rate,
        "validation loss": {f"{rate:g}": loss for rate, loss in trained.losses.items()},
        "epochs": trained.epochs,
        "best epoch": trained.best_epoch,
    }
    return NetworkReadout(name, trained, link, batches, settings, device)
