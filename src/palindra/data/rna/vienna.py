"""Folding by energy with ViennaRNA: minimum free energy, expected accuracy, and pair probabilities."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from palindra.data.rna.dot_bracket import parse_dot_bracket
from palindra.data.rna.letters import check_rna, read_letters
from palindra.data.rna.structure import Pairs
from palindra.errors import InputError


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


def minimum_free_energy(sequence: str, *, temperature: float = 37.0) -> Folded:
    """The structure of least free energy, as ``RNAfold`` writes it (Lorenz et al. 2011).

    Args:
        sequence: letters of RNA; those that are not certain do not pair.
        temperature: in degrees Celsius.

    Raises:
        InputError: if ViennaRNA is missing, or for letters that are not RNA.
    """
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


def pairing_probabilities(sequence: str, *, temperature: float = 37.0) -> Pairing:
    """The chance of every pair, and of every base to be unpaired.

    Args:
        sequence: letters of RNA.
        temperature: in degrees Celsius.
    """
    compound = _compound(sequence, temperature)
    energy = _equilibrium(compound)
    upper = np.array(compound.bpp(), dtype=np.float64)[1:, 1:]  # row and column 0 are not of a base
    pairs = np.triu(upper, 1)
    pairs = pairs + pairs.T
    return Pairing(pairs, np.clip(1 - pairs.sum(axis=1), 0, 1), energy)


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
