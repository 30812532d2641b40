import numpy as np
import pytest
import torch

from palindra.errors import InputError
from palindra.interpretation.importance import find_instances, occlusion
from palindra.interpretation.planted import Grammar, Oracle, PlantedMotif
from palindra.sequences import decode_codes, encode, reverse_complement

GRAMMAR = Grammar((PlantedMotif("TGACTCA", 1.0),))


def sequences() -> np.ndarray:
    """No instance, one, two (one on the other strand), and four of the first motif."""
    spacer = "CCAACC"
    units = ([], ["TGACTCA"], ["TGACTCA", "TGAGTCA"], ["TGACTCA"] * 4)
    rows = [spacer + spacer.join(unit) + spacer for unit in units]
    return encode([row.ljust(64, "C") for row in rows])


def test_every_instance_of_both_strands_is_found_and_is_worth_what_was_planted():
    codes = sequences()
    found = occlusion(Oracle(GRAMMAR).double(), codes, "TGACTCA", draws=5, seed=1)
    assert found.rows.tolist() == [1, 2, 3]
    assert found.counts.tolist() == [1, 2, 4]
    np.testing.assert_allclose(found.effect[:, 0], [1, 2, 4])
    np.testing.assert_allclose(found.instance_effect[:, 0], 1)
    groups = found.by_count()
    assert [(one.name, one.mean, one.observations) for one in groups] == [
        ("1", 1, 1),
        ("2", 2, 1),
        ("at least 3", 4, 1),
    ]


def test_instances_are_those_of_strings():
    codes = np.random.default_rng(0).integers(4, size=(30, 200), dtype=np.uint8)
    codes[0, 50:60] = 4  # N matches nothing
    found = find_instances(codes, "GANTR")
    for row, text in enumerate(decode_codes(codes)):
        for start in range(196):
            word = text[start : start + 5]
            match = any(
                one[:2] == "GA" and one[2] in "ACGT" and one[3] == "T" and one[4] in "AG" and "N" not in one
                for one in (word, reverse_complement(word))
            )
            assert found[row, start] == match


def test_the_strand_of_the_pattern_does_not_matter():
    model = torch.nn.Sequential(torch.nn.Conv1d(4, 3, 8), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.LazyLinear(1))
    given, other = (occlusion(model, sequences(), one, draws=3) for one in ("TGACTCA", "TGAGTCA"))
    assert (given.row == other.row).all()
    assert (given.start == other.start).all()
    assert (given.one_lost == other.one_lost).all()
    assert (given.all_lost == other.all_lost).all()


def test_random_letters_leave_no_instance_and_touch_nothing_else():
    seen = []
    codes = encode(["GATATATATATAGG", "GATACCCCCCTATC"])
    occlusion(lambda x: seen.append(x) or x[:, 0].sum(1), codes, "TATA", draws=200, batch_size=10_000)
    texts = decode_codes(seen[0].argmax(1).numpy().astype(np.uint8))
    lost = texts[len(np.unique(find_instances(codes, "TATA").nonzero()[0])) :][:200]
    assert all("TATA" not in text for text in lost)
    assert all(text[:2] == "GA" and text[-2:] == "GG" for text in lost)


def test_an_instance_that_shares_letters_may_stay():
    found = occlusion(
        lambda x: x[:, 0].sum(1), encode(["GATAGATACC"]), "NGATA", draws=4
    )  # the N of one is in the other
    assert found.start.tolist() == [3]
    found = occlusion(lambda x: x[:, 0].sum(1), encode(["CGATAGATACC"]), "NGATA", draws=4)
    assert found.counts.tolist() == [2]


def test_bad_questions_are_refused():
    model = Oracle(GRAMMAR)
    with pytest.raises(InputError, match="occurs in none of 4 sequences"):
        occlusion(model, sequences(), "GATAAG")
    with pytest.raises(InputError, match="cannot occur"):
        occlusion(model, sequences(), "A" * 65)
    with pytest.raises(InputError, match="100 times in a row"):
        occlusion(model, sequences(), "NNN")
    with pytest.raises(InputError, match="has to be DNA"):
        occlusion(model, sequences(), "TGA.TCA")


def test_every_instance_gets_its_own_number():
    counted = Oracle(GRAMMAR).double()

    def by_place(x: torch.Tensor) -> torch.Tensor:
        given, other = counted.instances(x.double())[0]
        return ((given + other) * torch.arange(1, given.shape[1] + 1)).sum(1)

    found = occlusion(by_place, sequences(), "TGACTCA", draws=3)
    np.testing.assert_allclose(found.instance_effect[:, 0], found.start + 1)
    np.testing.assert_allclose(found.effect[:, 0], np.bincount(found.row, found.start + 1)[found.rows])
