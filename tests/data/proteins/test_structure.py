"""Chains and contacts from PDB and mmCIF, small ones written here, and what is refused with file and line."""

from io import StringIO
from itertools import pairwise

import numpy as np
import pytest

from palindra.data.proteins import contact_map, read_structure
from palindra.errors import InputError


def atom(serial, name, residue, number, place, *, chain="A", record="ATOM", altloc=" ", occupancy=1.0, insertion=" "):
    x, y, z = place
    return (
        f"{record:6}{serial:5} {name:^4}{altloc}{residue:3} {chain}{number:4}{insertion}   "
        f"{x:8.3f}{y:8.3f}{z:8.3f}{occupancy:6.2f}{10:6.2f}          {name[0]:>2}"
    )


def pdb(residues, **options):
    """Residues as (three letters, number, x of C-alpha); C-beta stands 1.5 above."""
    lines = []
    for residue, number, x in residues:
        lines.append(atom(len(lines) + 1, "CA", residue, number, (x, 0, 0), **options))
        if residue != "GLY":
            lines.append(atom(len(lines) + 1, "CB", residue, number, (x, 1.5, 0), **options))
    return "\n".join([*lines, "END"]) + "\n"


HELIX = [("ALA", 5, 0.0), ("GLY", 6, 3.8), ("TRP", 7, 7.6), ("SER", 8, 11.4)]


