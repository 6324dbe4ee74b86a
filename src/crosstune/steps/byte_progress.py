"""How far files on their way are, told in megabytes."""

from typing import Any

from crosstune.progress import OnProgress, Progress

_MEGABYTE = 1_000_000
_TOLD_FROM_BYTES = 8 * _MEGABYTE


class ByteProgress:
    """Counts the bytes of several files, one after the other; of little it says nothing."""

    def __init__(self, total: int, note: str, on_progress: OnProgress) -> None:
        """Args:
        total: bytes of all files.
        note: what is done with them.
        on_progress: told how far it is.
        """
        self._total = total
        self._note = note
        self._on_progress = on_progress
        self._done = 0

    def add(self, size: int) -> None:
        """A file is through."""
        self._done += size
        self.tell(0)

    def tell(self, further: int) -> None:
        """Tells how far it is, with some bytes of the file that is under way."""
        if self._total >= _TOLD_FROM_BYTES:
            done = min(self._done + further, self._total)
            self._on_progress(Progress(done // _MEGABYTE, self._total // _MEGABYTE, "MB", note=self._note))

    def of_file(self) -> Any:
        """What fsspec tells of one file."""
        from fsspec.callbacks import Callback

        return Callback(hooks={"tell": lambda size, value, **_: self.tell(int(value or 0))})
