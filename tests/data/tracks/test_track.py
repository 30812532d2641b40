from pathlib import Path

import numpy as np
import pytest

from palindra.data.tracks import Track, check_tracks, partners, target_of
from palindra.errors import InputError


def track(name="a", **options):
    return Track(name=name, **{"path": Path(f"{name}.bw")} | options)


X = np.array([0, 0.5, 3, 4, 8, 29, np.nan], dtype=np.float32)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0, 0.5, 3, 4, 8, 29, 0]),
        ({"missing": "exclude"}, [0, 0.5, 3, 4, 8, 29, np.nan]),
        ({"clip": 5.0}, [0, 0.5, 3, 4, 5, 5, 0]),
        ({"soft_clip": 4.0}, [0, 0.5, 3, 4, 4 + 2, 4 + 5, 0]),
        ({"scale": 2.0}, [0, 1, 6, 8, 16, 58, 0]),
        ({"log1p": True}, np.log1p([0, 0.5, 3, 4, 8, 29, 0])),
        ({"clip": 8.0, "soft_clip": 4.0, "scale": 3.0, "log1p": True}, np.log1p([0, 1.5, 9, 12, 18, 18, 0])),
    ],
)
def test_values_are_changed_in_the_declared_order(options, expected):
    np.testing.assert_allclose(track(**options).transformed(X), np.float32(expected), rtol=1e-6)


@pytest.mark.parametrize("options", [{"clip": 5.0}, {"soft_clip": 2.5}, {"scale": 0.1}, {"log1p": True}])
def test_every_change_keeps_the_order_of_values(options):
    values = np.sort(np.random.default_rng(0).gamma(1, 5, 1000)).astype(np.float32)
    assert (np.diff(track(**options).transformed(values)) >= 0).all()


def test_the_given_array_is_not_changed():
    before = X.copy()
    track(clip=1.0, soft_clip=0.5, scale=3.0, log1p=True).transformed(X)
    np.testing.assert_array_equal(X, before)


def test_partners_become_the_declared_action():
    import torch

    tracks = [
        track("plus", partner="minus"),
        track("atac"),
        track("minus", partner="plus"),
        track("self", partner="self"),
    ]
    assert partners(tracks) == [2, 1, 0, 3]
    y = torch.arange(8.0).reshape(1, 4, 2)
    assert target_of(tracks).act(y)[0].tolist() == [[5, 4], [3, 2], [1, 0], [7, 6]]


@pytest.mark.parametrize(
    ("tracks", "message"),
    [
        ([], "no track is given"),
        ([track("a"), track("b"), track("a", path=Path("c.bw"))], r"2 tracks are named 'a' \(a.bw, c.bw\)"),
        ([track("a", partner="b")], "partner 'b', which is not listed; the tracks are 'a'"),
        ([track("a", partner="b"), track("b")], "partner 'b', whose partner is 'itself'"),
        ([track("a", partner="b"), track("b", partner="c"), track("c", partner="b")], "whose partner is 'c'"),
        ([track("a", partner="b", clip=3.0), track("b", partner="a")], "are read with different"),
        ([track("a", path=None)], "track 'a' has no bigWig"),
        ([track("a"), track("b", path=None, peaks=Path("b.bed"))], "track 'b' has no bigWig"),
        ([track("a", scale=0.0)], "scale 0.0"),
        ([track("")], "a name of letters"),
    ],
)
def test_declarations_that_contradict_themselves_are_refused(tracks, message):
    with pytest.raises(InputError, match=message):
        check_tracks(tracks)


def test_everything_wrong_is_said_at_once():
    with pytest.raises(InputError) as error:
        check_tracks([track("a", partner="b"), track("c", scale=-1.0), track("c")])
    assert all(
        text in str(error.value) for text in ("3 problems", "partner 'b'", "scale -1.0", "2 tracks are named 'c'")
    )
