"""Folding by energy with ViennaRNA: minimum free energy, expected accuracy, and pair probabilities."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from palindra.data.rna.dot_bracket import parse_dot_bracket
from palindra.data.rna.letters import check_rna, read_letters
from palindra.data.rna.structure import Pairs
from palindra.errors import InputError

TURNER = "turner2004"
PARAMETERS = (TURNER, "turner1999", "andronescu2007", "langdon2018")
"""Energies by name: measured by melting (Mathews et al. 2004; Mathews et al. 1999), and fitted to databases of known
structures (Andronescu et al. 2007; Langdon et al. 2018), which hold the common families: with the last two no family is
new to the energies, whatever a network that reads them was trained on."""

_UNUSUAL_TEMPERATURE = 20.8125  # in degrees Celsius; see _load
_loading = threading.RLock()  # ViennaRNA keeps its energies in one place for the whole process


class Folded(NamedTuple):
    """A structure without pseudoknots and its free energy."""

    pairs: Pairs
    energy: float  # kcal/mol


class Pairing(NamedTuple):
    """How likely bases pair in thermal equilibrium, without pseudoknots (McCaskill 1990)."""

    pairs: NDArray[np.float64]  # (length, length) chance of each pair, symmetric, zeros on the diagonal
    unpaired: NDArray[np.float64]  # (length,) chance of each base to be in no pair: its accessibility
    energy: float  # free energy of the ensemble, kcal/mol

    @property
    def with_unpaired(self) -> NDArray[np.float64]:
        """The chances with those of being unpaired on the diagonal, symmetric: each row adds up to 1."""
        both = self.pairs.copy()
        np.fill_diagonal(both, self.unpaired)
        return both


def minimum_free_energy(sequence: str, *, temperature: float = 37.0, parameters: str = TURNER) -> Folded:
    """The structure of least free energy, as ``RNAfold`` writes it (Lorenz et al. 2011).

    Args:
        sequence: letters of RNA; those that are not certain do not pair.
        temperature: in degrees Celsius.
        parameters: which energies, one of ``PARAMETERS``.

    Raises:
        InputError: if ViennaRNA is missing, or for letters that are not RNA.
    """
    with energy_parameters(parameters):
        brackets, energy = _compound(sequence, temperature).mfe()
    return Folded(parse_dot_bracket(brackets), float(energy))


def maximum_expected_accuracy(sequence: str, *, gamma: float = 1.0, temperature: float = 37.0) -> Folded:
    """The structure of most expected accuracy under the pair probabilities (Do et al. 2006), and its free energy.

    Args:
        sequence: letters of RNA.
        gamma: weight of paired against unpaired bases; larger ones give more pairs.
        temperature: in degrees Celsius.
    """
    compound = _compound(sequence, temperature)
    _equilibrium(compound)
    brackets, _ = compound.MEA(gamma)
    return Folded(parse_dot_bracket(brackets), float(compound.eval_structure(brackets)))


def pairing_probabilities(sequence: str, *, temperature: float = 37.0, parameters: str = TURNER) -> Pairing:
    """The chance of every pair, and of every base to be unpaired.

    Args:
        sequence: letters of RNA.
        temperature: in degrees Celsius.
        parameters: which energies, one of ``PARAMETERS``.

    Raises:
        InputError: if ViennaRNA is missing, or for letters that are not RNA.
        ValueError: for energies of another name.
    """
    with energy_parameters(parameters):
        compound = _compound(sequence, temperature)
        energy = _equilibrium(compound)
        upper = np.array(compound.bpp(), dtype=np.float64)[1:, 1:]  # row and column 0 are not of a base
    pairs = np.triu(upper, 1)
    pairs = pairs + pairs.T
    return Pairing(pairs, np.clip(1 - pairs.sum(axis=1), 0, 1), energy)


@contextmanager
def energy_parameters(name: str = TURNER) -> Iterator[None]:
    """Fold by other energies inside a ``with`` block; afterwards those of Turner 2004 hold again, also after errors.

    ViennaRNA keeps its energies in one place for the whole process: threads wait for each other here, and energies that
    were loaded by other means are given up for those of Turner 2004 as soon as any others are asked for.

    Args:
        name: one of ``PARAMETERS``. The default changes nothing.
    """
    if name not in PARAMETERS:
        raise ValueError(f"parameters={name!r}: the sets of energies are {', '.join(PARAMETERS)}.")
    with _loading:
        if name == TURNER:
            yield
            return
        try:
            _load(name)
            yield
        finally:
            _load(TURNER)


def _load(name: str) -> None:
    """Load energies into ViennaRNA and make sure that they are used.

    Version 2.7 keeps the scaled energies of its last molecule, for folding and for the partition function apart, and
    takes them again while its settings stay the same, whatever was loaded meanwhile. A molecule folded under other
    settings clears both.
    """
    vienna = _vienna()
    text = getattr(vienna, f"parameter_set_rna_{name}")
    if not vienna.params_load_from_string(text, name, vienna.PARAMETER_FORMAT_DEFAULT):
        raise RuntimeError(f"ViennaRNA did not accept its own energies {name!r}.")
    details = vienna.md()
    details.temperature = _UNUSUAL_TEMPERATURE
    _equilibrium(vienna.fold_compound("GGGAAACCC", details))


def _equilibrium(compound: Any) -> float:
    """Fill the partition function; the least energy scales it, without which long sequences overflow."""
    _, least = compound.mfe()
    compound.exp_params_rescale(least)
    _, energy = compound.pf()
    return float(energy)


def _compound(sequence: str, temperature: float) -> Any:
    check_rna(sequence, "sequence")
    vienna = _vienna()
    details = vienna.md()
    details.temperature = temperature
    return vienna.fold_compound(read_letters(sequence).replace("X", "N"), details)


def _vienna() -> Any:
    try:
        return importlib.import_module("RNA")
    except ImportError:
        raise InputError(
            "folding by energy needs ViennaRNA, which is not installed: pip install 'palindra[rna]'"
        ) from None
