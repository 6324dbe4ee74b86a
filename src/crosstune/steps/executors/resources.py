"""What the nodes of a cluster have, and what a step is given of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from crosstune.steps.step import Needs


@dataclass(frozen=True, slots=True)
class Share:
    """What a step asks of one node."""

    cpus: float
    gpus: float
    memory_bytes: int

    def fits(self, node: "Node") -> bool:
        """Whether the node could ever run it."""
        has = node.all
        return has.cpus >= self.cpus and has.gpus >= self.gpus and has.memory_bytes >= self.memory_bytes

    def rooms(self, node: "Node") -> float:
        """How many of it the node holds at once, by GPUs where it asks for one, else by cores."""
        return node.all.gpus / self.gpus if self.gpus else node.all.cpus / (self.cpus or 1.0)

    def __str__(self) -> str:
        parts = [f"{self.cpus:g} CPU" + ("s" if self.cpus != 1 else "")]
        if self.gpus:
            parts.insert(0, f"{self.gpus:g} GPU" + ("s" if self.gpus > 1 else ""))
        if self.memory_bytes:
            parts.append(f"{self.memory_bytes / (1 << 30):.1f} GiB")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Node:
    """A node that is up."""

    id: str
    host: str
    all: Share
    """What it has, busy or not."""


def share_of(
    needs: Needs, nodes: Sequence[Node], *, gpus: bool | None, steps_on_a_gpu: int = 1, cpus: int | None = None
) -> Share:
    """What a step asks for: what it needs, or the largest there is.

    Args:
        needs: of the step.
        nodes: that are up and can take part.
        gpus: True: steps that make use of a GPU get one, even if they have to wait for a node that has it; False: no
            step gets one; None: they get one when any node has.
        steps_on_a_gpu: how many share one.
        cpus: in place of what steps that need several cores or a GPU ask for.
    """
    several = needs.cpus > 1 or needs.gpus > 0
    wanted = cpus if cpus is not None and several else needs.cpus
    if needs.gpus and gpus is not False and (gpus or any(node.all.gpus for node in nodes)):
        # Cores beside the GPU: of the nodes that have one. Its memory is shared out by the number of steps on it.
        beside = max((node.all.cpus for node in nodes if node.all.gpus), default=wanted)
        return Share(min(wanted, beside), needs.gpus / steps_on_a_gpu if needs.gpus <= 1 else needs.gpus, 0)
    most = max((node.all.cpus for node in nodes), default=wanted)
    memory = max((node.all.memory_bytes for node in nodes), default=0)
    return Share(min(wanted, most), 0.0, min(needs.memory_bytes or 0, memory))
