"""Trees: their distances, their shapes, their text."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from palindra.data.phylogenies import (
    SHAPES,
    Tree,
    caterpillar_tree,
    clade_labels,
    clade_tree,
    coalescent_tree,
    parse_newick,
    read_newick,
    star_tree,
    yule_tree,
)
from palindra.errors import InputError


def path_length(tree: Tree, one: int, other: int) -> float:
    """Independent of the tree's own sums: steps towards the root until both meet."""
    total = 0.0
    while one != other:
        deeper = max(one, other)  # a parent has the smaller number
        total += float(tree.lengths[deeper])
        one, other = (int(tree.parents[node]) if node == deeper else node for node in (one, other))
    return total


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("leaves", [2, 3, 7, 20])
def test_distances_are_path_lengths_and_four_point_additive(shape, leaves):
    tree = SHAPES[shape](leaves, 3)
    assert len(tree.leaves) == leaves
    assert len(set(tree.leaf_names)) == leaves
    d = tree.leaf_distances()
    for i, j in combinations(range(leaves), 2):
        assert np.isclose(d[i, j], path_length(tree, int(tree.leaves[i]), int(tree.leaves[j])))
    for a, b, c, e in combinations(range(leaves), 4):
        sums = sorted([d[a, b] + d[c, e], d[a, c] + d[b, e], d[a, e] + d[b, c]])
        assert np.isclose(sums[1], sums[2])


@pytest.mark.parametrize("shape", SHAPES)
def test_trees_are_ultrametric_seeded_and_round_trip(shape):
    tree = SHAPES[shape](9, 5)
    assert np.allclose(tree.depths[tree.leaves], 1.0)
    assert str(tree) == str(SHAPES[shape](9, 5))
    again = parse_newick(str(tree))
    order = [again.leaf_names.index(name) for name in tree.leaf_names]
    assert np.allclose(again.leaf_distances()[np.ix_(order, order)], tree.leaf_distances(), rtol=1e-12)
    assert np.allclose(tree.scaled(2.5).leaf_distances(), 2.5 * tree.leaf_distances())


@pytest.mark.parametrize("grow", [yule_tree, coalescent_tree])
def test_random_trees_depend_on_their_seed(grow):
    assert str(grow(9, 1)) != str(grow(9, 2))


def test_the_two_oldest_lineages_of_a_coalescent_take_half_of_its_time():
    """E[T_2] = 1 and E[sum T_k] = 2 (1 - 1/n) before scaling: the ratio of means is n / (2 (n - 1))."""
    shares = []
    for seed in range(300):
        tree = coalescent_tree(10, seed)
        shares.append(tree.depths[1:][np.isin(np.arange(1, len(tree.parents)), tree.parents)].min())
    assert 0.42 < np.mean(shares) < 0.56  # of the scaled tree; the mean of a ratio is near the ratio of means


def test_yule_branches_have_the_mean_lengths_of_the_process():
    """While there are k lineages the next event takes 1/k on average: heights sum over k = 2..n."""
    rng_heights = []
    for seed in range(400):
        tree = yule_tree(6, seed)
        splits = np.sort(tree.depths[np.isin(np.arange(len(tree.parents)), tree.parents)])
        rng_heights.append(np.diff([*splits, 1.0]))
    means = np.mean(rng_heights, axis=0)
    expected = 1 / np.arange(2, 7)
    assert np.allclose(means / means.sum(), expected / expected.sum(), atol=0.03)


def test_caterpillar_and_star_by_hand():
    assert caterpillar_tree(4).scaled(3).leaf_distances().tolist() == [
        [0, 6, 6, 6],
        [6, 0, 4, 4],
        [6, 4, 0, 2],
        [6, 4, 2, 0],
    ]
    assert (star_tree(5).leaf_distances() == 2 * (1 - np.eye(5))).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_clades_hang_on_a_backbone(shape):
    tree, clade = clade_tree(SHAPES[shape], 4, 5, height=0.8, within=0.25, seed=2)
    assert np.bincount(clade).tolist() == [5] * 4
    d = tree.leaf_distances()
    same = clade[:, None] == clade
    assert d[same].max() <= 2 * 0.25 * 0.8 + 1e-12
    assert d[~same].min() >= 2 * 0.25 * 0.8 - 1e-12
    assert np.isclose(tree.height, 0.8)


