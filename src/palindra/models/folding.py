"""Models that fold RNA: from a sequence to pair probabilities, with everything that they read computed on the way."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save

from palindra.data.rna import check_rna, pairing_probabilities
from palindra.errors import InputError
from palindra.models.plain import from_plain, to_plain
from palindra.models.stem_features import stem_rows
from palindra.models.stem_net import StemNet, StemNetConfig

FORMAT = 1
SHIPPED = Path(__file__).with_name("weights") / "stem_net.safetensors"


class Folder:
    """An ensemble of :class:`palindra.models.stem_net.StemNet` with what is known about it.

    Args:
        nets: trained from different seeds; the mean of their logits counts.
        name: of the model.
        threshold: above which pairs are chosen, from validation.
        longest: bases at most, None for no limit.
        settings: where it comes from: training data, families seen, seeds, scores.

    Examples:
        >>> folder = load_folder()  # the model that ships with the package
        >>> sorted(folder.settings["training"]["families"])
        ['5s', 'tRNA', 'tmRNA']
    """

    def __init__(
        self,
        nets: Sequence[StemNet],
        *,
        name: str,
        threshold: float,
        settings: dict[str, Any],
        longest: int | None = None,
    ) -> None:
        if not nets or len({net.config.parameters for net in nets}) != 1:
            raise ValueError("a folder needs networks, all of which read the same energies.")
        self.nets = [net.eval() for net in nets]
        self.name, self.threshold, self.longest, self.settings = name, threshold, longest, settings

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Names of the energies that are read."""
        return self.nets[0].config.parameters

    def probabilities(self, sequence: str) -> NDArray[np.float32]:
        """Pair probabilities, symmetric ``(length, length)``, zeros on the diagonal.

        The thermodynamic probabilities that the networks read are computed here. Pairs that thermodynamics gives less
        than 0.003 keep what it gives them.

        Args:
            sequence: letters of RNA.

        Raises:
            InputError: for letters that are not RNA, a sequence that is too long, or if ViennaRNA is missing.
        """
        check_rna(sequence, "sequence")
        if self.longest is not None and len(sequence) > self.longest:
            raise InputError(
                f"{self.name} folds up to {self.longest:,} bases, but the sequence has {len(sequence):,}: fold parts "
                "of it, or use another model."
            )
        maps = [pairing_probabilities(sequence, parameters=name).pairs for name in self.parameters]
        return correct(self.nets, sequence, maps)


def correct(nets: Sequence[StemNet], sequence: str, maps: Sequence[NDArray[np.floating[Any]]]) -> NDArray[np.float32]:
    """Thermodynamic maps to one corrected map, symmetric ``(length, length)``.

    Args:
        nets: of one configuration; the mean of their logits counts.
        sequence: letters of RNA.
        maps: pair probabilities, one for each set of energies of the networks.
    """
    rows = stem_rows(sequence, maps)
    table = np.triu(np.mean(maps, axis=0, dtype=np.float32), 1)
    if len(rows):
        prior, features = torch.from_numpy(rows.prior), torch.from_numpy(rows.features)
        with torch.no_grad():
            logits = torch.stack([net.eval()(prior, features) for net in nets]).mean(0)
        table[rows.first, rows.second] = logits.sigmoid().numpy()
    return np.asarray(table + table.T, dtype=np.float32)


def save_folder(folder: Folder, path: Path) -> None:
    """Write the numbers to ``path`` (.safetensors) and all else to a .toml beside it; no pickles."""
    tensors = {
        f"{number}.{name}": tensor.contiguous()
        for number, net in enumerate(folder.nets)
        for name, tensor in net.state_dict().items()
    }
    text = {
        "format": FORMAT,
        "name": folder.name,
        "threshold": folder.threshold,
        **({} if folder.longest is None else {"longest": folder.longest}),
        "config": to_plain(folder.nets[0].config),
        "networks": len(folder.nets),
        "settings": folder.settings,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    for target, content in ((path, save(tensors)), (path.with_suffix(".toml"), tomli_w.dumps(text).encode())):
        partial = target.with_name(target.name + ".partial")
        partial.write_bytes(content)
        partial.replace(target)


def load_folder(path: Path | str | None = None) -> Folder:
    """Read a model that :func:`save_folder` wrote; without a path the one that ships with the package.

    Args:
        path: the .safetensors file; its .toml lies beside it.

    Raises:
        InputError: if one of the two files is missing, of another kind, or they do not belong together.
    """
    place = SHIPPED if path is None else Path(path)
    described = place.with_suffix(".toml")
    for file in (place, described):
        if not file.is_file():
            raise InputError(
                f"{file}: no such file. A model for folding is a .safetensors file with its .toml beside it."
            )
    try:
        text = tomllib.loads(described.read_text(encoding="utf-8"))
        if text.get("format") != FORMAT:
            raise InputError(f"{described}: format {text.get('format')} is not one this version reads ({FORMAT}).")
        config = from_plain(StemNetConfig, text["config"])
        tensors = load(place.read_bytes())
        nets = []
        for number in range(text["networks"]):
            net = StemNet(config)
            start = f"{number}."
            mine = {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
            net.load_state_dict(mine)
            nets.append(net)
        return Folder(
            nets,
            name=text["name"],
            threshold=text["threshold"],
            longest=text.get("longest"),
            settings=text["settings"],
        )
    except (KeyError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{described}: not a model for folding, or it and {place.name} do not belong together: {error}. Take both "
            "files from one training."
        ) from error
