"""Work in pieces that any of several like workers can do: what a piece came to, and doing all of them here.

Pieces are numbers; what they stand for lies in a folder that every worker sees. So whatever is lost, a piece is only
done again. Knows nothing of what the work is.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from crosstune.errors import CrosstuneError, InvalidData
from crosstune.progress import OnProgress, Progress


class Worker(Protocol):
    """Does pieces one after the other; what it needs for all of them, such as a model, it keeps."""

    def __call__(self, piece: int, on_progress: OnProgress, /) -> Any:
        """Does a piece, from where an earlier try at it ended.

        Raises:
            InvalidData: it cannot be done, whoever tries.
            CrosstuneError: it could not be done here and now.
        """


MakeWorker = Callable[[], Worker]
"""Makes a worker in the process in which it is to work; can be sent to other machines."""


@dataclass(frozen=True, slots=True)
class Done:
    """A piece is finished.

    Attributes:
        piece: which.
        result: what the worker returned.
    """

    piece: int
    result: Any


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A piece is not finished, and will not be in this run.

    Attributes:
        piece: which.
        error: why not, at the last try.
    """

    piece: int
    error: CrosstuneError


OnPiece = Callable[[int, Progress], None]
"""Told how far a piece is."""


def do_here(pieces: Sequence[int], make_worker: MakeWorker, on_piece: OnPiece) -> Iterator[Done | GivenUp]:
    """Does pieces in this process, one after the other.

    Args:
        pieces: which.
        make_worker: called once.
        on_piece: told how far a piece is.

    Raises:
        CrosstuneError: what keeps this machine from doing any.
    """
    worker = make_worker()
    for piece in pieces:
        try:
            yield Done(piece, worker(piece, partial(on_piece, piece)))
        except InvalidData as error:
            yield GivenUp(piece, error)