def test_a_tree_is_cut_into_clades():
    tree = parse_newick("((a,b),(c,d),(e,(f,g)));")
    assert clade_labels(tree, 3).tolist() == [0, 0, 1, 1, 2, 2, 2]
    with pytest.raises(InputError, match="leaf 'e' alone has 1 member, but 2 are needed"):
        clade_labels(tree, 4)
    with pytest.raises(InputError, match="leaf 'leaf1' alone"):
        clade_labels(caterpillar_tree(6), 2)
    with pytest.raises(InputError, match="ask for fewer"):
        clade_labels(tree, 8, least=1)


def test_newick_of_the_wild():
    tree = parse_newick("[a comment] (\n 'it''s (a)':1e-1 , under_score:2,(x:0,y:3)inner:1.5 ) root:9 ;")
    assert tree.leaf_names == ("it's (a)", "under score", "x", "y")
    assert tree.leaf_distances()[0].tolist() == [0.0, 2.1, 1.6, 4.6]
    assert parse_newick(str(tree)).leaf_names == tree.leaf_names
    assert parse_newick("(a,(b,c));").leaf_distances()[0].tolist() == [0, 3, 3]
    deep = "(" * 3000 + "a" + "".join(f",b{n})" for n in range(3000)) + ";"
    assert len(parse_newick(deep).leaves) == 3001


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("(a,b", "line 1 column 5", "end of the text"),
        ("(a,b));", "line 1 column 6", "')' does not fit"),
        ("((a,b);", "line 1 column 7", "1 bracket is not closed"),
        ("(a:1,\nb:x);", "line 2 column 3", "no branch length"),
        ("(a:1,b:-2);", "line 1 column 8", "no branch length"),
        ("(a:1,b:nan);", "line 1 column 8", "no branch length"),
        ("(a:1,b);", "line 1 column 6", "has no length"),
        ("(a,\n\n  a);", "line 3 column 3", "stands at tree line 1 column 2 already"),
        ("(a,,b);", "line 1 column 4", "a leaf without a name"),
        ("(a,b); (c,d);", "line 1 column 8", "more text after the end"),
        ("(a b,c);", "line 1 column 4", "'b' does not fit"),
        ("('a,b);", "line 1 column 2", "not closed"),
        ("(a,b[c);", "line 1 column 5", "not closed"),
        ("a;", "tree", "two are needed"),
        (";", "line 1 column 1", "without a name"),
        ("", "line 1 column 1", "end of the text"),
    ],
)
def test_broken_newick_names_line_and_column(text, place, says):
    with pytest.raises(InputError) as error:
        parse_newick(text)
    assert place in str(error.value)
    assert says in str(error.value)


def test_a_file_is_named(tmp_path):
    path = tmp_path / "bad.nwk"
    path.write_text("(a,b\n")
    with pytest.raises(InputError, match=r"bad\.nwk line 1 column 5"):
        read_newick(path)


def test_impossible_trees_are_refused():
    with pytest.raises(ValueError, match="parent before its children"):
        Tree(np.array([-1, 2, 0]), np.zeros(3), ("", "a", "b"))
    with pytest.raises(ValueError, match="branch above node 1 has length -1"):
        Tree(np.array([-1, 0, 0]), np.array([0, -1.0, 1]), ("", "a", "b"))
    with pytest.raises(ValueError, match="one each"):
        Tree(np.array([-1, 0, 0]), np.zeros(2), ("", "a", "b"))
    with pytest.raises(ValueError, match="at least 2"):
        yule_tree(1, 0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        clade_tree(yule_tree, 2, 2, height=1, within=1.0, seed=0)
