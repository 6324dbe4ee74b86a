"""Files in whatever fsspec opens by a URL: tried again when that may help, refusals in words. Knows of no steps."""

import errno
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

from crosstune.errors import InvalidStudy, StoreUnavailable
from crosstune.steps.byte_progress import ByteProgress
from crosstune.steps.remote_failures import failure, is_no_bucket, unusable
from crosstune.storage.atomic import storage_errors

_WAITS = (1.0, 4.0, 16.0)
"""Seconds before each further try of what was refused."""
_SECONDS_OF_REST = 60.0
"""After all tries failed: otherwise each of a thousand steps would wait as long."""
_FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def checked_url(text: str) -> str:
    """The URL of a store as it may be shown, sent and written down.

    Args:
        text: `protocol://…`, or the path of a folder.

    Raises:
        InvalidStudy: it is no URL, holds a password, or has characters with a meaning of their own.
    """
    protocol, is_url, rest = text.partition("://")
    if is_url and ":" in rest.rpartition("@")[0]:
        shown = f"{protocol}://…@{rest.rpartition('@')[2]}"
        hint = "leave it out: libraries find credentials in the environment or in their own files"
        raise InvalidStudy("the URL of the store holds a password", where=shown, hint=hint)
    if "::" in text or any(letter in text for letter in "?*[]"):
        hint = "give protocol://bucket/prefix, without ?, *, [, ] and ::"
        raise InvalidStudy("the URL of the store cannot be used", where=text.partition("?")[0], hint=hint)
    if is_url and protocol not in ("file", "local"):
        if not rest.strip("/"):
            raise InvalidStudy(
                "the URL of the store names no bucket", where=text, hint=f"give {protocol}://bucket/prefix"
            )
        return text.rstrip("/")
    if not text.strip() or (not is_url and re.match(r"[A-Za-z0-9+.]{2,}:", text)):
        raise InvalidStudy(f"'{text}' is neither a URL nor a folder", hint="give protocol://bucket/prefix")
    return f"file://{(Path(rest) if is_url else Path(text)).expanduser().absolute()}".rstrip("/")


def is_below(name: str) -> bool:
    """Whether a relative path stays where it starts."""
    path = PurePosixPath(name)
    return bool(path.name) and not path.is_absolute() and ".." not in path.parts and "\\" not in name


