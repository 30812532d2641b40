from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr

from palindra.errors import InputError
from palindra.probing.source import Embedded
from palindra.probing.tasks import VariantTask
from palindra.probing.zero_shot import correlations, variant_scores, zero_shot
from palindra.sequences import reverse_complement


class Words:
    """Each letter becomes a vector of its own, times its place; letter probabilities are fixed."""

    name, width, parameters, fingerprint = "words", 3, 0, "words"
    table = torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0], [3.0, 1.0, 1.0], [0.5, 0.0, 0.0]])
    letters = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64).log()

    def __init__(self, *, size: int = 1) -> None:
        self.size, self.read = size, 0

    def embed(self, sequences: Sequence[str]) -> Embedded:
        longest = max(map(len, sequences))
        features, spans = torch.zeros(len(sequences), longest, 3), torch.zeros(len(sequences), longest, 2, dtype=int)
        for row, text in enumerate(sequences):
            for number, start in enumerate(range(0, len(text), self.size)):
                word = text[start : start + self.size]
                features[row, number] = sum(self.table["ACGT".index(letter)] for letter in word) * (1 + start)
                spans[row, number] = torch.tensor([start, start + len(word)])
        return Embedded(features, spans)

    def log_probabilities(
        self, sequences: Sequence[str], places: Sequence[Sequence[int]] | None = None
    ) -> torch.Tensor:
        self.read += len(sequences)
        return self.letters.expand(len(sequences), max(map(len, sequences)), 4)


def task(rows: int = 60, elements: int = 2, length: int = 12) -> VariantTask:
    random = np.random.default_rng(0)
    wild = ["".join(random.choice(list("ACGT"), length)) for _ in range(elements)]
    which, places = np.sort(random.integers(0, elements, rows)), random.integers(0, length, rows)
    reference = [wild[n] for n in which]
    letters = [
        str(random.choice([c for c in "ACGT" if c != text[p]])) for text, p in zip(reference, places, strict=True)
    ]
    return VariantTask(
        "toy",
        reference,
        [t[:p] + c + t[p + 1 :] for t, p, c in zip(reference, places, letters, strict=True)],
        random.normal(size=rows),
        np.array([f"e{n}" for n in which]),
        places,
    )


def test_scores_are_those_of_flattened_embeddings_one_by_one():
    given, source = task(), Words()
    scores, warnings = variant_scores(source, given)
    assert warnings == ()
    for row in (0, 7, 59):
        one = source.embed([given.reference[row]]).features.flatten().double()
        two = source.embed([given.alternate[row]]).features.flatten().double()
        assert scores["cosine"][row] == pytest.approx(float(torch.cosine_similarity(one, two, dim=0)))
        assert scores["l2"][row] == pytest.approx(float((one - two).norm()))
        assert scores["dot"][row] == pytest.approx(float(one @ two))


def test_the_log_ratio_is_positive_where_the_alternate_is_likelier_and_each_window_is_read_once():
    given, source = task(), Words()
    ratio = variant_scores(source, given)[0]["log_ratio"]
    assert source.read == len(set(given.reference)) == 2
    place = given.positions[0]
    a, b = given.reference[0][place], given.alternate[0][place]
    p = dict(zip("ACGT", (0.4, 0.3, 0.2, 0.1), strict=True))
    assert ratio[0] == pytest.approx(np.log(p[b] / p[a]))
    swapped = replace(given, reference=given.alternate, alternate=given.reference)
    np.testing.assert_allclose(variant_scores(source, swapped)[0]["log_ratio"], -ratio)


def test_averaging_strands_is_the_mean_of_both_and_gives_both_the_same():
    given, source = task(), Words()
    other = replace(
        given,
        reference=[reverse_complement(text) for text in given.reference],
        alternate=[reverse_complement(text) for text in given.alternate],
    )
    plain, turned = variant_scores(source, given)[0], variant_scores(source, other)[0]
    both = zero_shot(source, given, average_strands=True, resamples=20)
    same = zero_shot(source, other, average_strands=True, resamples=20)
    for name in plain:
        np.testing.assert_allclose(both.scores[name], (plain[name] + turned[name]) / 2)
        np.testing.assert_allclose(both.scores[name], same.scores[name])
        assert not np.allclose(plain[name], turned[name])
    assert both.strands == "scores averaged"
    assert zero_shot(source, given, resamples=20).strands == "as is"


