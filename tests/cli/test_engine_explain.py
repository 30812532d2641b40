"""``palindra explain`` with workers: the same files, and nothing made twice."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from palindra.cli.explain import blocks, importance, searching, sharing
from palindra.cli.explain.finding import Candidate
from palindra.cli.explain.methods import METHODS
from palindra.cli.explain.running import explain, units_of
from palindra.cli.explain.settings import Settings
from palindra.cli.explain.sharing import Place
from palindra.cli.explain.subject import open_subject
from palindra.engine import make_engine
from palindra.errors import InputError
from palindra.interpretation.attribution import attribute
from palindra.interpretation.motifs import Motif, Pattern
from palindra.interpretation.motifs.modisco import Seqlet
from palindra.interpretation.reliability import layers_in_order, randomise
from palindra.models.embeddings import embeddings
from palindra.sequences import one_hot

FIELDS = ("one_hot", "values", "hypothetical", "positions", "outputs")


@pytest.fixture
def codes() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 5, (70, 30)).astype(np.uint8)  # more than are read at a time, and N


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(make_engine(), tmp_path / "units", lambda _: None)


def opened(run: Path, *, both_strands: bool = False):
    return open_subject(run, name=None, contribution="total", both_strands=both_strands)


def whole(subject, codes, method: str = "deeplift", seed: int = 0, *, other: bool = False):
    return attribute(
        subject.network,
        one_hot(codes).float(),
        method=METHODS[method].make(seed),
        output=subject.of_strand(other=other),
        reading=subject.reading,
    )


@pytest.mark.parametrize("method", ["deeplift", "smoothgrad", "input-x-gradient"])
@pytest.mark.parametrize("both", [False, True])
def test_blocks_have_the_maps_of_the_whole(trained, codes, place, monkeypatch, method: str, both: bool):
    settings = Settings(method=method, both_strands=both, seed=3)
    subject = opened(trained("binary", "none"), both_strands=both)
    right = whole(subject, codes, method, 3)
    wanted = {"maps": blocks.maps_of("maps", subject, codes, settings)}
    found = blocks.make(wanted, place)["maps"]
    for name in FIELDS:
        assert torch.equal(found[name], getattr(right, name)), name
    assert ("delta" in found) is (right.delta is not None)
    monkeypatch.setattr(blocks, "attribute", None)  # what is done is not done again
    assert torch.equal(blocks.make(wanted, place)["maps"]["values"], right.values)


def test_maps_of_other_strands_methods_and_random_weights_are_those_of_the_same_names(trained, codes, place):
    subject, settings = (
        opened(trained("pair", "regular", "--label-columns", "plus,minus", "--target", "1,0")),
        Settings(),
    )
    layers = layers_in_order(subject.network, one_hot(codes[:1]).float())[-1:]
    few = codes[:3]
    wanted = {
        "other": blocks.maps_of("", subject, few, settings, other=True),
        "method": blocks.maps_of("", subject, few, settings, method="saliency"),
        "random": blocks.maps_of("", subject, few, settings, method="saliency", random=layers),
        "again": blocks.maps_of("", subject, few, settings, method="saliency"),  # is made once
        "vectors": blocks.vectors_of("", subject, codes, settings),
    }
    made = blocks.make(wanted, place)
    assert torch.equal(made["other"]["values"], whole(subject, few, other=True).values)
    assert torch.equal(made["method"]["values"], whole(subject, few, "saliency").values)
    assert torch.equal(made["again"]["values"], made["method"]["values"])
    random = attribute(
        randomise(subject.network, layers, 0), one_hot(few).float(), method=METHODS["saliency"].make(0),
        output=subject.output,
    )  # fmt: skip
    assert torch.equal(made["random"]["values"], random.values)
    assert not torch.equal(made["random"]["values"], made["method"]["values"])
    right = embeddings(subject.core, one_hot(codes), both_strands=True, batch_size=64)
    assert torch.equal(made["vectors"]["vectors"], right)


def test_rows_are_explained_by_their_number(trained, codes):
    subject = opened(trained("binary", "none"))
    x, method = one_hot(codes[:6]).float(), METHODS["deeplift"].make(0)
    right = attribute(subject.network, x, method=method, output=subject.output)
    for first, close in ((4, True), (0, False)):
        part = attribute(subject.network, x[4:], method=method, output=subject.output, first_row=first)
        assert torch.allclose(part.values, right.values[4:], atol=1e-6) is close


def test_a_run_that_was_changed_is_refused(trained, codes, place, monkeypatch):
    subject = opened(trained("binary", "none"))
    hashes = iter(("of the run", "of another one"))
    monkeypatch.setattr(sharing, "hash_file", lambda path: next(hashes))
    with pytest.raises(InputError, match="is not the run that the command began with"):
        blocks.make({"maps": blocks.maps_of("", subject, codes[:3], Settings())}, place)


def test_patterns_come_back_as_they_were_found(trained, codes, place, monkeypatch):
    rng = np.random.default_rng(0)
    chances = rng.dirichlet([0.3] * 4, 7)
    found = Pattern(Motif("pos_0", chances, 2), -1, rng.normal(size=(7, 4)), rng.normal(size=(7, 4)), [
        Seqlet(0, 3, 10, "+", 1 / 3), Seqlet(65, 5, 12, "-", -0.5)])  # fmt: skip
    seen = []
    monkeypatch.setattr(searching, "discover_patterns", lambda *given, **_: seen.append(given) or [found])
    wanted = blocks.maps_of("maps", opened(trained("binary", "none")), codes, Settings(method="saliency"))
    made = blocks.make({"maps": wanted}, place)["maps"]
    again = searching.patterns({"maps": wanted}, Settings(), place)["maps"][0]
    assert torch.equal(seen[0][0], made["one_hot"])
    assert torch.equal(seen[0][1], made["hypothetical"])
    assert (again.motif.name, again.motif.sites, again.sign, again.seqlets) == ("pos_0", 2, -1, found.seqlets)
    for one, other in zip(
        (again.motif.chances, again.contributions, again.hypothetical),
        (chances, found.contributions, found.hypothetical),
        strict=True,
    ):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("given", [False, True])
def test_parts_of_importance_do_not_need_each_other(trained, codes, place, given: bool):
    """Parts in turned order, each in a folder of its own, are what the whole is made of."""
    subject = opened(trained("binary", "regular"))
    candidates = [Candidate("one", "TGACGCA", "TGACGCA"), Candidate("two", "GATA", "GATA")]
    own = codes[:9] if given else None
    found = importance.measure(subject, candidates, codes, own, Settings(seed=2), place)
    assert ("given" in found.backgrounds) is given
    assert list(found.patterns) == ["one", "two"]
    assert [len(one.distances) for one in found.pairs] == [2]
    assert found.tables.keys() >= {"patterns", "flanks", "positions", "copies", "orientations", "cooperativity"}
    parts = sorted(place.folder.glob("*/done.json"), reverse=True)
    values = [json.loads(path.read_text())["values"] for path in parts]
    assert len(values) == len(importance.PARTS)
    best = max((scan for one in values for scan in one["scans"]), key=lambda scan: scan["best"])
    assert found.pairs[0].sentence == best["pair"]["sentence"]
    assert [one["name"] for one in best["orientations"]] == [one.name for one in found.tables["orientations"]]


QUICK = ["--max-sequences", 8, "--compare-methods", "corrected-gradient", "--method", "input-x-gradient", "--no-motifs"]
FEW = Settings(
    max_sequences=8, compare_methods=("corrected-gradient",), method="input-x-gradient", every=True,
    search_motifs=False,
)  # fmt: skip


def test_the_command_writes_the_same_folder(palindra, trained, files, tmp_path: Path):
    torch.set_num_threads(1)
    other = trained("binary", "none", "--seed", "1")
    given = ["explain", trained("binary", "none"), "--input", files / "binary.tsv", "--all", *QUICK, "--also", other]
    for name, more in (("one", []), ("two", ["--workers", 2])):
        result = palindra(*given, "-o", tmp_path / name, *more)
        assert result.code == 0, result.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]
    names = [
        sorted(path.relative_to(tmp_path / one) for path in (tmp_path / one).rglob("*.*")) for one in ("one", "two")
    ]
    assert names[0] == names[1]
    for name in names[0]:
        one, two = ((tmp_path / folder / name).read_bytes() for folder in ("one", "two"))
        if name.name == "explanation.json":
            one, two = ({**json.loads(text), "provenance": {}} for text in (one, two))
        assert one == two or name.name == "explanation.html", name
    result = palindra(*given, "-o", tmp_path / "three", "--address", "auto")
    assert result.code == 2
    assert "the local engine has no address" in result.err


def test_a_killed_command_goes_on_with_what_is_not_done(trained, files, tmp_path: Path, monkeypatch):
    run, output = trained("binary", "regular"), tmp_path / "out"

    def command(path: Path) -> None:
        explain(run, files / "binary.tsv", path, FEW, command="", say=str)

    with monkeypatch.context() as killed:
        killed.setitem(importance.PARTS, "copies", killing)
        with pytest.raises(KeyboardInterrupt):
            command(output)
    assert not output.exists()
    done = {path.parent.name for path in units_of(output).glob("*/done.json")}
    assert len(done) > len(importance.PARTS)
    for module, name in ((blocks, "attribute"), (blocks, "embeddings")):
        monkeypatch.setattr(module, name, None)
    for name in ("patterns", "strands", "flanks", "positions"):
        monkeypatch.setitem(importance.PARTS, name, None)
    command(output)
    assert not units_of(output).exists()
    monkeypatch.undo()
    command(tmp_path / "whole")
    for path in (tmp_path / "whole").glob("*.tsv"):
        assert path.read_bytes() == (output / path.name).read_bytes(), path.name


def killing(*_: object) -> None:
    raise KeyboardInterrupt
