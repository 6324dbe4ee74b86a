"""`crosstune serve`: a small local model as an OpenAI-compatible endpoint."""

import os
import signal
import sys
import threading
from typing import Annotated

import typer

from crosstune.cli.console import console, error_console, plain


def serve(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A packaged model, such as smollm2-135m, or a .gguf file.")
    ],
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8080,
    parallel: Annotated[int, typer.Option("--parallel", min=1, help="Requests that are answered at once.")] = 4,
    context: Annotated[
        int, typer.Option("--context", min=64, help="Tokens for each request, its answer included.")
    ] = 4096,
    api_key: Annotated[
        str | None,
        typer.Option(
            "--api-key", envvar="CROSSTUNE_SERVE_API_KEY", help="Key that requests must bring.", show_default=False
        ),
    ] = None,
) -> None:
    """Serve a small model on this machine, with an endpoint that clients of OpenAI understand.

    It answers until Ctrl-C, or until the process that started it ends. Needs crosstune\\[serve].
    """
    from crosstune.models.serving import LOOPBACK, end_with_parent, served_model, serving

    ended = threading.Event()

    def end(number: int, frame: object) -> None:
        ended.set()

    # First of all: the parent may be gone before the model is loaded.
    end_with_parent(lambda: os.kill(os.getpid(), signal.SIGTERM))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    if host not in LOOPBACK and api_key is None:
        error_console.print(
            f"[yellow]warning:[/yellow] everybody who reaches {plain(host)} can use this model; give it an --api-key",
            soft_wrap=True,
        )
    found = served_model(model)
    with serving(found, host=host, port=port, parallel=parallel, context_tokens=context, api_key=api_key) as address:
        console.print(f"[bold]{plain(found.name)}[/bold] answers at {plain(address)}. Ctrl-C ends it.", soft_wrap=True)
        sys.stdout.flush()  # who reads the address from a pipe waits for it
        while not ended.wait(1):
            pass
