from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from palindra.errors import InputError
from palindra.probing.attribution import gradient_maps, mean_head, readout_head, source_predictor
from palindra.probing.readouts import Cnn, CnnConfig, ConvSize, fit_readout
from palindra.probing.sources import open_source
from palindra.sequences import one_hot

TEXTS = ["ACGTTGCAAC", "GGGTACCATA", "TTTTACGCGA"]
SMALL = CnnConfig(blocks=(ConvSize(3, 3, 2),), dense=(4,), project="none", start="he")


def test_the_gradient_of_a_linear_readout_is_its_weights(hf_bert):
    source = open_source(f"hf:{hf_bert}")
    weight = torch.arange(32.0).reshape(16, 2)
    head = mean_head(weight, torch.zeros(2))
    found = gradient_maps(source, head, TEXTS, output=1)
    torch.testing.assert_close(found, torch.full((3, 10), float(weight[:, 1].norm()) / 10))
    largest = gradient_maps(source, head, TEXTS, output=1, size="maximum")
    torch.testing.assert_close(largest, torch.full((3, 10), 31 / 10))


def test_gradients_by_finite_differences():
    torch.manual_seed(0)
    source = open_source("one-hot")
    head = Cnn(4, 10, 1, SMALL)
    found = gradient_maps(source, head, TEXTS)
    assert head.training  # left as it was
    head = head.double().eval()
    embedded = source.embed(TEXTS)
    x, mask = embedded.features.mT.double(), embedded.mask
    sizes = torch.zeros(3, 10)
    for place in range(10):
        steps = []
        for channel in range(4):
            moved = [x.clone(), x.clone()]
            for sign, copy in zip((1, -1), moved, strict=True):
                copy[:, channel, place] += sign * 1e-6
            steps.append((head(moved[0], mask) - head(moved[1], mask))[:, 0] / 2e-6)
        sizes[:, place] = torch.stack(steps).norm(dim=0).float()
    torch.testing.assert_close(found, sizes, rtol=1e-3, atol=1e-5)


def test_a_word_gives_its_gradient_to_all_its_letters(hf_kmer):
    source = open_source(f"hf:{hf_kmer}")
    texts = [text + "AC" for text in TEXTS]
    found = gradient_maps(source, mean_head(torch.ones(16, 1), torch.zeros(1)), texts)
    torch.testing.assert_close(found, torch.full((3, 12), 4 / 2))


def test_fitted_readouts_become_heads():
    rng = np.random.default_rng(0)
    source = open_source("one-hot")
    texts = ["".join(rng.choice(list("ACGT"), 10)) for _ in range(60)]
    labels = np.array([[float(text.count("A"))] for text in texts], dtype=np.float32)
    goal = SimpleNamespace(kind="regression", outputs=1)
    mean = source.embed(texts).mean().numpy()
    linear = fit_readout("linear", goal, (mean, labels), (mean, labels), seed=0)
    predict = source_predictor(source, readout_head(linear))
    np.testing.assert_allclose(predict(one_hot(texts)).numpy(), linear.predict(mean), rtol=1e-4, atol=1e-4)
    cnn = SimpleNamespace(name="cnn", module=Cnn(4, 14, 1, SMALL))
    embedded = source.embed(texts)
    filled = nn.functional.pad(embedded.features.mT, (0, 4))
    expected = cnn.module.eval()(filled, nn.functional.pad(embedded.mask, (0, 4)))
    torch.testing.assert_close(readout_head(cnn, tokens=14)(embedded.features.mT, embedded.mask), expected)
    with pytest.raises(InputError, match="was fitted with 8"):
        readout_head(cnn, tokens=8)(embedded.features.mT, embedded.mask)
    with pytest.raises(InputError, match="through the CNN with tokens="):
        readout_head(cnn)
    with pytest.raises(InputError, match="readout mlp"):
        readout_head(SimpleNamespace(name="mlp"))
