"""Both strands of a sequence, whatever the model; maps of certainty; folders of every kind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.interpretation.attribution import delta_entropy, language_model_map
from palindra.models.caduceus import save_caduceus
from palindra.models.strand_lm import StrandLM
from palindra.models.strand_lm.masked import MaskedReader
from palindra.models.strand_lm.opening import describe, from_description, is_equivariant, open_language_model
from palindra.models.strand_lm.reading import in_evaluation, read_both, tokens_of
from palindra.models.strand_lm.saving import save
from palindra.sequences import one_hot
from palindra.sequences.vocabulary import VOCABULARY


def test_both_strands_read_the_same_whatever_the_model(model: nn.Module, tokens: Tensor):
    model.double()
    mask = torch.ones_like(tokens, dtype=torch.bool)
    mask[1, 9:] = False
    tokens = tokens.masked_fill(~mask, VOCABULARY.padding)
    found = read_both(model, tokens, mask)
    other = read_both(model, VOCABULARY.reverse_complement(tokens), mask.flip(1))
    assert found.logits.shape == (3, 13, 4)
    assert found.strands.shape == (3, 2, 13, 8)
    torch.testing.assert_close(other.logits.flip(1, 2), found.logits, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(other.hidden.flip(1), found.hidden, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(other.strands.flip(1, 2), found.strands, rtol=1e-10, atol=1e-10)


def test_a_model_is_read_once_exactly_where_that_is_enough(model: nn.Module, tokens: Tensor):
    given, other = model(tokens, None), model(VOCABULARY.reverse_complement(tokens), None)
    alike = bool((other.logits.flip(1, 2) - given.logits).abs().max() < 1e-4)
    assert is_equivariant(model) == alike


def test_letters_become_tokens_and_mixtures_are_refused():
    x = one_hot(["ACGTN", "NTTGA"]).float()
    assert tokens_of(x).tolist() == [[0, 1, 2, 3, 4], [4, 3, 3, 2, 0]]
    assert tokens_of(one_hot(["ACN"], ambiguous="uniform", dtype=torch.float32)).tolist() == [[0, 1, 4]]
    x[1, :, 2] = torch.tensor([0.3, 0.0, 0.0, 0.7])
    with pytest.raises(InputError, match=r"row 1, position 3: .*0\.3, 0, 0, 0\.7.* mixture"):
        tokens_of(x)
    x[1, :, 2] = torch.tensor([1.0, 1.0, 0.0, 0.0])
    with pytest.raises(InputError, match="mixture"):
        tokens_of(x)


def test_parts_get_their_mode_back(make):
    model = make("tied").train()
    model.dropout.eval()
    with in_evaluation(model):
        assert not any(part.training for part in model.modules())
        assert not torch.is_grad_enabled()
    assert model.training
    assert not model.dropout.training


@pytest.mark.parametrize("kind", ["tied", "single"])
def test_each_position_is_read_while_it_alone_is_masked(make, kind: str):
    model, x = make(kind).double(), one_hot(["ACGTTNA", "GGATCCA"])
    found = MaskedReader(model, batch_size=3).masked_logits(x)
    assert found.shape == (2, 4, 7)
    for position in range(7):
        masked = tokens_of(x)
        masked[:, position] = VOCABULARY.mask
        expected = read_both(model, masked).logits[:, position]
        torch.testing.assert_close(found[:, :, position], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("apart", [None, 3])
def test_maps_of_certainty_are_reversed_with_the_strand(make, apart: int | None):
    x = one_hot(["ACGTTNACCGA", "GGATCCATTTA"])
    reader = MaskedReader(make("untied").double(), apart=apart)
    found = language_model_map(reader, x)
    torch.testing.assert_close(language_model_map(reader, x.flip(1, 2)).flip(1), found, rtol=1e-9, atol=1e-9)
    assert torch.equal(found, delta_entropy(reader.masked_logits(x)))
    assert float(found.min()) == 0
    assert float(found.max()) > 1e-3


def test_models_are_built_again_from_their_description(model: nn.Module, tokens: Tensor):
    again = from_description(describe(model)).eval()
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(tokens).logits, model(tokens).logits)
    with pytest.raises(ValueError, match="'hyena' is no language model"):
        from_description(json.dumps({"model": "hyena", "config": {}}))


def test_folders_of_every_kind_are_opened(tmp_path: Path, model: nn.Module, tokens: Tensor):
    if isinstance(model, StrandLM):
        save(tmp_path, model)
    else:
        save_caduceus(tmp_path, model.caduceus)  # type: ignore[arg-type]
    opened = open_language_model(tmp_path)
    assert torch.equal(opened(tokens).logits, model(tokens).logits)
    assert not opened.training


def test_folders_of_anything_else_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"config.json is missing.*palindra pretrain"):
        open_language_model(tmp_path)
    (tmp_path / "config.toml").touch()
    with pytest.raises(InputError, match="run folder of palindra train"):
        open_language_model(tmp_path)
    path = tmp_path / "config.json"
    for text, message in (
        ("{", "cannot be read"),
        ('{"model_type": "bert"}', "another architecture, 'bert'"),
        ("[]", "cannot be read"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            open_language_model(tmp_path)