@pytest.fixture
def write(tmp_path):
    def written(text, name="a.pdb"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return written


def test_residues_and_contacts_known_by_hand(write):
    chain = read_structure(write(pdb(HELIX)))
    assert (chain.name, chain.sequence, chain.numbers.tolist()) == ("A", "AGWS", [5, 6, 7, 8])
    np.testing.assert_allclose(chain.beta[:, 1], [1.5, 0, 1.5, 1.5], atol=1e-6)  # glycine has its C-alpha
    found = contact_map(chain)
    assert found.contacts.astype(int).tolist() == [[1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1], [0, 1, 1, 1]]
    assert found.known.all()
    assert contact_map(chain, atom="alpha").distances[0, 3] == pytest.approx(11.4, abs=1e-5)
    assert not contact_map(chain, atom="alpha", below=3.8 - 1e-3).contacts[0, 1]


def test_mmcif_gives_the_same_chain(write):
    from biotite.structure.io import pdb as biotite_pdb
    from biotite.structure.io import pdbx

    text = pdb(HELIX)
    file, out = pdbx.CIFFile(), StringIO()
    pdbx.set_structure(file, biotite_pdb.PDBFile.read(StringIO(text)).get_structure(model=1))
    file.write(out)
    first, second = read_structure(write(text)), read_structure(write(out.getvalue(), "a.cif"))
    assert first.sequence == second.sequence
    np.testing.assert_array_equal(first.numbers, second.numbers)
    np.testing.assert_allclose(first.beta, second.beta)


def test_the_most_occupied_place_counts_and_selenomethionine_is_methionine(write):
    lines = [
        atom(1, "CA", "MSE", 1, (0, 0, 0), record="HETATM", altloc="A", occupancy=0.4),
        atom(2, "CA", "MSE", 1, (1, 0, 0), record="HETATM", altloc="B", occupancy=0.6),
        atom(3, "CB", "MSE", 1, (0, 1, 0), record="HETATM", altloc="A", occupancy=0.5),
        atom(4, "CB", "MSE", 1, (1, 1, 0), record="HETATM", altloc="B", occupancy=0.5),
        atom(5, "O", "HOH", 90, (9, 9, 9), record="HETATM"),
    ]
    chain = read_structure(write("\n".join(lines) + "\n"))
    assert chain.sequence == "M"
    assert chain.alpha.tolist() == [[1, 0, 0]]
    assert chain.beta.tolist() == [[0, 1, 0]]


def test_only_the_first_model_is_read(write):
    text = pdb(HELIX).replace("END\n", "")
    other = pdb([(name, number, x + 50) for name, number, x in HELIX]).replace("END\n", "")
    both = f"MODEL        1\n{text}ENDMDL\nMODEL        2\n{other}ENDMDL\nEND\n"
    assert read_structure(write(both)).alpha[0, 0] == 0


def test_what_the_numbering_leaves_out_is_masked_and_separations_stay_true(write):
    gapped = [HELIX[0], HELIX[1], ("TRP", 9, 15.2), ("SER", 10, 19.0)]
    path = write(pdb(gapped))
    with pytest.raises(InputError, match=r"a\.pdb line 4: the numbering goes from GLY 6 to TRP 9: 2 residue\(s\)"):
        read_structure(path)
    chain = read_structure(path, missing="mask")
    assert chain.sequence == "AGXXWS"
    assert chain.numbers.tolist() == [5, 6, 7, 8, 9, 10]
    found = contact_map(chain)
    assert np.flatnonzero(~found.known.any(axis=0)).tolist() == [2, 3]
    assert not found.contacts[2:4].any()


def test_a_jump_between_bonded_residues_is_no_gap(write):
    chain = read_structure(write(pdb([HELIX[0], ("GLY", 60, 3.8), ("TRP", 12, 7.6)])))
    assert chain.sequence == "AGW"


def test_insertion_codes_are_residues_of_their_own(write):
    lines = [
        atom(1, "CA", "GLY", 5, (0, 0, 0)),
        atom(2, "CA", "GLY", 5, (3.8, 0, 0), insertion="A"),
        atom(3, "CA", "GLY", 6, (7.6, 0, 0)),
    ]
    assert read_structure(write("\n".join(lines) + "\n")).sequence == "GGG"


def test_a_missing_atom_names_residue_and_line_and_can_be_masked(write):
    text = "\n".join(line for line in pdb(HELIX).splitlines() if not ("CB" in line and "TRP" in line)) + "\n"
    path = write(text)
    with pytest.raises(InputError, match=r"a\.pdb line 4: residue TRP 7 has no C-beta atom"):
        read_structure(path)
    chain = read_structure(path, missing="mask")
    assert chain.sequence == "AGWS"
    assert contact_map(chain).known.any(axis=0).tolist() == [True, True, False, True]
    assert contact_map(chain, atom="alpha").known.all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("HEADER nothing\n", "has no line ATOM"),
        (pdb([("ALA", 5, 0.0), ("GLY", 2, 50.0)]), r"line 3: the numbering goes from ALA 5 to GLY 2 without a bond"),
        (pdb([("ALA", 5, 0.0), ("GLY", 6, 3.8), ("ALA", 5, 7.6)]), r"line 4: residue ALA 5 .* came before, on line 1"),
        (pdb(HELIX).replace("   3.800", "   3.8x0"), r"line 3: '   3.8x0' in columns 31 to 38 is not the x"),
        (pdb([("DA", 1, 0.0)]), "line 1: residue DA 1 is no amino acid"),
        (pdb([("HOH", 1, 0.0)], record="HETATM"), "has no amino acid among its 2 atoms"),
        ("data_x\nloop_\n_atom_site.group_PDB\nATOM\nATOM\n", "cannot be read as mmCIF"),
    ],
)
def test_broken_structures_name_the_line(write, text, message):
    with pytest.raises(InputError, match=message):
        read_structure(write(text))


def test_one_of_several_chains_must_be_named(write):
    path = write(pdb(HELIX).replace("END\n", "") + pdb(HELIX[:2], chain="B"))
    with pytest.raises(InputError, match="no chain is named; its chains are 'A', 'B'"):
        read_structure(path)
    with pytest.raises(InputError, match="no protein chain 'C'"):
        read_structure(path, "C")
    assert read_structure(path, "B").sequence == "AG"


def test_contacts_are_symmetric_and_agree_with_a_loop(write):
    random = np.random.default_rng(3)
    places = np.cumsum(random.normal(size=(12, 3)), axis=0) * 3
    lines = [atom(i + 1, "CA", "GLY", i + 1, place) for i, place in enumerate(places)]
    text = "\n".join(lines) + "\n"
    chain = read_structure(write(text), missing="mask")
    found = contact_map(chain)
    for i in range(12):
        for j in range(12):
            assert found.contacts[i, j] == (np.sqrt(((chain.beta[i] - chain.beta[j]) ** 2).sum()) < 8)
    assert all(b - a == 1 for a, b in pairwise(chain.numbers))
