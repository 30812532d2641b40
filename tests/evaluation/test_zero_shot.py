"""Scores of variants without labels: known answers, both strands alike, and the sign."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.evaluation.zero_shot import ZeroShotScores, embedding_distance, masked_log_ratio, zero_shot_scores
from palindra.models.strand_lm import StrandLM, StrandLMConfig
from palindra.sequences import reverse_complement
from palindra.sequences.vocabulary import VOCABULARY

REFERENCE = ["ACGTTGCATCGAT", "GGATTACAGATTC", "TTTTACGCACGTA", "ACGTACGTA"]
ALTERNATE = ["ACGTTGAATCGAT", "GGATTACAGATTG", "TTTGCCGCACGTA", "ACGTCCGTA"]


def model(mixer: str) -> nn.Module:
    torch.manual_seed(1)
    sizes = {"width": 8, "depth": 1, "heads": 2, "key_size": 4, "feed_forward": 1.0, "window": 5, "stem_kernel": 3}
    found = StrandLM(StrandLMConfig(mixer=mixer, **sizes))  # type: ignore[arg-type]
    with torch.no_grad():
        for name, parameter in found.named_parameters():
            if "A_log" not in name and "dt" not in name:
                parameter.add_(0.3 * torch.randn_like(parameter))
    return found.double()


class Output(NamedTuple):
    logits: Tensor
    hidden: Tensor
    strands: Tensor


class Table(nn.Module):
    """The same probabilities of A, C, G, T everywhere on the given strand; features count what the tokens are."""

    def __init__(self, probabilities: list[float]) -> None:
        super().__init__()
        self.log_p = nn.Parameter(torch.tensor(probabilities, dtype=torch.float64).log())
        self.seen: list[Tensor] = []

    def forward(self, tokens: Tensor, mask: Any) -> Output:
        self.seen.append(tokens)
        hidden = nn.functional.one_hot(tokens, 7).double()
        return Output(self.log_p.expand(*tokens.shape, 4), hidden, hidden[:, None].repeat(1, 2, 1, 1))


def test_the_log_ratio_known_by_hand():
    table = Table([0.1, 0.2, 0.3, 0.4])
    found = masked_log_ratio(table, ["AAC", "GGT"], ["AGC", "CGA"])
    one = (np.log(0.3 / 0.1) + np.log(0.2 / 0.4)) / 2  # A to G, and on the other strand T to C
    two = (np.log(0.2 / 0.3) + np.log(0.1 / 0.4) + np.log(0.3 / 0.2) + np.log(0.4 / 0.1)) / 2
    np.testing.assert_allclose(found, [one, two], atol=1e-12)


def test_all_that_differs_is_masked_and_nothing_else():
    table = Table([0.25] * 4)
    masked_log_ratio(table, ["AACGT"], ["ATCGA"])
    mask = VOCABULARY.mask
    assert [tokens.tolist() for tokens in table.seen] == [[[0, mask, 1, 2, mask]], [[mask, 1, 2, mask, 3]]]


def test_distances_known_by_hand():
    table = Table([0.25] * 4)
    cosine, l2 = embedding_distance(table, ["AATT", "AATT", "ACGT"], ["AATT", "GGCC", "ACG"])
    # mean features of both strands: AATT (.5, 0, 0, .5), GGCC (0, .5, .5, 0), ACGT (.25 each), ACG (1/6, 1/3, 1/3, 1/6)
    np.testing.assert_allclose(l2, [0, 1, np.sqrt(4 / 144)], atol=1e-12)
    np.testing.assert_allclose(cosine, [0, 1, 1 - 0.25 / (0.5 * np.sqrt(10 / 36))], atol=1e-12)


@pytest.mark.parametrize("mixer", ["tied", "untied", "single"])
def test_both_strands_have_the_same_scores(mixer: str):
    network = model(mixer)
    given = zero_shot_scores(network, REFERENCE, ALTERNATE, batch_size=2)
    turned = [[reverse_complement(text) for text in some] for some in (REFERENCE, ALTERNATE)]
    other = zero_shot_scores(network, *turned, batch_size=3)
    assert len(given) == len(REFERENCE)
    for one, two in zip(vars(given).values(), vars(other).values(), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-12)
        assert np.ptp(one) > 1e-6


def test_exchanged_alleles_change_the_sign_of_the_ratio_and_nothing_else():
    network = model("tied")
    given, back = zero_shot_scores(network, REFERENCE, ALTERNATE), zero_shot_scores(network, ALTERNATE, REFERENCE)
    np.testing.assert_allclose(back.log_ratio, -given.log_ratio, rtol=1e-12)
    np.testing.assert_allclose(back.cosine, given.cosine, atol=1e-12)
    np.testing.assert_allclose(back.l2, given.l2, rtol=1e-12)


def test_insertions_and_unknown_letters_have_no_ratio_but_a_distance():
    scores = zero_shot_scores(model("tied"), ["ACGTACG", "ACGTACG", "ACGTACG"], ["ACGTTACG", "ACGNACG", "ACGTACG"])
    assert np.isnan(scores.log_ratio).tolist() == [True, True, False]
    assert scores.log_ratio[2] == scores.cosine[2] == scores.l2[2] == 0
    assert (scores.l2[:2] > 0).all()


def test_the_model_is_left_in_its_mode():
    network = model("tied").train()
    zero_shot_scores(network, REFERENCE, ALTERNATE)
    assert network.training


def test_lists_that_do_not_match_are_refused():
    for reference, alternate in ((["ACG"], []), ([], []), ("ACG", "ACT")):
        with pytest.raises(InputError, match="one alternate for each reference"):
            zero_shot_scores(model("tied"), reference, alternate)
    with pytest.raises(InputError, match="letter 'X'"):
        masked_log_ratio(model("tied"), ["ACX"], ["ACG"])
    assert len(ZeroShotScores(np.zeros(3), np.zeros(3), np.zeros(3))) == 3
