"""The command ``palindra recommend``: table, summary, recommendations, going on, refusals."""

from __future__ import annotations

import csv
import json

import pytest

QUICK = ["--epochs", 2, "--width", 8, "--batch-size", 64, "--top", 3]


@pytest.fixture(scope="module")
def ratings(tmp_path_factory):
    """Users who walk round a circle of 18 items, 14 steps each; one item is rare."""
    path = tmp_path_factory.mktemp("ratings") / "ratings.csv"
    lines = [f"u{u},i{(u + day) % 18},{day}" for u in range(24) for day in range(14)]
    path.write_text("\n".join(["user,item,timestamp", *lines, "u0,rare,99"]) + "\n")
    return path


def rows(path):
    with path.open() as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def test_table_summary_and_recommendations(palindra, ratings, tmp_path):
    output = tmp_path / "deep" / "out"
    words = ["recommend", ratings, "-o", output, "--models", "scosrec,cosrec", "--seeds", "0-1", *QUICK]
    result = palindra(*words)
    assert result.code == 0, result.err
    assert "336 interactions of 24 users with 18 items (1 of rare users or items left out)" in result.out
    found = {row["model"]: row for row in rows(output / "metrics.tsv")}
    assert list(found) == ["popularity", "item-kNN", "scosrec", "cosrec"]
    assert int(found["scosrec"]["parameters"]) < int(found["cosrec"]["parameters"])
    assert 0 < float(found["scosrec"]["MAP"]) <= 1
    summary = json.loads((output / "metrics.json").read_text())
    assert len(summary["results"]["cosrec"]) == 2
    assert len(summary["results"]["cosrec"][0]["average_precision_of_users"]) == 24
    assert set(summary["MAP_of_users_minus_item-kNN"]) == {"popularity", "scosrec", "cosrec"}
    given = rows(output / "recommendations.tsv")
    assert [row["rank"] for row in given] == ["1", "2", "3"] * 24
    taken = {(f"u{u}", f"i{(u + day) % 18}") for u in range(24) for day in range(14)}
    assert not taken & {(row["user"], row["item"]) for row in given}
    assert not list(tmp_path.glob("**/*.partial"))
    again = palindra(*words)
    assert again.code == 0
    assert "finished before" in again.out


def test_an_interrupted_run_goes_on_with_the_same_settings_only(palindra, ratings, tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    assert palindra("recommend", ratings, "-o", first, *QUICK).code == 0
    partial = tmp_path / "b.partial"
    first.rename(partial)
    kept = (partial / "runs" / "scosrec-seed-0" / "weights.safetensors").stat().st_mtime_ns
    other = palindra("recommend", ratings, "-o", second, *QUICK, "--l2", 0.1)
    assert other.code == 2
    assert "l2: 5e-06 then, 0.1 now" in other.err
    assert palindra("recommend", ratings, "-o", second, *QUICK).code == 0
    assert (second / "runs" / "scosrec-seed-0" / "weights.safetensors").stat().st_mtime_ns == kept
    assert palindra("recommend", ratings, "-o", second, *QUICK, "--seeds", 1).code == 2


def test_without_the_last_fit(palindra, ratings, tmp_path):
    assert palindra("recommend", ratings, "-o", tmp_path / "o", *QUICK, "--no-refit").code == 0


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (None, ["--models", "bert"], "there is no 'bert'; choose from scosrec, cosrec"),
        (None, ["--item-column", "film"], "no column is named 'film'"),
        (None, ["--user-least", 50], "no user with at least 50 interactions"),
        (None, ["--learning-rate", -1], "learning_rate > 0"),
        ("user,item,timestamp\na,b,soon\n", [], "line 2: timestamp 'soon' is no time"),
        ("user,item,timestamp\na,b,1\na,b,1\n", [], "line 3: user 'a' takes item 'b' at the same time as in line 2"),
        ("user,item,timestamp\na,b,1\n", ["--user-least", 1, "--item-least", 1], "line 2: user 'a' has 1 interaction"),
        ("user,item\na,b\n", [], "none has a usual name of the timestamp"),
    ],
)
def test_refusals(palindra, ratings, tmp_path, text, options, message):
    path = ratings
    if text is not None:
        path = tmp_path / "bad.csv"
        path.write_text(text)
    result = palindra("recommend", path, "-o", tmp_path / "o", *options)
    assert result.code == 2
    assert message in result.err
    assert result.err.count("\n") == 1
    assert not (tmp_path / "o").exists()
