"""The picture of a contact map: predictions above the diagonal, the truth below it."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from palindra.report.axes import BOTTOM, LEFT, RIGHT, TOP
from palindra.report.contact_figure import contact_picture


def squares(picture, colour: str) -> list[tuple[float, float]]:
    """Middles of the runs of one colour, in residues."""
    found = []
    for path in ElementTree.fromstring(str(picture)).iter("path"):
        if path.get("fill") == colour:
            for left, bottom, right, top in re.findall(r"M([\d.]+) ([\d.]+)H([\d.]+)V([\d.]+)H", path.get("d") or ""):
                found.append(((float(left) + float(right)) / 2, (float(bottom) + float(top)) / 2))
    return found


def place(i: int, j: int, length: int) -> tuple[float, float]:
    """Where the pair of residues i and j (from 0) should stand."""
    return (
        LEFT + (RIGHT - LEFT) * (i + 0.5) / length,
        BOTTOM - (BOTTOM - TOP) * (j + 0.5) / length,
    )


def test_right_and_wrong_predictions_stand_above_and_contacts_below():
    probabilities, contacts = np.zeros((20, 20)), np.zeros((20, 20), bool)
    probabilities[2, 12], probabilities[3, 15], probabilities[0, 1] = 0.9, 0.6, 1.0
    contacts[2, 12] = contacts[5, 19] = True
    picture = contact_picture(probabilities, contacts)
    assert squares(picture, "var(--series-0)") == [pytest.approx(place(2, 12, 20), abs=0.1)]
    assert squares(picture, "var(--series-1)") == [pytest.approx(place(3, 15, 20), abs=0.1)]
    assert sorted(squares(picture, "var(--text)")) == [
        pytest.approx(place(12, 2, 20), abs=0.1),
        pytest.approx(place(19, 5, 20), abs=0.1),
    ]


def test_the_more_probable_the_stronger():
    probabilities = np.zeros((20, 20))
    probabilities[0, 10], probabilities[1, 12] = 0.2, 0.95
    picture = ElementTree.fromstring(str(contact_picture(probabilities, np.zeros((20, 20)))))
    drawn = [float(path.get("fill-opacity")) for path in picture.iter("path") if path.get("fill") == "var(--series-1)"]
    assert drawn == sorted(drawn)
    assert len(drawn) == 2
    assert drawn[-1] == 1


def test_what_the_structure_does_not_show_is_grey_on_both_sides_and_nothing_else():
    known = np.ones((20, 20), bool)
    known[4] = known[:, 4] = False
    full = np.ones((20, 20))
    picture = contact_picture(full, full, known)
    grey = squares(picture, "var(--line)")
    assert grey
    assert all(abs(x - place(4, 4, 20)[0]) < 0.1 or abs(y - place(4, 4, 20)[1]) < 0.1 for x, y in grey)


def test_the_description_is_escaped_and_an_empty_map_can_be_drawn():
    picture = contact_picture(np.zeros((8, 8)), np.zeros((8, 8)), title='<b>"')
    assert "<b>" not in picture
    assert "0 contacts" in picture


def test_maps_of_other_sizes_are_refused():
    with pytest.raises(ValueError, match="square and of one size"):
        contact_picture(np.zeros((8, 8)), np.zeros((9, 9)))
