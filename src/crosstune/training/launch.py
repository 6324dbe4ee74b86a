"""Starts the processes that share a piece of work on this machine, listens to them, and ends them together.

Each runs the same picklable work, with the variables that torch's own launcher sets (`RANK`, `WORLD_SIZE`, …). They
tell of themselves over a pipe: progress and warnings of the first, errors of all. Their input is a pipe that ends when
this process does, however it ends, and they end with it. Imports no torch.
"""

import contextlib
import logging
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from crosstune.errors import CrosstuneError, StepFailed
from crosstune.progress import OnProgress, Progress

Work = Callable[..., None]
"""What each process does, given `on_progress`; a module-level function, or a `functools.partial` of one."""

MEETING_POINT = "CROSSTUNE_MEETING_POINT"
"""The variable that says where the processes find each other, as `torch.distributed.init_process_group` takes it."""

_START = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from crosstune.training.launch import run_process; run_process()"
)
_SECONDS_FOR_THE_CAUSE = 5.0
"""One process fails, the others only lose touch with it: how long to wait for the error that came first."""
_SECONDS_BETWEEN_LOOKS = 0.5
"""Those who interrupt a thread without a signal, as Ray does, are heard only between two waits."""
_SECONDS_TO_END = 5.0
_LAST_WORDS = 20
"""Lines of what a process printed that an error repeats."""


@dataclass(frozen=True, slots=True)
class _Warned:
    logger: str
    text: str


@dataclass(frozen=True, slots=True)
class _Raised:
    """An error that is not meant for the user, as text: what it holds may not survive the journey."""

    name: str
    trace: str


@dataclass(frozen=True, slots=True)
class _Ended:
    pass


