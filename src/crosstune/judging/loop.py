"""Runs the calls of judging to their end, in an event loop of their own; knows nothing of judging."""

import asyncio
import gc
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any


def run_to_end(main: Coroutine[Any, Any, None]) -> None:
    """Runs a coroutine; in a thread where an event loop runs already, as in a notebook.

    Args:
        main: what is run; cancelled, and waited for, at Ctrl-C.
    """
    try:
        with _rare_collection():
            if _is_in_loop():
                _run_in_thread(main)
            else:
                _run(main)
    finally:
        main.close()  # where Ctrl-C came before it began


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(main)


def _run_in_thread(main: Coroutine[Any, Any, None]) -> None:
    stops: list[Callable[[], object]] = []

    async def stoppable() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        if task is not None:
            stops.append(lambda: loop.call_soon_threadsafe(task.cancel))
        await main

    with ThreadPoolExecutor(1, "judging") as pool:
        ended = pool.submit(_run, stoppable())
        try:
            ended.result()
        except KeyboardInterrupt:
            for stop in stops:
                with suppress(RuntimeError):  # it has just ended
                    stop()
            raise


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """That of uvloop, which takes less of the processor; None where it is not installed, as on Windows."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return None
    return new_event_loop


@contextmanager
def _rare_collection() -> Iterator[None]:
    """Looks for garbage less often: a sixth of the processor's time goes into looking through what Inspect and the
    providers' packages have loaded, while calls hardly leave any."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
