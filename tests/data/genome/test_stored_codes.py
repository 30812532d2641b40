import os
import subprocess
import sys
import threading
import time

import pytest

from palindra.data.genome import Genome, stored_codes
from palindra.data.genome.stored_codes import StoredCodes
from palindra.errors import InputError


@pytest.fixture
def builds(monkeypatch):
    """How often codes were made from a FASTA."""
    made = []
    real = stored_codes.write_codes

    def counted(fasta, out):
        made.append(fasta)
        return real(fasta, out)

    monkeypatch.setattr(stored_codes, "write_codes", counted)
    return made


def test_codes_are_built_once_next_to_the_fasta(fasta, builds):
    first = Genome.open(fasta)
    again = Genome.open(fasta)
    assert first.path == again.path == fasta.with_name("small.fa.codes")
    assert first.fingerprint == again.fingerprint
    assert len(builds) == 1
    assert sorted(path.name for path in fasta.parent.iterdir()) == ["small.fa", "small.fa.codes"]


def test_a_folder_is_used_as_given_and_holds_genomes_of_one_name(write, tmp_path):
    one, two = write("x/g.fa", ">a\nACGT\n"), write("y/g.fa", ">a\nTTTTT\n")
    folder = tmp_path / "new" / "cache"
    opened = [Genome.open(path, cache=folder) for path in (one, two, one)]
    assert [len(genome.codes("a", 0, 9)) for genome in opened] == [9] * 3
    assert [genome.chromosomes["a"] for genome in opened] == [4, 5, 4]
    assert {genome.path.parent for genome in opened} == {folder}
    assert not one.with_name("g.fa.codes").exists()


def test_the_cache_of_the_user_serves_where_the_folder_cannot_be_written(fasta, tmp_path, builds):
    fasta.with_name("small.fa.codes").mkdir()  # as good as a folder without permission, for root as well
    genome = Genome.open(fasta)
    assert genome.path.parent == tmp_path / "user-cache" / "palindra"
    builds.clear()
    assert Genome.open(fasta).path == genome.path
    assert not builds


def test_codes_that_can_be_written_nowhere_are_an_error_that_says_where(fasta, tmp_path):
    fasta.with_name("small.fa.codes").mkdir()
    (tmp_path / "user-cache").write_text("not a folder")
    with pytest.raises(InputError, match=r"small\.fa: its codes .* neither next to it nor elsewhere.*Give a folder"):
        Genome.open(fasta)


@pytest.mark.parametrize("age", [0, 3600])
@pytest.mark.parametrize("keep_time", [False, True])
def test_changed_content_of_the_same_size_is_never_read_from_old_codes(fasta, monkeypatch, age, keep_time):
    monkeypatch.setattr(stored_codes, "_SETTLED", 0 if age else 2_000_000_000)
    before = Genome.open(fasta)
    about = fasta.stat()
    time.sleep(0.02)  # longer than a tick of the clock of the file system, for the case that trusts it
    text = fasta.read_text()
    at = next(at for at, letter in enumerate(text) if letter == "A")
    fasta.write_text(text[:at] + "C" + text[at + 1 :])
    if keep_time:
        os.utime(fasta, ns=(about.st_atime_ns, about.st_mtime_ns))
    with pytest.warns(UserWarning, match=r"small\.fa has changed since .*small\.fa\.codes .* built anew"):
        after = Genome.open(fasta)
    assert after.fingerprint != before.fingerprint
    assert (after.codes("chr2", 0, 137) != before.codes("chr2", 0, 137)).sum() == 1


def test_a_second_write_within_one_tick_of_the_clock_is_noticed(fasta, monkeypatch):
    stamp = (fasta.stat().st_size, 1, time.time_ns(), time.time_ns())
    monkeypatch.setattr(stored_codes._Current, "_stamp", lambda self: stamp)  # nothing but the content will differ
    before = Genome.open(fasta)
    fasta.write_text(fasta.read_text().replace("A", "C", 1))
    with pytest.warns(UserWarning, match="built anew"):
        assert Genome.open(fasta).fingerprint != before.fingerprint


def test_a_settled_file_is_not_hashed_again(fasta, monkeypatch):
    monkeypatch.setattr(stored_codes, "_SETTLED", -1)
    Genome.open(fasta)
    monkeypatch.setattr(stored_codes, "hash_file", lambda path: pytest.fail("hashed"))
    assert Genome.open(fasta).chromosomes["M"] == 1009


