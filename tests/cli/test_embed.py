"""palindra embed: every kind of file, pools, tiles, names and what is refused."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from palindra.cli.embedding import running
from palindra.models.caduceus import Caduceus, CaduceusConfig, save_caduceus
from palindra.models.strand_lm import StrandLM, StrandLMConfig
from palindra.models.strand_lm.opening import open_language_model
from palindra.models.strand_lm.reading import read_both
from palindra.models.strand_lm.saving import save
from palindra.models.strand_lm.tiling import read_in_tiles, tile_starts, tile_weights
from palindra.sequences import reverse_complement
from palindra.sequences.vocabulary import VOCABULARY

SEQUENCES = {"one first": "ACGTTGCATCG", "two": "GGATTNN", "three": "TTTACGCACGT", "vier": "acgtacgta"}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one of each kind."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    save_caduceus(folder / "caduceus", Caduceus(CaduceusConfig(width=8, depth=1, state_size=2)))
    sizes = {"width": 8, "depth": 1, "heads": 2, "key_size": 4, "feed_forward": 1.0, "window": 5, "stem_kernel": 3}
    for mixer in ("tied", "untied"):
        save(folder / mixer, StrandLM(StrandLMConfig(mixer=mixer, **sizes)))  # type: ignore[arg-type]
    return folder


@pytest.fixture(params=["tied", "untied", "caduceus"])
def each(request: pytest.FixtureRequest, models: Path) -> Path:
    """Each kind in turn."""
    return models / request.param


@pytest.fixture
def model(models: Path) -> Path:
    """One of them."""
    return models / "untied"


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    path = tmp_path / "seqs.fa"
    path.write_text("".join(f">{name}\n{text}\n" for name, text in SEQUENCES.items()))
    return path


class Stored(NamedTuple):
    embeddings: np.ndarray
    ids: list[str]
    offsets: list[int] | None
    provenance: dict[str, Any]


def read(path: Path) -> Stored:
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            offsets = file["offsets"].tolist() if "offsets" in file else None
            return Stored(file["embeddings"], file["ids"].tolist(), offsets, json.loads(str(file["provenance"])))
    if path.suffix == ".zarr":
        zarr = pytest.importorskip("zarr")
        group = zarr.open_group(str(path), mode="r")
        offsets = group["offsets"][:].tolist() if "offsets" in group else None
        return Stored(group["embeddings"][:], list(group["ids"][:]), offsets, dict(group.attrs))
    h5py = pytest.importorskip("h5py")
    with h5py.File(path) as file:
        offsets = file["offsets"][:].tolist() if "offsets" in file else None
        ids = [name.decode() for name in file["ids"][:]]
        return Stored(file["embeddings"][:], ids, offsets, json.loads(file.attrs["provenance"]))


def tokens(text: str) -> Tensor:
    return torch.from_numpy(VOCABULARY.encode(text)).long()[None]


@pytest.mark.parametrize("suffix", ["npz", "zarr", "h5"])
def test_every_kind_of_file_holds_every_position(palindra, each: Path, fasta: Path, tmp_path: Path, suffix: str):
    if suffix != "npz":
        pytest.importorskip({"zarr": "zarr", "h5": "h5py"}[suffix])
    output = tmp_path / f"out.{suffix}"
    for _ in range(2):  # a file that is there is replaced
        result = palindra("embed", each, fasta, "--out", output, "--pool", "position")
        assert result.code == 0, result.err
    assert "4 sequences  38 rows of 8 features" in result.out
    stored = read(output)
    assert stored.ids == list(SEQUENCES)
    assert stored.offsets == [0, 11, 18, 29, 38]
    network = open_language_model(each)
    for number, text in enumerate(SEQUENCES.values()):
        start, stop = stored.offsets[number : number + 2]
        with torch.no_grad():
            expected = read_both(network, tokens(text)).hidden[0].numpy()
        np.testing.assert_allclose(stored.embeddings[start:stop], expected, atol=1e-5)
    assert stored.provenance["pool"] == "position"
    assert stored.provenance["sequences"] == "seqs.fa"
    assert len(stored.provenance["model_sha256"]) == 64
    assert "palindra embed" in stored.provenance["command"]
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []


def test_means_are_over_letters_and_follow_the_strand(palindra, each: Path, fasta: Path, tmp_path: Path):
    turned = tmp_path / "turned.fa"
    turned.write_text("".join(f">{name}\n{reverse_complement(text)}\n" for name, text in SEQUENCES.items()))
    found: dict[tuple[str, str], np.ndarray] = {}
    for pool in ("mean", "strand"):
        for path in (fasta, turned):
            output = tmp_path / f"{pool}-{path.stem}.npz"
            assert palindra("embed", each, path, "-o", output, "--pool", pool).code == 0
            found[pool, path.stem] = read(output).embeddings
    network = open_language_model(each)
    for number, text in enumerate(SEQUENCES.values()):
        letters = [place for place, letter in enumerate(text) if letter != "N"]
        with torch.no_grad():
            reading = read_both(network, tokens(text))
        for key, expected in (
            (("strand", "seqs"), reading.hidden[0]),
            (("mean", "seqs"), reading.strands[0, 0]),
            (("mean", "turned"), reading.strands[0, 1]),
        ):
            np.testing.assert_allclose(found[key][number], expected[letters].mean(0).numpy(), atol=1e-5)
    np.testing.assert_allclose(found["strand", "seqs"], found["strand", "turned"], atol=1e-5)
    assert np.abs(found["mean", "seqs"] - found["mean", "turned"]).max() > 1e-3


def test_half_precision(palindra, model: Path, fasta: Path, tmp_path: Path):
    for dtype in ("float32", "float16"):
        assert palindra("embed", model, fasta, "-o", tmp_path / f"{dtype}.npz", "--dtype", dtype).code == 0
    half = read(tmp_path / "float16.npz").embeddings
    assert half.dtype == np.float16
    np.testing.assert_allclose(half, read(tmp_path / "float32.npz").embeddings, atol=2e-3)


@pytest.mark.parametrize(("length", "tile", "overlap"), [(10, 10, 3), (11, 5, 1), (12, 5, 1), (50, 7, 6), (13, 8, 4)])
def test_tiles_cover_all_and_lie_alike_on_both_strands(length: int, tile: int, overlap: int):
    starts = tile_starts(length, tile, overlap)
    assert [length - tile - start for start in reversed(starts)] == starts
    assert starts[0] == 0
    for one, two in pairwise(starts):
        assert 0 < two - one <= tile - overlap
    weights = tile_weights(tile)
    assert torch.equal(weights, weights.flip(0))


def test_a_model_that_looks_nowhere_else_reads_tiles_as_one_piece():
    x = torch.arange(23)

    def pointwise(part: Tensor) -> Tensor:
        return torch.stack([part.float(), part.float().square()], dim=1)

    parts = list(read_in_tiles(pointwise, x, tile=6, overlap=2))
    assert [start for start, _ in parts] == np.cumsum([0, *(len(part) for _, part in parts[:-1])]).tolist()
    torch.testing.assert_close(torch.cat([part for _, part in parts]), pointwise(x))


@pytest.mark.parametrize("pool", ["position", "strand"])
def test_tiles_keep_strands_alike(palindra, model: Path, tmp_path: Path, pool: str):
    text = "".join(np.random.default_rng(0).choice(list("ACGT"), 47))
    found = []
    for name, letters in (("given", text), ("other", reverse_complement(text))):
        (tmp_path / f"{name}.fa").write_text(f">{name}\n{letters}\n>short\nACG\n")
        output = tmp_path / f"{name}.npz"
        words = ["--pool", pool, "--tile", "12", "--overlap", "5"]
        assert palindra("embed", model, tmp_path / f"{name}.fa", "-o", output, *words).code == 0
        found.append(read(output).embeddings)
    first, second = (rows[:47] for rows in found) if pool == "position" else (rows[:1] for rows in found)
    np.testing.assert_allclose(second[::-1], first, atol=1e-5)
    assert np.isfinite(first).all()


def test_long_sequences_are_refused_and_not_cut(palindra, model: Path, fasta: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(running, "LONGEST", 10)
    result = palindra("embed", model, fasta, "-o", tmp_path / "out.npz")
    assert result.code == 2
    assert "seqs.fa line 1: 11 letters, but more than 10 are not read in one piece" in result.err
    assert "--tile" in result.err
    assert not (tmp_path / "out.npz").exists()
    assert palindra("embed", model, fasta, "-o", tmp_path / "out.npz", "--tile", "8").code == 0


def test_tables_of_sequences(palindra, model: Path, tmp_path: Path):
    (tmp_path / "rows.tsv").write_text("id\tsequence\nx\tACG\ny\tTTT\n")
    assert palindra("embed", model, tmp_path / "rows.tsv", "-o", tmp_path / "out.npz").code == 0
    assert read(tmp_path / "out.npz").ids == ["x", "y"]


def test_what_cannot_be_embedded(palindra, model: Path, fasta: Path, tmp_path: Path):
    (tmp_path / "n.fa").write_text(">a\nACG\n>b\nNNN\n")
    (tmp_path / "folder.zarr").mkdir()
    out = ["-o", tmp_path / "out.npz"]
    for words, message in (
        ((model, tmp_path / "n.fa", *out), "n.fa line 3: the sequence has no A, C, G or T"),
        ((model, fasta, "-o", tmp_path / "out.txt"), "written to .npz, .zarr, .h5"),
        ((model, fasta, "-o", tmp_path / "folder.zarr"), "a folder that is no zarr store"),
        ((model, fasta, *out, "--pool", "max"), "--pool 'max' is not known"),
        ((model, fasta, *out, "--dtype", "int8"), "--dtype 'int8' is not known"),
        ((model, fasta, *out, "--tile", "4", "--overlap", "4"), "--tile 4 --overlap 4"),
        ((tmp_path, fasta, *out), "holds no language model"),
        ((model, tmp_path / "none.fa", *out), "none.fa"),
    ):
        result = palindra("embed", *words)
        assert result.code == 2
        assert message in result.err
        assert len(result.err.strip().splitlines()) == 1
    assert not (tmp_path / "out.npz").exists()


def test_damaged_weights_are_noticed(palindra, fasta: Path, tmp_path: Path):
    model = StrandLM(StrandLMConfig(width=8, depth=1, heads=2, key_size=4, window=5))
    with torch.no_grad():
        model.stems[0].conv.weight[0, 0, 0] = float("nan")
    save(tmp_path / "model", model)
    result = palindra("embed", tmp_path / "model", fasta, "-o", tmp_path / "out.npz")
    assert result.code == 2
    assert "seqs.fa line 1: the features are not finite numbers" in result.err
    assert not (tmp_path / "out.npz").exists()
