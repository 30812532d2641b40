"""Sizes and switches that do not go together are refused with what to change."""

import pytest

from palindra.errors import InputError
from palindra.models.strand_lm import StrandLMConfig


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 0}, "width = 0 is given"),
        ({"mixer": "crossed"}, "mixer = 'crossed' is given and one of tied, untied"),
        ({"recurrence": "lstm"}, "one of comba, mamba2"),
        ({"width": 20, "heads": 8}, "choose a multiple of 16"),
        ({"width": 9, "heads": 4, "attention": False, "recurrence": "mamba2"}, "heads that divide them"),
        ({"block": 0}, "block = 0"),
        ({"window": -1}, "window = -1"),
        ({"stem_kernel": 8}, "must be odd"),
        ({"dropout": 1.0}, "dropout is from 0 to below 1"),
        ({"alternating": True, "block": 8}, "belong to mixer = 'untied', not 'tied'"),
        ({"published": True}, "belong to mixer = 'untied'"),
        ({"mixer": "untied", "alternating": True}, "Give block"),
        ({"carry_state": True}, "Give block"),
        (
            {"mixer": "untied", "block": 8, "alternating": True, "carry_state": True},
            "choose alternating or carry_state",
        ),
        ({"mixer": "untied", "block": 8, "exact_blocks": True}, "needs alternating = True"),
    ],
)
def test_bad_sizes_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        StrandLMConfig(**changes)


def test_published_sizes_can_be_changed():
    assert StrandLMConfig.crossdna(alternating=True, block=256).blocks(1024).sizes == [256] * 4
    assert StrandLMConfig.crossdna_small(alternating=False).width == 48
    assert StrandLMConfig(attention=False, width=20, heads=8).heads == 8


def test_what_the_switches_say():
    assert not StrandLMConfig(mixer="siamese").exchanges
    assert StrandLMConfig(mixer="siamese", bridge_every=1).stages == (6,)
    assert (StrandLMConfig(mixer="single").readings, StrandLMConfig().readings) == (1, 2)
    kinds = ["tied", "siamese", "untied", "bidirectional", "single"]
    assert [StrandLMConfig(mixer=kind).equivariant for kind in kinds] == [True, True, False, False, False]
