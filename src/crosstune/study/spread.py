"""Where blocks of prompts are answered: by one worker here, or by many on a cluster; and how far all are together."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from crosstune.errors import InvalidStudy
from crosstune.progress import OnProgress, Progress
from crosstune.steps.executors.driver import Cluster
from crosstune.steps.executors.pieces import Done, GivenUp, MakeWorker, OnPiece, do_here
from crosstune.steps.step import Needs


class Spread(Protocol):
    """Does pieces of work that lies in a folder, with workers that need so much."""

    def __call__(
        self, pieces: Sequence[int], make_worker: MakeWorker, on_piece: OnPiece, *, folder: Path, needs: Needs
    ) -> Iterator[Done | GivenUp]:
        """What became of each piece, as they end."""


def spread_here(
    pieces: Sequence[int], make_worker: MakeWorker, on_piece: OnPiece, *, folder: Path, needs: Needs
) -> Iterator[Done | GivenUp]:
    """One worker, in this process."""
    return do_here(pieces, make_worker, on_piece)


def spread_on(cluster: Cluster, workers: int | None = None) -> Spread:
    """Workers on a Ray cluster.

    Args:
        cluster: see `study.cluster.ray_cluster`.
        workers: how many; None: as many as there is room for.

    Raises:
        InvalidStudy: Ray, or what its part for data needs, is not installed.
    """
    try:
        from crosstune.steps.executors import ray_data
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in ("ray", "pandas", "pyarrow", "fsspec"):
            raise
        raise InvalidStudy(f"{error.name} is not installed", hint="pip install 'crosstune[ray]'") from error

    def spread(
        pieces: Sequence[int], make_worker: MakeWorker, on_piece: OnPiece, *, folder: Path, needs: Needs
    ) -> Iterator[Done | GivenUp]:
        pool = ray_data.Pool(folder, cluster, needs, workers)
        return ray_data.do_on_cluster(pieces, make_worker, on_piece, pool=pool)

    return spread


class Told:
    """Adds up how far blocks are."""

    def __init__(self, total: int, before: int, on_progress: OnProgress) -> None:
        self._total, self._done = total, before
        self._under_way: dict[int, Progress] = {}
        self._on_progress = on_progress
        on_progress(Progress(before, total, "answers"))

    def of_piece(self, piece: int, progress: Progress) -> None:
        """Takes how far a block is."""
        self._under_way[piece] = progress
        self._tell(progress.note)

    def done(self, piece: int, answers: int) -> None:
        """Takes that a block is finished."""
        self._under_way.pop(piece, None)
        self._done += answers
        self._tell("")

    def _tell(self, note: str) -> None:
        under_way = list(self._under_way.values())
        done = self._done + sum(progress.done for progress in under_way if progress.unit == "answers")
        speed = sum(progress.tokens_per_second or 0.0 for progress in under_way)
        self._on_progress(Progress(min(done, self._total), self._total, "answers", speed or None, note))
