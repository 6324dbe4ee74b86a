"""A study on a Ray cluster: what its steps take along, and what must be the same on all nodes."""

from functools import partial
from typing import Any, Literal, TypedDict, Unpack

from crosstune.errors import InvalidStudy
from crosstune.steps.executors import Executor
from crosstune.steps.executors.driver import Cluster
from crosstune.study.environment import environment

VARIABLES = (
    "CROSSTUNE_CACHE",
    "CROSSTUNE_DEVICE",
    "CROSSTUNE_NODE_ROOT",
    "CROSSTUNE_SNAPSHOT_SECONDS",
    "HF_HOME",
    "HF_HUB_CACHE",
    "HF_HUB_OFFLINE",
    "TOKENIZERS_PARALLELISM",
)
"""Environment variables that steps get from where the study was started. Keys of APIs are not among them: whatever a
cluster is told stands in its dashboard."""
_MAY_DIFFER = ("platform", "commit")


def library_versions() -> dict[str, Any]:
    """Versions that decide results, of the machine this runs on."""
    return {name: version for name, version in environment().items() if name not in _MAY_DIFFER}


class ClusterSettings(TypedDict, total=False):
    """How work is spread; see `ray_cluster`."""

    device: Literal["auto", "gpu", "cpu"]
    steps_on_a_gpu: int
    cpus: int | None
    retries: int
    patience: int


def ray_executor(address: str | None = None, **settings: Unpack[ClusterSettings]) -> Executor:
    """Runs steps on a Ray cluster; for `Study.run(executor=…)`.

    Args:
        address: as of `ray_cluster`.
        **settings: as of `ray_cluster`.

    Raises:
        InvalidStudy: Ray is not installed.
    """
    try:
        from crosstune.steps.executors import ray
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "ray":
            raise
        raise InvalidStudy("Ray is not installed", hint="pip install 'crosstune[ray]'") from error
    return partial(ray.execute, cluster=ray_cluster(address, **settings))


def ray_cluster(
    address: str | None = None,
    *,
    device: Literal["auto", "gpu", "cpu"] = "auto",
    steps_on_a_gpu: int = 1,
    cpus: int | None = None,
    retries: int = 3,
    patience: int = 600,
) -> Cluster:
    """A Ray cluster, and what work of crosstune takes along to it.

    Args:
        address: `host:port` of the cluster's head, or `auto` on one of its machines; None: `$RAY_ADDRESS`, else a
            cluster of this machine alone, which ends with the run.
        device: `auto`: on GPUs where any node has one; `gpu`: on nothing else; `cpu`: on none.
        steps_on_a_gpu: how many tunings or generations share a GPU.
        cpus: cores of each; None: 4, or what the largest node has.
        retries: how often a step is tried again after its node or process was lost.
        patience: seconds that a step waits for a node that could run it, such as one that is being started.
    """
    return Cluster(
        address=address,
        gpus={"auto": None, "gpu": True, "cpu": False}[device],
        steps_on_a_gpu=steps_on_a_gpu,
        cpus=cpus,
        retries=retries,
        patience_seconds=float(patience),
        versions=library_versions,
        variables=VARIABLES,
    )
