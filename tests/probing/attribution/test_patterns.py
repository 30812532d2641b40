from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu

from palindra.errors import InputError
from palindra.interpretation.importance import Insert, global_importance, shuffled
from palindra.probing.attribution import mean_head, pattern_effects, source_predictor, top_stretches, transplant
from palindra.probing.attribution.patterns import Stretch
from palindra.probing.attribution.transplants import RANDOM, top_positions
from palindra.probing.sources import open_source
from palindra.sequences import encode, one_hot

MOTIF = "TGACTCA"


def motif(x):
    """The best match of the motif, as a share of its letters."""
    weight = one_hot([MOTIF]).float()
    return torch.nn.functional.conv1d(x.float(), weight).amax(-1)[:, 0] / len(MOTIF)


def planted(rows=8, length=40, seed=0):
    rng = np.random.default_rng(seed)
    texts, maps = [], np.zeros((rows, length))
    for row in range(rows):
        letters = "".join(rng.choice(list("ACGT"), length))
        start = int(rng.integers(5, length - 12))
        texts.append(letters[:start] + MOTIF + letters[start + len(MOTIF) :])
        maps[row, start : start + len(MOTIF)] = 1 + rng.random(len(MOTIF))
    return texts, maps


def test_the_stretch_with_the_largest_sum_is_the_motif():
    texts, maps = planted()
    assert {s.letters for s in top_stretches(maps, texts, width=7)} == {MOTIF}
    assert len(top_stretches(maps, texts, width=9, count=3)) == 3
    scores = [s.score for s in top_stretches(maps, texts, width=9)]
    assert scores == sorted(scores, reverse=True)


def test_stretches_of_unknown_letters_or_positions_are_left_out():
    assert top_stretches([[9.0, 0.0, 1.0, 2.0]], ["NACG"], width=2) == [Stretch(0, 2, "CG", 3.0)]
    assert top_stretches([[np.nan] * 4], ["ACGT"], width=2) == []
    with pytest.raises(InputError, match="give 1 to 4"):
        top_stretches([[0.0] * 4], ["ACGT"], width=5)


def test_a_pattern_in_shuffles_raises_what_reads_it():
    texts, maps = planted()
    effects = pattern_effects(motif, texts, top_stretches(maps, texts, width=7), shuffles=40)
    (found,) = effects.estimates()
    assert found.low > 0
    assert found.observations == 8  # five shuffles of each sequence are one observation
    nothing = pattern_effects(motif, texts, [Stretch(0, 0, "AAAAAAA", 0.0)], shuffles=40)
    assert nothing.estimates()[0].mean < found.mean / 2


def test_top_positions_with_their_flanks():
    values = np.zeros(40)
    values[[0, 20]] = [1.0, 2.0]
    assert np.flatnonzero(top_positions(values)).tolist() == [0, 1, 2, 18, 19, 20, 21, 22]  # 5 % of 40 are two
    assert np.flatnonzero(top_positions([1.0, np.nan, 0.0], share=0.01, flank=0)).tolist() == [0]
    with pytest.raises(InputError, match="give a share"):
        top_positions(values, share=0.0)


def test_transplants_of_the_right_positions_restore_the_prediction():
    texts, maps = planted()
    rng = np.random.default_rng(1)
    found = transplant(motif, texts, {"right": maps, "noise": rng.random(maps.shape)}, shuffles=20, share=0.15)
    effects = {effect.name: effect for effect in found.effects}
    assert list(effects) == ["right", "noise", RANDOM]
    assert effects["right"].low > max(effects["noise"].high, effects[RANDOM].high)
    contrast = next(c for c in found.contrasts if (c.first, c.second) == ("right", "noise"))
    assert contrast.low > 0
    assert contrast.p == pytest.approx(mannwhitneyu(found.values["right"], found.values["noise"]).pvalue)
    assert contrast.corrected >= contrast.p
    assert len(found.contrasts) == 3


def test_transplants_by_hand():
    texts, maps = planted(2, 30)
    found = transplant(motif, texts, {"map": maps}, shuffles=6, share=0.1, flank=1, seed=5)
    for row, text in enumerate(texts):
        mask = top_positions(maps[row], share=0.1, flank=1)
        pattern = "".join(letter if keep else "N" for letter, keep in zip(text, mask, strict=True))
        backgrounds = shuffled(encode([text]), 5 + row, copies=6)
        expected = global_importance(motif, backgrounds, [[Insert(pattern, 0)]]).values.item()
        assert found.values["map"][row] == pytest.approx(expected)


def test_the_prediction_may_be_that_of_a_source_and_its_readout(hf_bert):
    source = open_source(f"hf:{hf_bert}")
    predict = source_predictor(source, mean_head(torch.ones(16, 1), torch.zeros(1)))
    texts, maps = planted(3, 30)
    found = transplant(predict, texts, {"map": maps}, shuffles=3)
    again = transplant(predict, texts, {"map": maps}, shuffles=3)
    assert found.effects == again.effects  # a function of the seed


def test_maps_that_do_not_fit():
    with pytest.raises(InputError, match=r"maps of shape \(2, 30\) are needed"):
        transplant(motif, planted(2, 30)[0], {"map": np.zeros((2, 29))})
    with pytest.raises(InputError, match="at least one"):
        transplant(motif, planted(2, 30)[0], {})