def test_another_size_is_noticed_and_an_equal_copy_is_not_a_change(fasta, builds):
    Genome.open(fasta)
    content = fasta.read_bytes()
    fasta.write_bytes(content)  # another time, the same hash
    Genome.open(fasta)
    assert len(builds) == 1
    fasta.write_bytes(content + b"A")
    with pytest.warns(UserWarning, match="built anew"):
        assert Genome.open(fasta).chromosomes["M"] == 1010


def test_data_made_from_another_content_are_refused(fasta):
    fingerprint = Genome.open(fasta).fingerprint
    Genome.open(fasta, fingerprint=fingerprint)
    fasta.write_text(">chr2\nACGT\n")
    with (
        pytest.warns(UserWarning, match="built anew"),
        pytest.raises(InputError, match=rf"small\.fa: has changed: .*{fingerprint[:12]}\.\.\. was used before"),
    ):
        Genome.open(fasta, fingerprint=fingerprint)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data[5:], lambda data: b"", lambda data: b"{}"]
)
def test_a_damaged_file_of_codes_is_built_anew(fasta, letters, damage):
    genome = Genome.open(fasta)
    expected = genome.codes("M", 0, 1009)
    genome.path.unlink()  # a mapped file must not shrink
    genome.path.write_bytes(damage(Genome.open(fasta).path.read_bytes()))
    with pytest.raises(InputError, match="not a whole file of codes"):
        StoredCodes.read(genome.path)
    assert (Genome.open(fasta).codes("M", 0, 1009) == expected).all()


def test_what_a_killed_build_left_is_removed(fasta, builds, monkeypatch):
    def killed(fasta, out):
        out.write(b"\0\1\2")
        raise KeyboardInterrupt

    left = fasta.with_name(".small.fa.codes.1-1.part")
    left.write_bytes(b"\0\1")
    with monkeypatch.context() as patch:
        patch.setattr(stored_codes, "write_codes", killed)
        with pytest.raises(KeyboardInterrupt):
            Genome.open(fasta)
    left.write_bytes(b"\0\1")
    Genome.open(fasta)
    assert sorted(path.name for path in fasta.parent.iterdir()) == ["small.fa", "small.fa.codes"]


def test_threads_that_open_at_once_build_once(fasta, builds):
    start, opened = threading.Barrier(5), []

    def go():
        start.wait()
        opened.append(Genome.open(fasta).codes("M", 0, 9).tolist())

    threads = [threading.Thread(target=go) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opened == [opened[0]] * 5
    assert len(builds) == 1


def test_processes_that_build_at_once_leave_one_valid_file(fasta):
    code = "import sys; from palindra.data.genome import Genome; sys.stdout.write(Genome.open(sys.argv[1]).fingerprint)"
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(fasta)], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [process.communicate()[0] for process in running]
    assert said == [Genome.open(fasta).fingerprint] * 2
    assert sorted(path.name for path in fasta.parent.iterdir()) == ["small.fa", "small.fa.codes"]


def test_without_locks_a_build_is_still_whole(fasta, monkeypatch):
    import fcntl

    def refused(*_):
        raise OSError

    monkeypatch.setattr(fcntl, "flock", refused)
    assert Genome.open(fasta).chromosomes["M"] == 1009


def test_a_fasta_that_changes_while_it_is_read_is_refused(fasta, monkeypatch):
    real = stored_codes.write_codes

    def slowly(path, out):
        found = real(path, out)
        path.write_text(">other\nAC\n")
        return found

    monkeypatch.setattr(stored_codes, "write_codes", slowly)
    with pytest.raises(InputError, match=r"small\.fa: changed while it was being read"):
        Genome.open(fasta)
    assert not fasta.with_name("small.fa.codes").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.unlink(), r"small\.fa: there is no such file"),
        (lambda path: path.write_bytes(b""), r"small\.fa: is empty"),
        (lambda path: path.write_text(">a\nA?"), r"small\.fa line 2: '\?' in record 'a' is not DNA"),
    ],
)
@pytest.mark.parametrize("built_before", [False, True])
def test_a_fasta_that_cannot_be_read_is_an_error_with_and_without_codes(fasta, change, message, built_before):
    if built_before:
        Genome.open(fasta)
    change(fasta)
    with pytest.raises(InputError, match=message):
        Genome.open(fasta)
