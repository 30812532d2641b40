"""``palindra audit`` of representations, as typed in a shell."""

from __future__ import annotations

import json
import logging
import socket
import textwrap

import pytest

import palindra.cli.main as cli


@pytest.fixture
def typed(monkeypatch, tmp_path, capsys):
    """Runs a command in an empty folder, without any network."""

    def refuse(*args, **kwargs):
        raise OSError("there is no network here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(logging, "raiseExceptions", False)  # transformers logs to the stream of an earlier test
    monkeypatch.chdir(tmp_path)

    def call(*words):
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["palindra", *map(str, words)])
        try:
            cli.main()
            code = 0
        except SystemExit as stopped:
            code = stopped.code
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def table(tmp_path, random_sequences):
    def write(split=True, rows=100):
        lines = ["sequence\tlabel" + "\tsplit" * split]
        for number, text in enumerate(random_sequences(rows, 24)):
            part = "train" if number < 40 else "valid" if number < 60 else "test"
            lines.append(f"{text}\t{number % 2}" + f"\t{part}" * split)
        path = tmp_path / "rows.tsv"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


MOVED = {"kmer": 1.0, "bpe": pytest.approx(0.5, abs=0.5)}  # of borders between tokens, by a shift of one letter


@pytest.mark.parametrize("kind", ["bert", "gpt", "mamba", "kmer", "bpe"])
def test_somebodys_language_model(typed, table, request, tmp_path, kind):
    folder = request.getfixturevalue(f"hf_{kind}")
    labels = kind in ("bert", "gpt", "mamba")
    more = [] if labels else ["--unlabelled", "--limit", "30"]
    code, out, err = typed("audit", f"hf:{folder}", table(), "-o", "a.html", "--letters", "2", *more)
    assert (code, [line for line in err.splitlines() if "Error" in line]) == (0, [])
    found = json.loads((tmp_path / "a.json").read_text())
    assert out.splitlines()[: len(found["verdict"])] == found["verdict"]
    assert found["sequences"] == (40 if labels else 30)
    assert not found["strands_alike"]
    assert found["averaged"]["mean"]["relative"] < 1e-4
    assert (found["strands"]["cls"] is None) is (kind in ("gpt", "mamba"))
    assert found["language"]["sequences"] == 2
    assert found["moved"]["tokens"]["moved"] == MOVED.get(kind, 0)
    assert found["beside"]["tokens"]["bases"]["relative"] == 0
    assert [shift["letters"] for shift in found["moved"]["shifts"]] == [1, 2, 4, 8]
    page = (tmp_path / "a.html").read_text()
    for words in ("The other strand", "One letter later", "Shifts"):
        assert f"<h2>{words}</h2>" in page
    assert ("<h2>What averaging both strands does</h2>" in page) is labels
    assert (found["downstream"] is not None) is labels


def test_counts_without_labels_and_without_a_split(typed, table, tmp_path, random_sequences):
    (tmp_path / "s.fa").write_text("".join(f">{n}\n{text}\n" for n, text in enumerate(random_sequences(9, 20))))
    assert typed("audit", "kmers:3", "s.fa", "-o", "a.html")[0] == 0
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["downstream"] is None
    assert found["strands_equivariant"] is True
    assert found["cure"] == 'palindra.probing.sources.open_source("kmers:3", strands="averaged")'
    assert typed("audit", "one-hot", table(split=False, rows=200), "-o", "b.html", "--beside", "nucleotides")[0] == 0
    found = json.loads((tmp_path / "b.json").read_text())
    assert "without a split" in found["notes"][0]
    assert found["beside"]["name"] != found["name"]
    assert typed("audit", "one-hot", table(), "-o", "c.html", "--unlabelled", "--strands", "averaged")[0] == 0
    found = json.loads((tmp_path / "c.json").read_text())
    assert (found["strands_alike"], found["cure"], found["downstream"]) == (True, "", None)


def test_any_function(typed, table, tmp_path):
    (tmp_path / "somebodys.py").write_text(
        textwrap.dedent(
            """
            import numpy as np

            def purines(sequences):
                return np.array([[[float(x in "AG"), float(x == "C")] for x in text] for text in sequences])
            """
        )
    )
    code, out, _ = typed("audit", "call:somebodys:purines", table(), "-o", "a.html")
    assert code == 0
    assert out.splitlines()[-1].endswith("a.html")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["one-hot", "--outputs", "track"], "--outputs belongs to a run folder or module:function"),
        (
            ["my_models:load", "--strands", "averaged", "--letters", "3"],
            "--strands, --letters belong to representations",
        ),
        (["hf:no/such/folder", "--strands", "as is"], "no/such/folder"),
        (["one-hot", "--strands", "avraged"], "Did you mean 'averaged'?"),
        (["one-hot", "--max-length", "cut"], "Choose from: refuse, tile"),
        (["kmers:many"], "kmers:many"),
        (["one-hot", "--layer", "2"], "has no layers"),
    ],
)
def test_bad_input_is_one_line(typed, table, tmp_path, words, told):
    model, *options = words
    code, _, err = typed("audit", model, table(), "-o", "a.html", *options)
    assert code == 2
    assert told in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "a.html").exists()
