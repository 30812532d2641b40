"""What is said of maps of random weights, also where a random network is dead."""

from __future__ import annotations

import numpy as np
import pytest

from palindra.cli.explain.reliability import _depends, _mean
from palindra.interpretation.reliability import Randomised

DEAD = np.array([np.nan, np.nan])


def after(layer: str, *ranks: float) -> Randomised:
    values = np.array(ranks)
    return Randomised(layer, "cascading", values, values)


@pytest.mark.parametrize(("ranks", "status"), [((0.1, -0.3), "stable"), ((-0.9, 0.9), "unstable")])
def test_the_whole_random_network_decides(ranks, status):
    said = _depends([after("head", 1.0, 1.0), after("first", *ranks)])
    assert said.verdict == status
    assert "all 2 layers" in said.because


def test_of_networks_that_die_the_last_living_one_decides_and_it_is_said():
    said = _depends([after("head", 0.2, np.nan), after("middle", *DEAD), after("first", *DEAD)])
    assert said.verdict == "stable"
    assert "the last 1 of 3 layers" in said.because
    assert "0.20" in said.because
    assert "the same whatever it reads" in said.because


def test_where_every_random_network_is_dead_nothing_is_tested():
    said = _depends([after("head", *DEAD)])
    assert said.verdict == "not tested"
    assert _mean(DEAD) == "constant map"
    assert _mean(np.array([np.nan, 0.5])) == "0.500"
