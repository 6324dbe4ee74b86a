"""One try at a step on a machine that may be another than the one that watches. Knows nothing of how it got there.

An attempt tells of itself in messages, and ends with one: events without their step, which is known where they arrive.
"""

import json
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from crosstune.errors import CrosstuneError
from crosstune.steps.events import Advanced, Event, Failed, Finished, Found, Started, Waiting
from crosstune.steps.executors.finish import finish, forget_frames
from crosstune.steps.executors.node_store import blindness, store_on_node
from crosstune.steps.shared import SharedStore
from crosstune.steps.step import Step
from crosstune.steps.store import MANIFEST, Store

_SECONDS_BETWEEN_PROGRESS = 0.1
_SECONDS_TO_SEE_FILES = 90.0
"""Network file systems show what another machine has written up to a minute later."""
_SECONDS_TO_LET_GO = 30.0
"""The lock of a process that died goes with it; some network file systems take their time, and some never do."""
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS", "POLARS_MAX_THREADS")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an attempt runs."""

    node: str
    host: str
    process: int


@dataclass(frozen=True, slots=True)
class Unfit:
    """The node cannot take part in this run, whatever the step."""

    node: str
    host: str
    why: str


@dataclass(frozen=True, slots=True)
class Note:
    """What a part of crosstune warned of."""

    logger: str
    text: str


Stepless = Callable[[Step], Event]
"""An event that waits for its step."""
Message = Stepless | Place | Note
Ending = Stepless | Unfit


@dataclass(frozen=True, slots=True)
class Attempt:
    """What an attempt needs to know.

    Attributes:
        step: the step.
        store: where its inputs lie and its output goes. Its root must be the same folder everywhere, unless there is a
            remote store beside it: then a machine that does not see the root has one of its own.
        token: a file below the root that says whether it is seen.
        lost: where earlier attempts died.
        versions: of the libraries on the watching machine; must be the same here.
        found_versions: gives those of this machine.
        variables: of the environment, set before the step runs.
        cpus: cores that the step may use.
        identity: of the remote store; None without one.
    """

    step: Step
    store: Store
    token: Path
    lost: tuple[Place, ...]
    versions: Mapping[str, Any]
    found_versions: Callable[[], Mapping[str, Any]]
    variables: Mapping[str, str]
    cpus: int
    identity: str | None = None


def run_attempt(attempt: Attempt, place: Place, tell: Callable[[Message], None]) -> Ending:
    """Finishes the step here; an error meant for the user is an ending, not raised."""
    tell(place)
    os.environ.update(attempt.variables)
    store, is_shared = store_on_node(attempt.store, attempt.token, place.node)
    sees = partial(blindness, store.remote, attempt.identity) if isinstance(store, SharedStore) else None
    why = unfitness(attempt.token, store.root, attempt.versions, attempt.found_versions, sees=sees)
    if why is not None:
        return Unfit(place.node, place.host, why)
    use_cpus(attempt.cpus)
    endings: list[Stepless] = []
    last_progress = 0.0

    def on_event(event: Event) -> None:
        nonlocal last_progress
        match event:
            case Found():
                endings.append(Found)
            case Finished(_, seconds):
                endings.append(partial(Finished, seconds=seconds))
            case Started(_, resumed):
                tell(partial(Started, resumed=resumed))
            case Waiting(_, holder):
                _free_stale_lock(attempt, store)
                tell(partial(Waiting, holder=holder))
            case Advanced(_, progress):
                now = time.monotonic()
                if now - last_progress >= _SECONDS_BETWEEN_PROGRESS or progress.done == progress.total:
                    last_progress = now
                    tell(partial(Advanced, progress=progress))

    with _warnings_told(tell):
        try:
            if not isinstance(store, SharedStore):
                _await_inputs(attempt)
            finish(attempt.step, store, on_event, must_send=not is_shared)
        except CrosstuneError as error:
            forget_frames(error)
            error.__cause__ = error.__context__ = None  # what led to it may not survive the journey
            return partial(Failed, error=error)
    return endings[0]


_fit_for: set[Path] = set()
"""Tokens of the runs that this process was found fit for."""


def unfitness(
    token: Path,
    root: Path,
    versions: Mapping[str, Any],
    found_versions: Callable[[], Mapping[str, Any]],
    *,
    sees: Callable[[], str | None] | None = None,
) -> str | None:
    """Why this machine cannot take part in a run; None where it can. Looked at once a process.

    Args:
        token: a file that the watching machine wrote.
        root: the folder that all machines share, for the text.
        versions: of the libraries on the watching machine; must be the same here.
        found_versions: gives those of this machine.
        sees: says why this machine does not see what it must, or None; without it, it must see the token.
    """
    if token in _fit_for:
        return None
    if sees is not None:
        if (why := sees()) is not None:
            return why
    elif not _appears(token):
        return f"it does not see {root}, which must be one folder shared by all nodes (see --root)"
    found = found_versions()
    differing = [
        f"{name} {found.get(name, 'missing')} instead of {version}"
        for name, version in versions.items()
        if found.get(name) != version
    ]
    if differing:
        return f"it has {', '.join(differing)}; install the same versions on all nodes"
    _fit_for.add(token)
    return None


def use_cpus(cpus: int) -> None:
    """Makes libraries of this process use so many cores."""
    for name in _THREADS:
        os.environ[name] = str(cpus)
    if (torch := sys.modules.get("torch")) is not None:  # an earlier step in this process has loaded it
        torch.set_num_threads(cpus)


def _appears(path: Path, seconds: float = 5.0) -> bool:
    """Whether a file that another machine wrote can be seen, perhaps after a while."""
    deadline = time.monotonic() + seconds
    while not path.is_file():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
        if path.parent.is_dir():
            list(path.parent.iterdir())  # makes network file systems look again
    return True


def _await_inputs(attempt: Attempt) -> None:
    for other in attempt.step.inputs.values():
        folder = attempt.store.folder(other)
        if not _appears(folder / MANIFEST, _SECONDS_TO_SEE_FILES):
            raise CrosstuneError(
                f"{other} is finished, but {socket.gethostname()} does not see its output",
                where=str(folder),
                hint="--root must be one folder shared by all nodes",
            )


def _free_stale_lock(attempt: Attempt, store: Store) -> None:
    """Takes the lock away from a process that is known to be dead, where the file system has not noticed that."""
    path = store.root / ".locks" / attempt.step.kind / f"{attempt.step.fingerprint[:8]}.lock"
    deadline = time.monotonic() + _SECONDS_TO_LET_GO
    while _holder(path) in {(place.host, place.process) for place in attempt.lost}:
        if _can_be_had(path):
            return
        if time.monotonic() > deadline:
            path.unlink(
                missing_ok=True
            )  # whoever waits opens the path anew at each try, so all go on with a fresh file
            return
        time.sleep(0.5)


def _holder(path: Path) -> tuple[str, int] | None:
    try:
        holder = json.loads(path.with_name(path.name + ".holder").read_text("utf-8"))
        return holder["host"], holder["pid"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _can_be_had(path: Path) -> bool:
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    lock.release()
    return True


class _Teller(logging.Handler):
    def __init__(self, tell: Callable[[Message], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Sends a warning to where it is seen."""
        self._tell(Note(record.name, record.getMessage()))


@contextmanager
def _warnings_told(tell: Callable[[Message], None]) -> Iterator[None]:
    handler = _Teller(tell)
    logging.getLogger("crosstune").addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger("crosstune").removeHandler(handler)
