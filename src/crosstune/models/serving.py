"""A GGUF model served on this machine by llama.cpp (package xllamacpp), as an OpenAI-compatible endpoint.

The server lives in the process that starts it and ends with it.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from crosstune.errors import ModelUnavailable, did_you_mean
from crosstune.models.packaged import PACKAGED_MODELS
from crosstune.models.packaged_gguf import packaged_gguf
from crosstune.storage.paths import written_path

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_GGUF_MAGIC = b"GGUF"
_PARENT_LOOKED_AT_EVERY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that a server can read."""

    name: str
    """What requests call it."""
    gguf: Path


def served_model(name: str) -> ServedModel:
    """The model that is meant: a packaged one by name, or a GGUF file.

    Raises:
        ModelUnavailable: there is none, or it is no GGUF file.
    """
    if (packaged := PACKAGED_MODELS.get(name)) is not None:
        return ServedModel(name, packaged_gguf(packaged))
    path = written_path(name, Path())
    if not path.is_file():
        raise ModelUnavailable(
            f"'{name}' is neither a packaged model nor a file",
            hint=f"{did_you_mean(name, PACKAGED_MODELS)} (or the path of a .gguf file)",
        )
    with path.open("rb") as file:
        if file.read(len(_GGUF_MAGIC)) != _GGUF_MAGIC:
            raise ModelUnavailable("not a GGUF file", where=str(path), hint="only models in GGUF format can be served")
    return ServedModel(path.stem, path)


@contextmanager
def serving(
    model: ServedModel,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    parallel: int = 4,
    context_tokens: int = 4096,
    api_key: str | None = None,
) -> Iterator[str]:
    """Serves a model until the block ends.

    Args:
        model: from `served_model`.
        host: address to listen on.
        port: 0 takes a free one.
        parallel: requests that are answered at once; others wait.
        context_tokens: for each request, its answer included.
        api_key: what requests must bring; None: nothing.

    Yields:
        The address that requests go to, such as `http://127.0.0.1:8080/v1`.

    Raises:
        ModelUnavailable: xllamacpp is not installed, the address is taken, or the file cannot be loaded.
    """
    if find_spec("xllamacpp") is None:
        raise ModelUnavailable(
            "serving a model needs the package xllamacpp", hint="install it with: pip install 'crosstune[serve]'"
        )
    import xllamacpp

    _require_free(host, port)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model.gguf)
    parameters.model_alias = {model.name}
    parameters.hostnames = [host]
    parameters.port = port
    parameters.n_parallel = parallel
    parameters.n_ctx = parallel * context_tokens
    parameters.ui = False
    parameters.verbosity = 0
    if api_key is not None:
        parameters.api_keys = [api_key]
    try:
        server = xllamacpp.Server(parameters)
    except RuntimeError as error:
        raise ModelUnavailable(
            f"llama.cpp cannot serve this model ({error})", where=str(model.gguf), hint="is the file whole?"
        ) from error
    try:
        yield f"{server.listening_address}/v1"
    finally:
        del server


def _require_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except (OSError, OverflowError) as error:
        raise ModelUnavailable(
            f"cannot listen on {host}:{port} ({error})", hint="name another with --port; 0 takes a free one"
        ) from error


def end_with_parent(end: Callable[[], None]) -> None:
    """Calls `end` once the process that started this one is gone, from a thread of its own."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_LOOKED_AT_EVERY_SECONDS)
        end()

    threading.Thread(target=watch, daemon=True).start()
