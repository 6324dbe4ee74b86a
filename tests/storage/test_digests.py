import hashlib
import os

import pytest

from crosstune.storage import digests


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSTUNE_CACHE", str(tmp_path / "cache"))


def test_a_large_file_is_read_once_and_again_when_it_changes(tmp_path, monkeypatch):
    path = tmp_path / "big"
    path.write_bytes(b"a" * (2 << 20))
    first = digests.file_digest(path)
    assert first == hashlib.sha256(b"a" * (2 << 20)).hexdigest()
    monkeypatch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("read again"))
    assert digests.file_digest(path) == first
    monkeypatch.undo()
    path.write_bytes(b"b" * (2 << 20))
    os.utime(path, ns=(1, 1))
    assert digests.file_digest(path) == hashlib.sha256(b"b" * (2 << 20)).hexdigest()


def test_a_torn_cache_costs_only_time(tmp_path):
    path = tmp_path / "big"
    path.write_bytes(b"a" * (2 << 20))
    digest = digests.file_digest(path)
    cache = digests.cache_folder() / "digests.jsonl"
    cache.write_bytes(cache.read_bytes()[:-20] + b"\xff\n[]\n")
    assert digests.file_digest(path) == digest


def test_read_again_finds_a_change_that_left_size_and_time_as_they_were(tmp_path):
    path = tmp_path / "big"
    path.write_bytes(b"a" * (2 << 20))
    os.utime(path, ns=(1, 1))
    digest = digests.file_digest(path)
    path.write_bytes(b"b" + b"a" * ((2 << 20) - 1))
    os.utime(path, ns=(1, 1))
    assert digests.file_digest(path) == digest
    assert digests.file_digest(path, read_again=True) != digest