def test_alleles_with_other_tokens_are_compared_base_by_base_and_other_lengths_not_at_all():
    class Merging(Words):
        """Reads GG as one token, as byte-pair encodings do."""

        def embed(self, sequences: Sequence[str]) -> Embedded:
            found = super().embed(sequences)
            rows = []
            for text, features, spans in zip(sequences, *found[:2], strict=True):
                at = text.find("GG")
                if at >= 0:
                    spans = torch.cat([spans[:at], torch.tensor([[at, at + 2]]), spans[at + 2 :], spans[:1] * 0])
                    features = torch.cat([features[: at + 1], features[at + 2 :], features[:1] * 0])
                rows.append((features, spans))
            return Embedded(torch.stack([r[0] for r in rows]), torch.stack([r[1] for r in rows]))

    pairs = VariantTask(
        "toy",
        ["AGGT", "ACCT"],
        ["AGCT", "ACT"],
        np.array([1.0, 2.0]),
        np.array(["e", "e"]),
        np.array([2, 1]),
    )
    scores, warnings = variant_scores(Merging(), pairs)
    assert np.isfinite(scores["l2"][0])
    assert np.isnan(scores["l2"][1])
    assert np.isnan(scores["log_ratio"][1])
    assert any("1 variants change the length" in text for text in warnings)


def test_signs_are_never_hidden():
    """Published tables print the size of a mean over elements whose correlations have different signs."""
    given = task(200)
    sign = np.where(given.elements == "e0", 1, -1)
    noise = np.random.default_rng(1).normal(size=200)
    scores = sign * given.effects + 0.1 * noise
    found = {(c.element, c.against): c for c in correlations("log_ratio", scores, given, resamples=50)}
    first, second = found["e0", "effect"].pearson, found["e1", "effect"].pearson
    assert first.low > 0.9
    assert second.high < -0.9
    mean = found["mean of 2 elements", "effect"].pearson
    assert mean.value == pytest.approx((first.value + second.value) / 2)
    assert abs(mean.value) < 0.05
    assert mean.low < 0 < mean.high or abs(mean.low) < 0.05


def test_correlations_are_given_with_effects_and_with_their_sizes():
    given = task(100, elements=1)
    scores = -np.abs(given.effects) + 0.2 * np.random.default_rng(0).normal(size=100)
    found = {c.against: c for c in correlations("cosine", scores, given, resamples=50)}
    assert set(found) == {"effect", "|effect|"}
    for against, effects in (("effect", given.effects), ("|effect|", np.abs(given.effects))):
        assert found[against].pearson.value == pytest.approx(pearsonr(scores, effects)[0])
        assert found[against].spearman.value == pytest.approx(spearmanr(scores, effects)[0])
        assert found[against].pearson.low < found[against].pearson.value < found[against].pearson.high
    assert found["|effect|"].pearson.high < -0.8  # cosine falls where effects are large
    assert found["effect"].rows == 100


def test_a_source_without_probabilities_has_no_log_ratio_and_one_that_knows_nothing_no_correlation():
    class Blind(Words):
        table = torch.ones(4, 3)
        log_probabilities = None

    del Blind.log_probabilities

    class Plain:
        name, width, parameters, fingerprint = "plain", 3, 0, "plain"

        def embed(self, sequences: Sequence[str]) -> Embedded:
            return Blind().embed(sequences)

    found = zero_shot(Plain(), task(), resamples=20)
    assert set(found.scores) == {"cosine", "l2", "dot"}
    assert all(np.isnan(one.pearson.value) for one in found.select(score="l2"))


def test_what_cannot_be_scored_is_refused():
    class Broken(Words):
        table = torch.full((4, 3), torch.nan)

    with pytest.raises(InputError, match="no numbers"):
        zero_shot(Broken(), task())
    with pytest.raises(InputError, match="there is no variant"):
        replace(
            task(), reference=[], alternate=[], effects=np.zeros(0), elements=np.zeros(0, str), positions=np.zeros(0)
        )
    with pytest.raises(InputError, match="effect of variant 1 is nan"):
        replace(task(), effects=np.full(60, np.nan))
