"""Blocks that are appended, indices that find records, and files sorted piece by piece."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest

from palindra.data.variants import writing

pysam = pytest.importorskip("pysam")
HEADER = "##fileformat=VCFv4.2\n##contig=<ID=a,length=900>\n##contig=<ID=b,length=900>\n"
HEADER += "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def lines(count: int) -> list[str]:
    rng = random.Random(1)
    return [f"{rng.choice('ab')}\t{rng.randint(0, 300)}\tid{n}\tA\tC\t.\t.\t.\n" for n in range(count)]


def test_appended_blocks_are_one_bgzip_file(tmp_path: Path):
    parts = [
        HEADER,
        *("".join(f"a\t{p + 100 * n}\t.\tA\tC\t.\t.\tS=\udce9\n" for p in range(1, 100)) for n in range(3)),
    ]
    whole = tmp_path / "calls.vcf.gz"
    whole.write_bytes(b"".join(writing.compressed(part, tmp_path) for part in parts) + writing.end_of_file(tmp_path))
    assert whole.read_bytes().count(writing.end_of_file(tmp_path)) == 1
    assert gzip.decompress(whole.read_bytes()) == "".join(parts).encode("utf-8", "surrogateescape")
    with pysam.BGZFile(str(whole)) as file:
        assert len(file.read()) == len("".join(parts).encode("utf-8", "surrogateescape"))
    assert writing.index(whole, longest=900).name == "calls.vcf.gz.tbi"
    assert [int(row.split("\t")[1]) for row in pysam.TabixFile(str(whole), encoding="latin-1").fetch("a", 98, 104)] == [
        99,
        101,
        102,
        103,
        104,
    ]
    assert writing.index(whole, longest=1 << 30).name == "calls.vcf.gz.csi"
    assert [path.name for path in tmp_path.glob("tmp*")] == []


def test_sorting_in_runs_is_sorting_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(writing, "_RUN", 7)
    records = lines(50)
    (tmp_path / "calls.vcf").write_text(HEADER + "".join(records))
    writing.sort(tmp_path / "calls.vcf", tmp_path / "sorted.vcf.gz", ["b", "a"])
    expected = sorted(records, key=lambda line: (line[0] == "a", int(line.split("\t")[1])))
    assert gzip.decompress((tmp_path / "sorted.vcf.gz").read_bytes()).decode() == HEADER + "".join(expected)
    assert writing.index(tmp_path / "sorted.vcf.gz", longest=900).exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calls.vcf", "sorted.vcf.gz", "sorted.vcf.gz.tbi"]


def test_unsorted_records_have_no_index(tmp_path: Path):
    path = tmp_path / "calls.vcf.gz"
    path.write_bytes(writing.compressed(HEADER + "".join(lines(20)), tmp_path) + writing.end_of_file(tmp_path))
    with pytest.raises(ValueError, match="are its records sorted"):
        writing.index(path, longest=900)
