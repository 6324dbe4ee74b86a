"""Serves one GGUF model, with at most one adapter, until its standard input ends: a program of its own.

    python -P llama_cpp_program.py

A process, because llama.cpp ends the one it lives in when it meets what it did not expect. The first line of standard
input has the settings as JSON; the first line of standard output has the address, or why there is none. The end of
standard input, or another parent than at the start, means that the process that started it is gone, however it
ended, or is done. Knows nothing of crosstune, and imports nothing of it, so that it starts at once.
"""

import json
import os
import select
import threading
from typing import Any, TextIO

_SECONDS_BETWEEN_LOOKS = 0.2
_WARNINGS = 2
"""llama.cpp's verbosity: what it warns of, and errors."""


def _end_with_parent(parent: int) -> None:
    # Two signs, as the pipe stays open in processes that the parent forked.
    while os.getppid() == parent:
        readable, _, _ = select.select([0], [], [], _SECONDS_BETWEEN_LOOKS)
        if readable and not os.read(0, 1):
            break
    os._exit(0)  # not even waiting for answers under way: nobody reads them


def _first_line() -> bytes:
    # Byte by byte: what a buffer read beyond the line would be missed by the one who waits for the end.
    line = bytearray()
    while (byte := os.read(0, 1)) not in (b"", b"\n"):
        line += byte
    return bytes(line)


def _server(settings: dict[str, Any]) -> Any:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = settings["gguf"]
    if settings["adapter"] is not None:
        adapter = xllamacpp.CommonAdapterLoraInfo()
        adapter.path, adapter.scale = settings["adapter"], 1.0
        parameters.lora_adapters = [adapter]
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [settings["key"]]
    parameters.n_parallel = settings["slots"]
    parameters.n_ctx = settings["slots"] * settings["context"]
    parameters.cpuparams.n_threads = settings["threads"]
    parameters.cpuparams_batch.n_threads = settings["threads"]
    parameters.special = True  # in the text in which stop strings are looked for, as marks of a next turn are tokens
    parameters.cache_ram_mib = 0  # prompts are asked once
    parameters.cache_idle_slots = False
    parameters.n_ctx_checkpoints = 0
    parameters.fit_params = False  # else memory that is short makes the context shorter than was asked for
    parameters.warmup = False
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.verbosity = _WARNINGS
    return xllamacpp.Server(parameters)


def _serve(replies: TextIO) -> None:
    parent = os.getppid()
    settings = json.loads(_first_line())
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    try:
        server = _server(settings)
        reply = {"address": server.listening_address}
    except (RuntimeError, ImportError) as error:
        reply = {"error": str(error)}
    print(json.dumps(reply), file=replies, flush=True)
    threading.Event().wait()  # the other thread ends the process


if __name__ == "__main__":
    own_output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what llama.cpp prints is for the log
    _serve(own_output)
