"""Interactions from files, histories in time, windows, and negatives that are never items taken."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from palindra.data.recommendation import (
    PADDING,
    Interactions,
    Unseen,
    keep_frequent,
    last_items,
    read_interactions,
    split_in_time,
    windows,
)
from palindra.errors import InputError

TEXT = "userId,movieId,rating,timestamp\n7,31,2.5,200\n7,10,3.0,100\n2,31,1.0,50\n7,99,1.0,100\n"
DATES = TEXT.replace(",200", ",2016-10-18").replace(",100", ",2016-10-17T01:00:00+00:00").replace(",50", ",2016-10-17")


@pytest.fixture
def write(tmp_path):
    def write_file(text, name="r.csv"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return write_file


def histories(rows: Interactions) -> dict[str, list[str]]:
    return {name: [rows.items[i] for i in rows.item[rows.user == number]] for number, name in enumerate(rows.users)}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (TEXT, "r.csv"),
        (TEXT, "r.csv.gz"),
        (TEXT.replace(",", "\t"), "r.tsv"),
        (TEXT.replace("userId", "User").replace("movieId", "item_id"), "r.csv"),
        (DATES, "dates.csv"),
    ],
)  # fmt: skip
def test_rows_are_sorted_by_user_and_time_and_ties_keep_the_order_of_the_file(write, text, name):
    rows = read_interactions(write(text, name))
    assert histories(rows) == {"7": ["10", "99", "31"], "2": ["31"]}
    assert rows.lines.tolist() == [3, 5, 2, 4]
    assert rows.where(0).endswith("line 3")


def test_columns_can_be_named(write):
    path = write("who,what,when,user\na,x,2,1\na,y,1,1\n")
    rows = read_interactions(path, user_column="who", item_column="what", timestamp_column="when")
    assert histories(rows) == {"a": ["y", "x"]}


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (TEXT, {"item_column": "film"}, r"no column is named 'film'; the columns are userId, movieId, rating, time"),
        (TEXT.replace("movieId", "film"), {}, r"none has a usual name of the item\. Say which with item_column"),
        (TEXT.replace("rating", "user"), {}, r"'userId' and 'user' could each be the user"),
        (TEXT.replace(",50", ",soon"), {}, r"r\.csv line 4: timestamp 'soon' is no time; needed is a number"),
        (TEXT.replace(",50", ",nan"), {}, r"line 4: timestamp 'nan' is no time"),
        (TEXT.replace(",50", ",2016-10-17"), {}, r"line 4: .* as in the first row"),
        (TEXT.replace(",200", ",yesterday"), {}, r"line 2: .*number of seconds, or a date"),
        (TEXT.replace("2,31", ",31"), {}, r"line 4: the field of column 'userId' is empty"),
        (TEXT + "7,31,4.0,200\n", {}, r"line 6: user '7' takes item '31' at the same time as in line 2"),
        (TEXT + "7,31\n", {}, r"line 6: 2 fields, but the header names 4"),
        ("userId,movieId,timestamp\n", {}, r"no rows"),
    ],
)  # fmt: skip
def test_messages(write, text, options, message):
    with pytest.raises(InputError, match=message):
        read_interactions(write(text), **options)


def test_an_item_may_be_taken_again_at_another_time(write):
    assert histories(read_interactions(write(TEXT + "7,31,4.0,300\n")))["7"] == ["10", "99", "31", "31"]


def test_frequent_users_and_items_once_and_until_stable():
    # c is taken by ann and bob only; without it bob has too few, and then b has too few.
    rows = Interactions.from_rows(
        [(user, item, n) for n, (user, items) in enumerate({"ann": "abc", "bob": "bc", "cat": "ab", "dan": "a"}.items())
         for item in items]
    )  # fmt: skip
    once = keep_frequent(rows, user_least=2, item_least=3, until_stable=False)
    assert histories(once) == {"ann": ["a", "b"], "bob": ["b"], "cat": ["a", "b"]}
    stable = keep_frequent(rows, user_least=2, item_least=2)
    assert histories(stable) == {"ann": ["a", "b", "c"], "bob": ["b", "c"], "cat": ["a", "b"]}
    with pytest.raises(InputError, match="no user with at least 2 interactions with items that have at least 3"):
        keep_frequent(rows, user_least=2, item_least=3)


def test_frequent_is_a_fixed_point():
    random = np.random.default_rng(0)
    pairs = {(str(u), str(i)) for u, i in zip(random.zipf(1.5, 900) % 60, random.zipf(1.4, 900) % 70, strict=True)}
    rows = Interactions.from_rows([(u, i, n) for n, (u, i) in enumerate(sorted(pairs))])
    kept = keep_frequent(rows)
    assert np.bincount(kept.user).min() >= 5
    assert np.bincount(kept.item).min() >= 5
    assert len(keep_frequent(kept)) == len(kept) < len(rows)


@pytest.mark.parametrize("count", [5, 6, 7, 10, 13, 100])
def test_splits_are_in_time_and_both_have_the_same_test_items(count):
    rows = Interactions.from_rows([("ann", f"i{n}", n) for n in range(count)])
    three, two = split_in_time(rows), split_in_time(rows, train=80, valid=0)
    assert np.concatenate([three.train[0], three.valid[0], three.test[0]]).tolist() == list(range(1, count + 1))
    assert three.test[0].tolist() == two.test[0].tolist()
    assert three.with_validation().train[0].tolist() == two.train[0].tolist()
    assert len(three.with_validation().valid[0]) == 0
    assert len(three.train[0]) == int(0.7 * count + 1e-9)
    assert len(three.test[0]) >= 1


def test_an_empty_history_names_file_and_line(write):
    rows = read_interactions(write(TEXT))
    with pytest.raises(InputError, match=r"r\.csv line 4: user '2' has 1 interaction only"):
        split_in_time(rows)
    with pytest.raises(InputError, match="90/10/0"):
        split_in_time(rows, train=90, valid=10)


def test_windows_and_last_items():
    some = [np.arange(1, 12), np.array([5, 6, 7, 8]), np.array([9])]
    found = windows(some, length=5, targets=3)
    assert found.user.tolist() == [0, 0, 0, 0, 1, 2]
    assert found.past[3].tolist() == [4, 5, 6, 7, 8]
    assert found.targets[3].tolist() == [9, 10, 11]
    assert found.past[4].tolist() == [0, 0, 0, 0, 5]
    assert found.targets[4].tolist() == [6, 7, 8]
    assert found.targets[5].tolist() == [PADDING, PADDING, 9]
    assert last_items(some, 5).tolist() == [[7, 8, 9, 10, 11], [0, 5, 6, 7, 8], [0, 0, 0, 0, 9]]


def test_negatives_are_unseen_candidates_even_and_a_function_of_seed_epoch_and_index():
    known = np.array([1, 2, 3, 5, 8, 9, 12])
    some = [np.array([1, 12, 5]), np.array([2]), np.array([1, 2, 3, 5, 8, 9, 1])]
    unseen = Unseen(some, known)
    user = np.arange(9000) % 3
    index = np.arange(9000)
    drawn = unseen.draw(user, index, 3, seed=4, epoch=2)
    for number, items in enumerate(some):
        values, counts = np.unique(drawn[user == number], return_counts=True)
        left = np.setdiff1d(known, items)
        assert values.tolist() == left.tolist()
        assert abs(counts / counts.sum() - 1 / len(left)).max() < 0.02
    part = index[4000:4100]
    assert (unseen.draw(user[part], part, 3, seed=4, epoch=2) == drawn[part]).all()
    assert (unseen.draw(user, index, 3, seed=4, epoch=3) != drawn).any()
    assert (unseen.draw(user, index, 3, seed=5, epoch=2) != drawn).any()


def test_a_user_who_took_everything_has_no_negatives():
    with pytest.raises(InputError, match="user number 2 has taken all 2 items"):
        Unseen([np.array([1]), np.array([2, 1])], np.array([1, 2]))
