"""SHA-256 of files, computed once for a file that does not change.

The cache holds one JSON object a line: path, size, modification time in nanoseconds, digest. A torn or foreign line
is passed over: it only costs another reading of that file.
"""

import hashlib
import json
import os
from pathlib import Path

_CACHED_FROM_BYTES = 1 << 20
"""Smaller files are read again each time; that is as fast as the cache."""


def cache_folder() -> Path:
    """The user's cache: `$CROSSTUNE_CACHE`, else `$XDG_CACHE_HOME/crosstune`, else `~/.cache/crosstune`."""
    if chosen := os.environ.get("CROSSTUNE_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "crosstune"


def _remembered(cache: Path, key: tuple[str, int, int]) -> str | None:
    if not cache.exists():
        return None
    for line in cache.read_text("utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
            if (entry["path"], entry["size"], entry["mtime_ns"]) == key:
                return str(entry["sha256"])
        except (ValueError, KeyError, TypeError):
            continue
    return None


def file_digest(path: Path, *, read_again: bool = False) -> str:
    """SHA-256 of a file's content, in hexadecimal.

    Args:
        path: the file.
        read_again: whether to read the file in any case; a damage may leave size and modification time as they were.

    Raises:
        OSError: the file cannot be read.
    """
    path = path.resolve()
    status = path.stat()
    cache = cache_folder() / "digests.jsonl"
    key = (str(path), status.st_size, status.st_mtime_ns)
    worth_caching = status.st_size >= _CACHED_FROM_BYTES and not read_again
    if worth_caching and (digest := _remembered(cache, key)) is not None:
        return digest
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if worth_caching:
        try:
            cache.parent.mkdir(parents=True, exist_ok=True)
            with cache.open("a", encoding="utf-8") as file:
                line = {"path": key[0], "size": key[1], "mtime_ns": key[2], "sha256": digest}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError:
            pass  # the cache saves time only; a read-only home must not stop a study
    return digest
