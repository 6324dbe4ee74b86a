"""Files that are either whole or absent: written beside, flushed to the disk, then renamed into place."""

import errno
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crosstune.errors import CrosstuneError, StorageFailure


def _system_error(error: Exception) -> int | None:
    """The number of the operating system's refusal, which libraries written in Rust, such as polars, put into words."""
    if isinstance(error, OSError):
        return error.errno
    found = re.search(r"\(os error (\d+)\)", str(error))
    return int(found[1]) if found and not isinstance(error, CrosstuneError) else None


@contextmanager
def full_disk_errors(path: Path) -> Iterator[None]:
    """Turns running out of space around work that writes to `path` into an error that says what to do.

    Raises:
        StorageFailure: no space left, quota exceeded, or a file larger than allowed.
    """
    try:
        yield
    except Exception as error:
        number = _system_error(error)
        if number in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFailure(
                f"no space left to write {path.name}",
                where=str(path.parent),
                hint="free some space and run the same command again: what was finished is kept",
            ) from error
        if number == errno.EFBIG:
            raise StorageFailure(
                f"{path.name} grows beyond what is allowed here",
                where=str(path.parent),
                hint="raise the limit (ulimit -f), or choose a file system for large files; what was finished is kept",
            ) from error
        raise


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turns the operating system's refusals around a write to `path` into errors that say what to do.

    Raises:
        StorageFailure: no space left, quota exceeded, larger than allowed, read-only or forbidden.
    """
    try:
        with full_disk_errors(path):
            yield
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise StorageFailure(
                f"not allowed to write {path.name}",
                where=str(path.parent),
                hint="choose another folder (of a study: with --root), or change its permissions",
            ) from error
        if error.errno in (errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG):
            raise StorageFailure(f"cannot be written ({error.strerror})", where=str(path)) from error
        raise


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it.

    Raises:
        StorageFailure: something else is in the way, the name is too long, or writing is not allowed.
    """
    with storage_errors(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError, FileNotFoundError) as error:
            raise StorageFailure(
                f"the folder cannot be made ({error.strerror})", where=str(folder), hint="choose another folder"
            ) from error


def sync_folder(folder: Path) -> None:
    """Makes renames inside `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`; on leaving without an error, its file is flushed and takes the place of `path`.

    Raises:
        StorageFailure: the file cannot be written there.
    """
    with storage_errors(path):
        make_folder(path.parent)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        os.close(descriptor)
        temporary = Path(name)
        try:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
            sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_atomic(path: Path, content: str | bytes) -> None:
    """Writes `content` (text as UTF-8) to `path`, whole or not at all.

    Raises:
        StorageFailure: the file cannot be written there.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
