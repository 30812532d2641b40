"""Trees from Newick text."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from palindra.data.files import read_text
from palindra.data.phylogenies.tree import Tree
from palindra.errors import InputError

_TOKEN = re.compile(r"\s+|\[[^\]]*\]|'(?:[^']|'')*'|[(),:;]|[^\s()\[\]',:;]+|.", re.DOTALL)


class _Token(NamedTuple):
    text: str
    place: str


def read_newick(path: str | Path) -> Tree:
    """The tree of a file in Newick format, gzipped or not.

    Raises:
        InputError: for whatever is not a tree, with file, line and column; also for a second tree in the file.
    """
    file = read_text(path)
    return parse_newick("\n".join(file.lines), source=file.name)


def parse_newick(text: str, *, source: str = "tree") -> Tree:
    """The tree that a Newick text describes.

    Names may be quoted ('it''s'), comments stand in brackets, an underscore outside of quotes is a space. Branches
    without a length have length 1 where no branch has one, else a length is needed for each but the root's; the length
    of the root's branch is left out.

    Args:
        text: with its semicolon.
        source: what it is called in errors.

    Raises:
        InputError: with line and column.

    Examples:
        >>> parse_newick("(a:1,(b:.5,c:.5)x:1);").leaf_distances().tolist()
        [[0.0, 2.5, 2.5], [2.5, 0.0, 1.0], [2.5, 1.0, 0.0]]
        >>> parse_newick("(a:1,b:2;")
        Traceback (most recent call last):
        palindra.errors.InputError: tree line 1 column 9: ';' where ')' is needed: 1 bracket is not closed.
    """
    tokens = _tokens(text, source)
    parents, names, lengths, places = [-1], [""], [math.nan], ["root"]
    node, place, closed = 0, 0, False
    open_nodes: list[int] = []
    while True:
        token = tokens[place]
        place += 1
        if token.text == "(" and not closed and not names[node] and math.isnan(lengths[node]):
            open_nodes.append(node)
            node = _add(node, parents, names, lengths, places, token.place)
        elif token.text in (",", ")") and open_nodes:
            _need_leaf(names[node], closed, token)
            node = open_nodes[-1]
            closed = token.text == ")"
            if closed:
                open_nodes.pop()
            else:
                node = _add(node, parents, names, lengths, places, token.place)
        elif token.text == ":" and math.isnan(lengths[node]):
            lengths[node] = _length(tokens[place])
            place += 1
        elif token.text == ";":
            _need_end(open_nodes, tokens[place], token)
            _need_leaf(names[node], closed, token)
            break
        elif token.text not in ("(", ")", ",", ":", "") and not names[node] and math.isnan(lengths[node]):
            names[node] = _name(token.text)
            places[node] = token.place
        else:
            shown = repr(token.text) if token.text else "the end of the text"
            raise InputError(
                f"{token.place}: {shown} does not fit here. Newick is written like ((a:1,b:1):2,c:3); with one name "
                "and one length for each node."
            )
    return _tree(parents, names, lengths, places, source)


def _tree(parents: list[int], names: list[str], lengths: list[float], places: list[str], source: str) -> Tree:
    lengths[0] = 0.0
    known = [not math.isnan(length) for length in lengths[1:]]
    if not any(known):
        lengths[1:] = [1.0] * len(known)
    elif not all(known):
        node = 1 + known.index(False)
        raise InputError(
            f"{places[node]}: the branch of {names[node] or 'an inner node'!r} has no length, but others have one: "
            "give all or none."
        )
    tree = Tree(np.array(parents, dtype=np.int64), np.array(lengths), tuple(names))
    seen: dict[str, str] = {}
    for leaf in tree.leaves:
        if names[leaf] in seen:
            raise InputError(f"{places[leaf]}: leaf {names[leaf]!r} stands at {seen[names[leaf]]} already. Rename one.")
        seen[names[leaf]] = places[leaf]
    if len(tree.leaves) < 2:
        raise InputError(f"{source}: a tree of {len(tree.leaves)} leaf; at least two are needed.")
    return tree


def _tokens(text: str, source: str) -> list[_Token]:
    found: list[_Token] = []
    line, start = 1, 0
    for match in _TOKEN.finditer(text):
        token = match.group()
        place = f"{source} line {line} column {match.start() - start + 1}"
        if token in ("'", "[", "]"):
            raise InputError(f"{place}: {token} is not closed, or was never opened.")
        if not token.isspace() and not token.startswith("["):
            found.append(_Token(token, place))
        if "\n" in token:
            line += token.count("\n")
            start = match.start() + token.rindex("\n") + 1
    end = _Token("", f"{source} line {line} column {len(text) - start + 1}")
    return [*found, end, end]


def _add(parent: int, parents: list[int], names: list[str], lengths: list[float], places: list[str], place: str) -> int:
    parents.append(parent)
    names.append("")
    lengths.append(math.nan)
    places.append(place)
    return len(parents) - 1


def _length(token: _Token) -> float:
    try:
        value = float(token.text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise InputError(f"{token.place}: {token.text!r} is no branch length; a number of 0 or more is needed.")
    return value


def _need_leaf(name: str, closed: bool, token: _Token) -> None:
    if not name and not closed:
        raise InputError(f"{token.place}: a leaf without a name before {token.text!r}. Every leaf needs one.")


def _need_end(open_nodes: list[int], following: _Token, token: _Token) -> None:
    if open_nodes:
        many = f"{len(open_nodes)} brackets are" if len(open_nodes) > 1 else "1 bracket is"
        raise InputError(f"{token.place}: ';' where ')' is needed: {many} not closed.")
    if following.text:
        raise InputError(f"{following.place}: more text after the end of the tree; one tree in a file is read.")


def _name(text: str) -> str:
    return text[1:-1].replace("''", "'") if text.startswith("'") else text.replace("_", " ")