class _Process:
    """One of the processes, as seen from here."""

    def __init__(self, rank: int, work: Work, variables: Mapping[str, str], told: "queue.Queue[tuple[int, Any]]"):
        self.rank = rank
        self.printed: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `end`
        reading, writing = os.pipe()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _START],
                stdin=subprocess.PIPE,
                stdout=self.printed,
                stderr=subprocess.STDOUT,
                env={**os.environ, **variables, "CROSSTUNE_MESSAGES": str(writing)},
                pass_fds=(writing,),
                start_new_session=True,  # Ctrl-C reaches this process alone, which then ends the others
            )
        except BaseException:
            os.close(reading)
            self.printed.close()
            raise
        finally:
            os.close(writing)
        self._reader = threading.Thread(target=self._listen, args=(os.fdopen(reading, "rb"), told), daemon=True)
        self._reader.start()
        self._writer = threading.Thread(target=self._hand_over, args=(work,), daemon=True)
        self._writer.start()

    def _hand_over(self, work: Work) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):  # it has died already
            pickle.dump(sys.path, self.process.stdin)
            pickle.dump(work, self.process.stdin)
            self.process.stdin.flush()

    def _listen(self, messages: IO[bytes], told: "queue.Queue[tuple[int, Any]]") -> None:
        try:
            with messages, contextlib.suppress(EOFError, pickle.UnpicklingError, OSError):
                while True:
                    told.put((self.rank, pickle.load(messages)))
        finally:
            told.put((self.rank, _Ended()))

    def end(self) -> None:
        """Kills it, and whatever it has started."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._writer.join(_SECONDS_TO_END)
        with contextlib.suppress(OSError):
            assert self.process.stdin is not None
            self.process.stdin.close()
        self._reader.join(_SECONDS_TO_END)
        self.printed.close()

    def last_words(self) -> str:
        """The end of what it printed."""
        self.printed.seek(0)
        lines = self.printed.read().decode("utf-8", errors="replace").strip().splitlines()
        return "\n".join(lines[-_LAST_WORDS:])


def launch(work: Work, *, processes: int, on_progress: OnProgress, variables: Mapping[str, str] | None = None) -> None:
    """Does work in several processes of this machine, and returns when all have done it.

    When one fails or dies the others are killed; so are all when this process is interrupted or dies.

    Args:
        work: called in each with `on_progress`, which takes its progress; that of the first process is heard.
        processes: how many.
        on_progress: told what the first process tells.
        variables: of their environment, beside those of this process and those that number them.

    Raises:
        CrosstuneError: what a process raised.
        StepFailed: a process was killed, or ended without a word.
        RuntimeError: a bug in the work; says what and where.
    """
    pickle.dumps(work)  # an error here rather than in a thread
    told: queue.Queue[tuple[int, Any]] = queue.Queue()
    started: list[_Process] = []
    with tempfile.TemporaryDirectory(prefix="crosstune-") as folder:
        common = {
            **(variables or {}),
            "WORLD_SIZE": str(processes),
            "LOCAL_WORLD_SIZE": str(processes),
            "MASTER_ADDR": "127.0.0.1",  # some libraries look for it; nothing listens there
            MEETING_POINT: (Path(folder) / "meeting-point").as_uri(),
        }
        try:
            for rank in range(processes):
                numbers = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
                started.append(_Process(rank, work, {**common, **numbers}, told))
            _listen(started, told, on_progress)
        finally:
            for process in started:
                process.end()


def _listen(started: list[_Process], told: "queue.Queue[tuple[int, Any]]", on_progress: OnProgress) -> None:
    running = {process.rank for process in started}
    failed: list[tuple[int, CrosstuneError | _Raised | None]] = []
    deadline = float("inf")
    while running and time.monotonic() < deadline:
        try:
            rank, message = told.get(timeout=_SECONDS_BETWEEN_LOOKS)
        except queue.Empty:
            continue
        match message:
            case Progress():
                if rank == 0 and not failed:
                    on_progress(message)
            case _Warned(name, text):
                if rank == 0:  # the others would say the same
                    logging.getLogger(name).warning("%s", text)
            case _Ended():
                running.discard(rank)
                if started[rank].process.wait() != 0 and not any(one == rank for one, _ in failed):
                    failed.append((rank, None))
            case _:
                failed.append((rank, message))
        if any(isinstance(error, CrosstuneError) for _, error in failed):
            break
        if failed:
            deadline = min(deadline, time.monotonic() + _SECONDS_FOR_THE_CAUSE)
    if failed:
        raise _error(failed, started)


def _error(failed: list[tuple[int, CrosstuneError | _Raised | None]], started: list[_Process]) -> Exception:
    """The cause among what happened: an error meant for the user, else a death, else what was raised first."""
    for _, error in failed:
        if isinstance(error, CrosstuneError):
            return error
    for rank, error in failed:
        if error is None:
            code = started[rank].process.returncode
            how = f"was killed ({signal.Signals(-code).name})" if code < 0 else f"ended with status {code}"
            words = started[rank].last_words()
            return StepFailed(
                f"process {rank} of {len(started)} {how}" + (f"; its last words:\n{words}" if words else ""),
                hint="run it again: it goes on with what is done. Systems kill processes where memory runs out"
                if -code == signal.SIGKILL
                else None,
            )
    rank, raised = failed[0]
    assert isinstance(raised, _Raised)
    return RuntimeError(f"process {rank} of {len(started)} raised {raised.name}\n{raised.trace}")


class _Teller(logging.Handler):
    def __init__(self, tell: Callable[[Any], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Sends a warning to where it is seen."""
        self._tell(_Warned(record.name, record.getMessage()))


@contextlib.contextmanager
def _warnings_told(tell: Callable[[Any], None]) -> Iterator[None]:
    log = logging.getLogger("crosstune")
    log.addHandler(_Teller(tell))
    log.propagate = False
    yield


def run_process() -> None:
    """What a started process does: takes its work from its input, does it, and tells how that went."""
    messages = os.fdopen(int(os.environ.pop("CROSSTUNE_MESSAGES")), "wb")
    work: Work = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    writing = threading.Lock()

    def tell(message: Any) -> None:
        with writing:
            pickle.dump(message, messages)
            messages.flush()

    status = 1
    try:
        with _warnings_told(tell):
            work(on_progress=tell)
        status = 0
    except CrosstuneError as error:
        error.__cause__ = error.__context__ = None  # what led to it may not survive the journey
        tell(error.with_traceback(None))
    except BaseException as error:  # noqa: BLE001 - raised again by who listens
        tell(_Raised(type(error).__name__, traceback.format_exc()))
    messages.close()
    # Libraries that still wait for the other processes would keep this one from ending.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _end_with_parent() -> None:
    sys.stdin.buffer.read()  # returns when the other end is closed, which a process that dies leaves to the system
    os._exit(1)
