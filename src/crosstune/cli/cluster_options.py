"""The options of commands whose work can be spread over a Ray cluster."""

from enum import StrEnum
from typing import Annotated, Any

import typer

CLUSTER_PANEL = "On a cluster"


class ExecutorName(StrEnum):
    """Where work is done."""

    LOCAL = "local"
    RAY = "ray"


class DeviceName(StrEnum):
    """What tuning and answering run on, on a cluster."""

    AUTO = "auto"
    GPU = "gpu"
    CPU = "cpu"


ExecutorOption = Annotated[
    ExecutorName, typer.Option("--executor", help="Where it is done: one by one here, or on a Ray cluster.")
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        help="The head of the Ray cluster, or auto; default: $RAY_ADDRESS, else a cluster of this machine alone.",
        show_default=False,
        rich_help_panel=CLUSTER_PANEL,
    ),
]
DeviceOption = Annotated[
    DeviceName | None,
    typer.Option(
        "--device",
        help="Tune and answer on GPUs where there are any (auto), on nothing else, or on none.",
        show_default=False,
        rich_help_panel=CLUSTER_PANEL,
    ),
]
CpusOption = Annotated[
    int | None,
    typer.Option(
        "--cpus",
        min=1,
        help="Cores of each tuning, and of each that answers; default: 4, or what the largest node has.",
        show_default=False,
        rich_help_panel=CLUSTER_PANEL,
    ),
]
RetriesOption = Annotated[
    int | None,
    typer.Option(
        "--retries",
        min=0,
        help="How often a step, or a block of prompts, is tried again after its node or process was lost; default: 3.",
        show_default=False,
        rich_help_panel=CLUSTER_PANEL,
    ),
]
PatienceOption = Annotated[
    int | None,
    typer.Option(
        "--patience",
        metavar="SECONDS",
        min=0,
        help="How long to wait for a node that could run it at all; default: 600.",
        show_default=False,
        rich_help_panel=CLUSTER_PANEL,
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        help="How many answer at once, each on a GPU of its own; default: as many as there is room for.",
        show_default=False,
        rich_help_panel=CLUSTER_PANEL,
    ),
]


def cluster_choice(executor: ExecutorName, **options: Any) -> dict[str, Any]:
    """The options of a cluster that were given.

    Raises:
        typer.BadParameter: one was, and nothing runs on a cluster.
    """
    chosen = {name: value for name, value in options.items() if value is not None}
    if chosen and executor is ExecutorName.LOCAL:
        raise typer.BadParameter(f"--{next(iter(chosen))} goes with --executor ray")
    return chosen
