from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from palindra.errors import InputError
from palindra.interpretation.attribution import CORRECTED_GRADIENT, attribute
from palindra.probing.attribution import agreement, correlations, mean_head
from palindra.probing.source import Embedded
from palindra.probing.sources import open_source
from palindra.sequences import one_hot


def drawn(rows=12, length=20, seed=0):
    codes = torch.randint(4, (rows, length), generator=torch.Generator().manual_seed(seed))
    return ["".join("ACGT"[code] for code in row) for row in codes.tolist()]


class Model(nn.Module):
    """A convolution of one-hot sequences."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.conv, self.head = nn.Conv1d(4, 5, 3, padding=1), nn.Linear(5, 1)

    def forward(self, x):
        return self.head(torch.tanh(self.conv(x)).amax(-1) + torch.tanh(self.conv(x)).mean(-1))


class Oracle:
    """A language model that is certain exactly where the one-hot model looks."""

    name, width, parameters, fingerprint = "oracle", 4, 0, "oracle"

    def __init__(self, model, sign=1.0):
        self.model, self.sign = model, sign

    def embed(self, sequences):
        spans = torch.stack([torch.arange(len(sequences[0])), torch.arange(len(sequences[0])) + 1], 1)
        return Embedded(one_hot(sequences).float().mT, spans.expand(len(sequences), -1, -1))

    def log_probabilities(self, sequences):
        x = one_hot(sequences).float()
        values = (attribute(self.model, x, method=CORRECTED_GRADIENT).values * x).sum(1) * self.sign
        rank = values.argsort(1).argsort(1).float() / values.shape[1]
        logits = torch.zeros(*rank.shape, 4)
        logits[..., 0] = 5 * rank + 0.1
        return logits.log_softmax(-1)


def test_a_model_that_looks_at_the_same_letters_agrees():
    model, texts = Model(), drawn(40)
    rows = {(row.map, row.statistic, row.against): row for row in agreement(Oracle(model), model, texts).rows}
    ranked = rows["delta entropy", "Spearman", "corrected gradient x input"]
    assert ranked.mean > 0.99
    assert ranked.low > ranked.other_sequence + 0.5
    assert rows["delta entropy", "Pearson", "corrected gradient x input"].low > 0.5
    other = agreement(Oracle(model, -1.0), model, texts)
    signed = next(row for row in other.rows if row.statistic == "Spearman")
    assert signed.mean < -0.9  # the sign is not hidden
    assert "contradict" in other.sentences()[0]


def test_correlations_are_those_of_scipy_over_known_positions():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(6, 9)), rng.normal(size=(6, 9)).round(1)
    a[0, :3] = np.nan
    b[1, 4] = np.nan
    for ranks, reference in ((False, stats.pearsonr), (True, stats.spearmanr)):
        found = correlations(a, b, ranks=ranks)
        for row in range(6):
            known = np.isfinite(a[row]) & np.isfinite(b[row])
            assert found[row] == pytest.approx(reference(a[row, known], b[row, known])[0])
    assert np.isnan(correlations(np.ones((1, 5)), b[2:3, :5])).all()
    assert np.isnan(correlations(a[:1, :4], b[:1, :4])).all()  # one known position
    with pytest.raises(ValueError, match="both are"):
        correlations(a, b[:, 1:])


def test_maps_are_those_of_the_top_predictions(hf_bert):
    model, texts = Model(), drawn(15)
    source = open_source(f"hf:{hf_bert}")
    head = mean_head(torch.ones(16, 1), torch.zeros(1))
    found = agreement(source, model, texts, head=head, top=4)
    with torch.no_grad():
        predictions = model(one_hot(texts).float())[:, 0]
    assert found.chosen.tolist() == predictions.argsort(descending=True)[:4].tolist()
    assert set(found.maps) == {"delta entropy", "gradient", "gradient x delta entropy", "one-hot"}
    np.testing.assert_allclose(
        found.maps["gradient x delta entropy"], found.maps["gradient"] * found.maps["delta entropy"], rtol=1e-6
    )
    x = one_hot(texts).float()[found.chosen]
    own = (attribute(model, x, method=CORRECTED_GRADIENT).values * x).sum(1)
    np.testing.assert_allclose(found.maps["one-hot"], own, atol=1e-6)
    constant = next(row for row in found.rows if row.map == "gradient")
    assert (constant.sequences, constant.constant) == (0, 4)  # a linear readout of the mean looks everywhere alike
    assert "constant" in " ".join(found.sentences())
    json.dumps(found.as_dict(), allow_nan=False)
    assert len(found.rows) == 3 * 2 * 2


@pytest.mark.parametrize("kind", ["kmer", "bpe", "gpt", "mamba"])
def test_any_language_model(request, kind):
    source = open_source(f"hf:{request.getfixturevalue(f'hf_{kind}')}")
    found = agreement(source, Model(), drawn(6, 24))
    assert {row.map for row in found.rows} == {"delta entropy"}
    assert all(row.sequences == 6 and row.low <= row.mean <= row.high for row in found.rows)


def test_a_random_language_model_does_not_agree(hf_bert):
    row = agreement(open_source(f"hf:{hf_bert}"), Model(), drawn(40)).rows[0]
    assert row.low < 0.1


def test_a_source_without_maps():
    with pytest.raises(InputError, match="is no language model, and there is no readout"):
        agreement(open_source("one-hot"), Model(), drawn())
    found = agreement(open_source("one-hot"), Model(), drawn(), head=lambda x, mask: (x**2).sum((1, 2))[:, None])
    assert {row.map for row in found.rows} == {"gradient"}
