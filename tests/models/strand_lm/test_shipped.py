"""The language model that ships: whole, small, equivariant, and better than what short words tell."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from palindra.models.strand_lm import rc_discrepancy
from palindra.models.strand_lm.opening import open_language_model
from palindra.models.strand_lm.shipped import SHIPPED, folder_of, shipped
from palindra.sequences.vocabulary import VOCABULARY

LARGEST = 2_000_000  # bytes of the whole folder


@pytest.fixture(scope="module")
def loaded():
    return shipped()


def test_the_folder_is_small_and_holds_what_is_needed():
    files = {path.name: path.stat().st_size for path in SHIPPED.iterdir()}
    assert {"config.json", "model.safetensors", "metrics.json", "README.md"} <= files.keys()
    assert sum(files.values()) < LARGEST


def test_a_name_stands_for_the_folder_and_every_other_path_for_itself():
    assert folder_of("default") == folder_of(Path("default")) == SHIPPED
    assert folder_of("runs/default") == Path("runs/default")


def test_both_strands_give_the_same_answer_at_odd_lengths_with_n_masks_and_padding(loaded):
    model, _ = loaded
    rng = np.random.default_rng(3)
    tokens = torch.from_numpy(rng.integers(0, 6, (2, 137)))  # letters, N and masks
    tokens[1, 101:] = VOCABULARY.padding
    found = rc_discrepancy(model, tokens)
    assert found.logits < 1e-5
    assert found.hidden < 1e-5
    wide = rc_discrepancy(model.double(), tokens)
    assert wide.logits < 1e-10
    assert wide.hidden < 1e-10
    model.float()


def test_it_is_a_model_like_any_other_of_the_command_line(loaded):
    model, _ = loaded
    tokens = torch.from_numpy(VOCABULARY.encode("ACGTNNACGATATTGC")).long()[None]
    opened = open_language_model(SHIPPED)
    with torch.no_grad():
        assert torch.equal(opened(tokens).logits, model(tokens).logits)
    assert not model.training


def test_the_weights_are_finite_and_the_metadata_say_where_they_come_from(loaded):
    model, meta = loaded
    assert all(bool(value.isfinite().all()) for value in model.state_dict().values())
    assert meta["data"]["genome"] == "R64-1-1_II_IV.fa.gz"
    assert "CC BY 4.0" in meta["data"]["licence"]
    assert math.isfinite(meta["best"]["valid_bits_per_base"])
    assert not any(word.startswith("/") for word in meta["command"].split())


def test_bits_of_held_out_letters_are_below_those_of_markov_models_that_read_the_same(loaded):
    _, meta = loaded
    bits = meta["test_bits_per_base"]
    assert all(math.isfinite(value) for value in bits.values())
    hidden = [value for name, value in bits.items() if "same letters hidden" in name]
    assert hidden
    assert bits["language model"] < min(hidden)


def test_a_trained_model_fills_a_gap_in_yeast_better_than_chance(loaded):
    model, _ = loaded
    # Tracts of A and of T are common in every part of the genome: A continues A, T continues T.
    for letter in "AT":
        text = "GATTCGA" + letter * 9 + "GCTAGAC"
        tokens = torch.from_numpy(VOCABULARY.encode(text)).long()[None]
        tokens[0, 11] = VOCABULARY.mask
        with torch.no_grad():
            chances = model(tokens).logits[0, 11].softmax(-1)
        assert chances["ACGT".index(letter)] > 0.4
