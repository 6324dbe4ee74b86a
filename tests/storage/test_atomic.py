import errno
from pathlib import Path

import pytest

from crosstune.errors import StorageFailure
from crosstune.storage.atomic import atomic_path, storage_errors, write_atomic
from crosstune.storage.tables import write_parquet


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "a.txt"
    write_atomic(path, "old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(
    ("code", "words"), [(errno.ENOSPC, "no space"), (errno.EACCES, "not allowed"), (errno.EFBIG, "grows beyond")]
)
def test_refusals_of_the_system_say_what_to_do(tmp_path, code, words):
    with pytest.raises(StorageFailure, match=words) as caught, storage_errors(tmp_path / "a"):
        raise OSError(code, "refused")
    assert caught.value.hint


def test_a_really_full_disk_is_named():
    # /dev/full is the kernel's own always-full file.
    with (
        pytest.raises(StorageFailure, match="no space"),
        storage_errors(Path("/dev/full")),
        Path("/dev/full").open("wb") as file,
    ):
        file.write(b"x")
        file.flush()


def test_other_errors_of_the_system_pass_unchanged(tmp_path):
    with pytest.raises(OSError, match="odd") as caught, storage_errors(tmp_path):
        raise OSError(errno.EIO, "odd")
    assert not isinstance(caught.value, StorageFailure)


def test_a_table_that_does_not_fit_is_named(tmp_path):
    """polars has its own words for what the system says."""
    import resource

    import polars as pl

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(StorageFailure, match=r"a\.parquet grows beyond"):
            write_parquet(tmp_path / "a.parquet", pl.DataFrame({"x": range(1_000)}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StorageFailure, match="no space"), storage_errors(tmp_path / "a"):
        raise pl.exceptions.ComputeError("parquet: underlying IO error: No space left on device (os error 28)")
