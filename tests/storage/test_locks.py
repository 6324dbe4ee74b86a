import os
import signal
import subprocess
import sys
import time

import pytest

from crosstune.errors import Busy
from crosstune.storage.locks import lock

HOLD = """
import sys, time
from pathlib import Path
from crosstune.storage.locks import lock
with lock(Path(sys.argv[1]), "study x"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "a.lock")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_who_holds_it_is_named(tmp_path, holder):
    with pytest.raises(Busy, match=rf"process {holder.pid} on .*study x"), lock(tmp_path / "a.lock", "me", wait=False):
        pass


def test_a_killed_holder_lets_go(tmp_path, holder):
    waited = []
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    started = time.monotonic()
    with lock(tmp_path / "a.lock", "me", on_wait=waited.append):
        pass
    assert time.monotonic() - started < 5


def test_waiting_is_announced_once(tmp_path, holder):
    import threading

    waited = []
    threading.Timer(0.5, holder.kill).start()
    with lock(tmp_path / "a.lock", "me", on_wait=waited.append):
        pass
    assert len(waited) == 1 and str(holder.pid) in waited[0]


def test_what_a_killed_holder_left_as_it_wrote_its_name_is_removed(tmp_path):
    (tmp_path / ".a.lock.holder.x7y8z9.tmp").write_text("{")
    (tmp_path / ".b.lock.holder.x7y8z9.tmp").write_text("of another lock, whose holder may be writing now")
    with lock(tmp_path / "a.lock", "me"):
        pass
    left = {path.name for path in tmp_path.iterdir()} - {"a.lock"}
    assert left == {".b.lock.holder.x7y8z9.tmp"}