class RemoteFiles:
    """Reads and writes files below a URL. Sent elsewhere, it takes nothing along but that URL."""

    def __init__(self, url: str) -> None:
        """Args:
        url: `protocol://bucket/prefix`, or the path of a folder.

        Raises:
            InvalidStudy: it cannot be used.
        """
        self.url = checked_url(url)
        self._failed: tuple[float, StoreUnavailable] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url, "_failed": None}

    @cached_property
    def _system(self) -> Any:
        """The file system; its library is loaded here."""
        try:
            from fsspec.core import url_to_fs

            return url_to_fs(self.url, **({"auto_mkdir": True} if self.url.startswith("file:") else {}))[0]
        except Exception as error:
            raise unusable(error, self.url) from error

    def _path(self, name: str) -> str:
        return f"{str(self._system._strip_protocol(self.url)).rstrip('/')}/{name}"

    @property
    def is_resting(self) -> bool:
        """Whether it has just been refused all tries: asking once more would only take time."""
        return self._failed is not None and time.monotonic() - self._failed[0] < _SECONDS_OF_REST

    def _do(
        self,
        done: str,
        call: Callable[[], Any],
        *,
        absent: Any = None,
        writes_here: bool = False,
        is_wanted_only: bool = False,
    ) -> Any:
        """Calls the file system, several times if need be.

        Args:
            done: what it does, as in `it cannot be read`.
            call: the call.
            absent: what to give when there is nothing; None: that is an error.
            writes_here: whether a full disk is one of this machine.
            is_wanted_only: whether one can do without: then one try is enough.
        """
        if self._failed is not None and self.is_resting:
            raise self._failed[1]
        for wait in (*(() if self._failed or is_wanted_only else _WAITS), None):
            try:
                found = call()
            except Exception as error:
                if absent is not None and isinstance(error, FileNotFoundError) and not is_no_bucket(error):
                    return absent
                if writes_here and getattr(error, "errno", None) in _FULL_DISK:
                    raise
                refusal, may_help = failure(error, self.url, done)
                if wait is None or not may_help:
                    if not is_wanted_only:
                        self._failed = (time.monotonic(), refusal)
                    raise refusal from error
                time.sleep(wait)
            else:
                self._failed = None
                return found
        raise AssertionError("unreachable")

    def read(self, names: list[str], *, is_wanted_only: bool = False) -> dict[str, bytes]:
        """The contents of those files that are there.

        Args:
            names: their paths; no two may end alike.
            is_wanted_only: whether one can do without: then it is not tried again.

        Raises:
            StoreUnavailable: they cannot be read.
        """
        paths = [self._path(name) for name in names]
        full_names = {name.rpartition("/")[2]: name for name in names}  # whatever a library puts before them

        def cat() -> dict[str, bytes]:
            contents = {}
            for path, content in self._system.cat(paths, on_error="return").items():
                if isinstance(content, bytes):
                    contents[full_names[str(path).rpartition("/")[2]]] = content
                elif not isinstance(content, FileNotFoundError) or is_no_bucket(content):
                    raise content
            return contents

        self._system.invalidate_cache()
        found: dict[str, bytes] = self._do("read", cat, absent={}, is_wanted_only=is_wanted_only)
        return found

    def names(self, folder: str, *, is_wanted_only: bool = False) -> set[str]:
        """What is in a folder, without what is below that; nothing when there is no such folder.

        Args:
            folder: its path.
            is_wanted_only: whether one can do without: then it is not tried again.

        Raises:
            StoreUnavailable: it cannot be read.
        """
        self._system.invalidate_cache()
        path = self._path(folder)
        listed = self._do("read", lambda: self._system.ls(path, detail=False), absent=[], is_wanted_only=is_wanted_only)
        return {str(path).rstrip("/").rpartition("/")[2] for path in listed}

    def sizes(self, folder: str) -> dict[str, int]:
        """All files below a folder, and their bytes.

        Raises:
            StoreUnavailable: it cannot be read.
        """
        self._system.invalidate_cache()
        listed = self._do("read", lambda: self._system.find(self._path(folder), detail=True), absent={})
        return {str(path).partition(f"/{folder}/")[2]: int(facts["size"] or 0) for path, facts in listed.items()}

    def put(self, source: Path, name: str, progress: ByteProgress, *, is_wanted_only: bool = False) -> None:
        """Uploads a file.

        Args:
            source: the file here.
            name: its path there.
            progress: told how far it is.
            is_wanted_only: whether one can do without: then it is not tried again.

        Raises:
            StoreUnavailable: it cannot be written.
        """
        path = self._path(name)

        def put() -> None:
            self._system.put_file(str(source), path, callback=progress.of_file())

        self._do("written", put, is_wanted_only=is_wanted_only)

    def get(self, name: str, target: Path, progress: ByteProgress) -> bool:
        """Downloads a file.

        Returns:
            Whether it is there.

        Raises:
            StoreUnavailable: it cannot be read.
            StorageFailure: it cannot be written here.
        """
        path = self._path(name)

        def get() -> bool:
            self._system.get_file(path, str(target), callback=progress.of_file())
            return True

        with storage_errors(target):
            target.touch()  # so that what cannot be written here is not taken for a refusal of the store
            is_there: bool = self._do("read", get, absent=False, writes_here=True)
            with target.open("rb+") as file:
                os.fsync(file.fileno())
        return is_there

    def remove(self, names: Collection[str]) -> None:
        """Removes files, and folders that are empty then; of what is gone already it says nothing. One try is enough.

        Args:
            names: their paths.

        Raises:
            StoreUnavailable: they cannot be removed.
        """
        for path in map(self._path, names):
            self._do("written", partial(self._system.rm_file, path), absent=(), is_wanted_only=True)
            if self.url.startswith("file:"):
                with suppress(OSError):
                    Path(path).parent.rmdir()

    def write(self, name: str, content: Mapping[str, Any], *, is_wanted_only: bool = False) -> None:
        """Writes a file of JSON, whole or not at all.

        Args:
            name: its path.
            content: what it holds.
            is_wanted_only: whether one can do without: then it is not tried again.

        Raises:
            StoreUnavailable: it cannot be written.
        """
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".json") as file:
            json.dump(content, file, ensure_ascii=False, indent=1)
            file.flush()
            path = self._path(name)

            def put() -> None:
                if not self.url.startswith("file:"):  # where an object appears when it is whole
                    self._system.put_file(file.name, path)
                    return
                beside = f"{path}.{uuid4().hex[:8]}.tmp"
                try:
                    self._system.put_file(file.name, beside)
                    Path(beside).replace(path)
                finally:
                    Path(beside).unlink(missing_ok=True)

            self._do("written", put, is_wanted_only=is_wanted_only)
