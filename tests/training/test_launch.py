"""Processes that share a piece of work, without torch: what is heard of them, and that none outlives the others."""

import logging
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from crosstune.errors import CrosstuneError, OutOfMemory, StepFailed
from crosstune.progress import OnProgress, Progress, ignore_progress
from crosstune.training.launch import launch


def rank() -> int:
    return int(os.environ["RANK"])


def write_numbers(folder: Path, *, on_progress: OnProgress) -> None:
    names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "THREADS")
    (folder / str(rank())).write_text(" ".join(os.environ[name] for name in names))
    print("a library prints")
    on_progress(Progress(rank() + 1, 2, "updates"))
    logging.getLogger("crosstune.training").warning("of process %d", rank())


def fail(how: str, *, on_progress: OnProgress) -> None:
    if rank() == 0:  # as if it waited for the other
        time.sleep(60)
    if how == "memory":
        raise OutOfMemory("out of memory while training", hint="lower it")
    if how == "bug":
        raise ZeroDivisionError("7 / 0")
    print("no space for a thought")
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def lose_touch(*, on_progress: OnProgress) -> None:
    if rank() == 0:
        raise RuntimeError("connection closed by peer")
    time.sleep(0.3)
    raise OutOfMemory("out of memory while training")


def write_own_number_and_wait(folder: Path, *, on_progress: OnProgress) -> None:
    (folder / f"{rank()}.writing").write_text(str(os.getpid()))
    (folder / f"{rank()}.writing").rename(folder / str(rank()))
    while len(list(folder.glob("[01]"))) < 2:
        time.sleep(0.01)
    on_progress(Progress(1, 9, "updates"))
    time.sleep(60)


def is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # a child of nobody that waits for it is dead, though it has a number


def wait_until_gone(processes: list[int]) -> None:
    deadline = time.monotonic() + 10
    while any(is_alive(process) for process in processes):
        assert time.monotonic() < deadline, "a process outlived who started it"
        time.sleep(0.02)


def test_all_work_and_the_first_is_heard(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[Progress] = []
    launch(partial(write_numbers, tmp_path), processes=2, on_progress=seen.append, variables={"THREADS": "3"})
    assert [(tmp_path / name).read_text() for name in ("0", "1")] == ["0 0 2 3", "1 1 2 3"]
    assert [progress.done for progress in seen] == [1]
    assert [record.getMessage() for record in caplog.records] == ["of process 0"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("how", "kind", "words"),
    [
        ("memory", OutOfMemory, "out of memory while training; lower it"),
        ("bug", RuntimeError, "process 1 of 2 raised ZeroDivisionError(?s:.*)7 / 0"),
        ("killed", StepFailed, r"process 1 of 2 was killed \(SIGKILL\); its last words:\nno space for a thought"),
    ],
)
def test_what_one_dies_of_is_raised(
    how: str, kind: type[Exception], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crosstune.training.launch._SECONDS_FOR_THE_CAUSE", 0.5)
    started = time.monotonic()
    with pytest.raises(kind, match=words):
        launch(partial(fail, how), processes=2, on_progress=ignore_progress)
    assert time.monotonic() - started < 30  # the other, which waits for a minute, was ended


def test_the_cause_is_raised_and_not_that_touch_was_lost() -> None:
    with pytest.raises(CrosstuneError, match="out of memory"):
        launch(lose_touch, processes=2, on_progress=ignore_progress)


def test_an_interrupt_ends_all(tmp_path: Path) -> None:
    def interrupt(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        launch(partial(write_own_number_and_wait, tmp_path), processes=2, on_progress=interrupt)
    wait_until_gone([int((tmp_path / name).read_text()) for name in ("0", "1")])


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_none_outlives_who_started_them(tmp_path: Path) -> None:
    program = (
        "import sys; from functools import partial; from pathlib import Path; from crosstune.training import launch\n"
        "from crosstune.progress import ignore_progress; import test_launch\n"
        f"work = partial(test_launch.write_own_number_and_wait, Path({str(tmp_path)!r}))\n"
        "launch.launch(work, processes=2, on_progress=ignore_progress)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    starter = subprocess.Popen([sys.executable, "-c", program], env=environment)
    try:
        deadline = time.monotonic() + 30
        while len(list(tmp_path.glob("[01]"))) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        starter.kill()
        starter.wait()
    wait_until_gone([int((tmp_path / name).read_text()) for name in ("0", "1")])
