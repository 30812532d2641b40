"""The command ``palindra designs``: table, summary, page and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from palindra.report.design_page import Designs, Histogram, render
from palindra.sequences import reverse_complement

MEME = "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF planted\nletter-probability matrix: w= 7\n" + "".join(
    " ".join("1" if letter == base else "0" for base in "ACGT") + "\n" for letter in "TGACGCA"
)


def columns(path: Path) -> dict[str, list[str]]:
    header, *rows = [line.split("\t") for line in path.read_text().splitlines()]
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


@pytest.fixture(scope="module")
def designs(files, tmp_path_factory):
    """A copy on the other strand, and random sequences without motifs."""
    rng = np.random.default_rng(5)
    copied = (files / "binary.tsv").read_text().splitlines()[3].split("\t")[0]
    random = ["".join(rng.choice(list("AT"), 30)) for _ in range(20)]
    path = tmp_path_factory.mktemp("designs") / "designs.fa"
    path.write_text("".join(f">d{n}\n{text}\n" for n, text in enumerate([reverse_complement(copied), *random])))
    return path


def test_with_oracles_and_motifs(palindra, trained, files, designs, tmp_path):
    runs = [trained("value", strategy) for strategy in ("regular", "none")]
    (tmp_path / "motifs.meme").write_text(MEME)
    output = tmp_path / "new" / "designs.tsv"
    words = ["--oracle", runs[0], "--oracle", runs[1], "--motifs", tmp_path / "motifs.meme", "-o", output]
    result = palindra("designs", designs, files / "value.tsv", *words)
    assert result.code == 0, result.err
    found = columns(output)
    assert (found["nearest_identity"][0], found["nearest_name"][0], found["nearest_strand"][0]) == ("1", "3", "-")
    assert max(float(v) for v in found["nearest_identity"][1:]) < 1
    flags = [float(value) > 95 for value in found["ood_percentile"]]
    assert [bool(int(flag)) for flag in found["ood_flag"]] == flags
    assert min(float(v) for v in found["oracle_label_std"]) >= 0
    assert found["motif_hits"][1:] == ["0"] * 20
    summary = json.loads(output.with_suffix(".json").read_text())
    assert summary["oracle"]["models"] == 2
    assert summary["ood"]["by_score"]["kmer_kl"] > 0.8
    assert [row["k"] for row in summary["kmers"]] == [1, 2, 3, 4, 5, 6]
    rates = summary["motifs"]["hits_per_kb"][0]
    assert rates["reference"] > 10 > rates["designs"]
    assert summary["frechet"]["distance"] > summary["frechet"]["of_reference"]
    assert summary["nearest_neighbours"]["4-mers"]["accuracy"] > 0.7
    assert "planted" in output.with_suffix(".html").read_text()


def test_the_mean_and_spread_are_those_of_the_oracles(palindra, trained, files, designs, tmp_path):
    runs = [trained("value", strategy) for strategy in ("regular", "none")]
    means = []
    for number, run in enumerate(runs):
        palindra("predict", run, designs, "-o", tmp_path / f"{number}.tsv")
        means.append(np.array(columns(tmp_path / f"{number}.tsv")["prediction_label"], dtype=float))
    output = tmp_path / "d.tsv"
    assert (
        palindra("designs", designs, files / "value.tsv", "--oracle", runs[0], "--oracle", runs[1], "-o", output)[0]
        == 0
    )
    found = columns(output)
    assert np.allclose(np.array(found["oracle_label"], dtype=float), np.mean(means, axis=0), rtol=1e-4)
    assert np.allclose(np.array(found["oracle_label_std"], dtype=float), np.std(means, axis=0, ddof=1), rtol=1e-2)


def test_without_oracles_and_with_other_lengths(palindra, files, tmp_path):
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGT"), length)) for length in (20, 41, 30, 35, 30)]
    (tmp_path / "d.fa").write_text("".join(f">{n}\n{text}\n" for n, text in enumerate(texts)))
    result = palindra("designs", tmp_path / "d.fa", files / "binary.tsv", "-o", tmp_path / "o.tsv")
    assert result.code == 0, result.err
    found = columns(tmp_path / "o.tsv")
    assert "oracle_label" not in found
    assert len(found["name"]) == 5
    gc = [sum(letter in "GC" for letter in text) / len(text) for text in texts]
    assert np.allclose(np.array(found["gc"], dtype=float), gc, atol=1e-6)


def test_one_oracle_has_no_spread_and_says_so(palindra, trained, files, designs, tmp_path):
    run = trained("value", "regular")
    result = palindra("designs", designs, files / "value.tsv", "--oracle", run, "-o", tmp_path / "o.tsv")
    assert "One oracle alone gives no uncertainty" in result.out
    assert set(columns(tmp_path / "o.tsv")["oracle_label_std"]) == {""}


def test_what_cannot_be_compared_is_refused(palindra, trained, files, designs, tmp_path):
    def refused(*words):
        result = palindra("designs", *words, "-o", tmp_path / "o.tsv")
        assert result.code == 2
        assert not (tmp_path / "o.tsv").exists()
        return result.err

    value, binary = trained("value", "regular"), trained("binary", "regular")
    reference = files / "value.tsv"
    (tmp_path / "few.fa").write_text(">a\nACGTACGT\n")
    (tmp_path / "short.fa").write_text("".join(f">{n}\nACGTACGTAC\n" for n in range(5)))
    assert "at least 4" in refused(tmp_path / "few.fa", reference)
    assert "reads 30: extend" in refused(tmp_path / "short.fa", reference, "--oracle", value)
    assert "predict the same" in refused(designs, reference, "--oracle", value, "--oracle", binary)
    assert "give --oracle RUN too" in refused(designs, reference, "--training", reference)
    assert "between 0 and 1" in refused(designs, reference, "--motif-p-value", 2)
    assert "not a MEME file" in refused(designs, reference, "--motifs", reference)
    assert "no such run folder" in refused(designs, reference, "--oracle", tmp_path / "nothing")


def test_names_of_users_are_escaped():
    page = render(Designs("<script>", ["a & b"], [], [Histogram("<GC>", [0.5], [])], [], [("<m>", 1.0, 2.0)], {}))
    assert "<script>" not in page
    assert "<m>" not in page
    assert "a &amp; b" in page
