"""Weights, gradients and optimizer in parts, one a process (FSDP2), and put together where they are written.

What is written is as a training without sharding writes it, so any number of processes can go on from it.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.distributed.tensor import DTensor, distribute_tensor

from crosstune.errors import InvalidStudy
from crosstune.training.config import Adaptation, TrainingConfig
from crosstune.training.processes import is_first_process, process_count


def is_sharded(config: TrainingConfig, adaptation: Adaptation, device: str) -> bool:
    """Whether each process of this training holds a part of the model.

    Raises:
        InvalidStudy: it should, and cannot here.
    """
    kind = torch.device(device).type
    if process_count() == 1 or config.sharding == "none":
        return False
    if config.sharding == "auto":
        return kind == "cuda" and adaptation.lora is None
    if kind == "cpu" and torch.accelerator.is_available():
        raise InvalidStudy(
            "training.sharding: fsdp cannot use the CPU of a machine with GPUs",
            hint="set training.sharding: none, or let it use the GPUs",
        )
    return True


def sharding_settings() -> dict[str, Any]:
    """What Accelerate is told of it, as `accelerate.FullyShardedDataParallelPlugin` takes it.

    Weights are put together in the format that they are kept in; autocast then chooses that of products, as it does
    without sharding, so that the arithmetic is the same.
    """
    from torch.distributed.fsdp import MixedPrecisionPolicy

    return {
        "fsdp_version": 2,
        "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        "reshard_after_forward": True,
        "state_dict_type": "FULL_STATE_DICT",
        "cpu_ram_efficient_loading": False,
        "mixed_precision_policy": MixedPrecisionPolicy(),
    }


def shard_without_gpus(accelerator: Any) -> None:
    """Switches sharding on where Accelerate does not: it offers it on GPUs alone, torch on CPUs as well."""
    from accelerate import FullyShardedDataParallelPlugin
    from accelerate.utils import DistributedType

    accelerator.state.fsdp_plugin = FullyShardedDataParallelPlugin(**sharding_settings())
    accelerator.state.distributed_type = DistributedType.FSDP


def _whole(tensor: torch.Tensor) -> torch.Tensor:
    """All of a tensor, in the first process and on the CPU; elsewhere an empty one. All processes take part."""
    full = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
    return full.cpu() if is_first_process() else torch.empty(0)


def whole_weights(model: torch.nn.Module, *, trained_alone: bool) -> dict[str, torch.Tensor]:
    """The weights of a model whose parts are with several processes, all of which must ask; only the first gets them.

    Args:
        model: as it is trained.
        trained_alone: whether frozen weights are left out.
    """
    whole: dict[int, torch.Tensor] = {}  # tied weights stay one
    weights = {}
    for name, value in model.state_dict(keep_vars=True).items():
        if trained_alone and not value.requires_grad:
            continue
        if id(value) not in whole:
            whole[id(value)] = _whole(value.detach())
        weights[name] = whole[id(value)]
    return weights


def whole_optimizer(optimizer: Any) -> dict[str, Any]:
    """The state of an optimizer as it would be without sharding; all processes must ask, and only the first gets it."""
    state = optimizer.state_dict()
    return {**state, "state": {number: _mapped(of_one, _whole) for number, of_one in state["state"].items()}}


def load_whole_optimizer(optimizer: Any, state: dict[str, Any]) -> None:
    """Gives an optimizer this process's part of a state that was written whole."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]

    def part_of(parameter: Any) -> Callable[[torch.Tensor], torch.Tensor]:
        def part(tensor: torch.Tensor) -> torch.Tensor:
            if not isinstance(parameter, DTensor) or tensor.shape != parameter.shape:
                return tensor  # such as the number of updates
            local = tensor.to(parameter.device)
            return distribute_tensor(local, parameter.device_mesh, parameter.placements, src_data_rank=None)

        return part

    parts = {number: _mapped(of_one, part_of(parameters[number])) for number, of_one in state["state"].items()}
    optimizer.load_state_dict({**state, "state": parts})


def _mapped(state: dict[str, Any], change: Callable[[torch.Tensor], torch.Tensor]) -> dict[str, Any]:
    return {name: change(value) if isinstance(value, torch.Tensor) else value for name, value in state.items()}


def unsharded(model: Any, plain: Any) -> Any:
    """A fully tuned model in one piece, in the first process; None in the others, all of which must ask.

    Args:
        model: as it is trained.
        plain: loads a model of the same architecture on the CPU, whose weights are replaced.
    """
    weights = whole_weights(model, trained_alone=False)
    if not is_first_process():
        return None
    whole = plain()
    whole.load_state_dict(weights, assign=True)
    whole.tie_weights()
    whole.generation_config = model.generation_config
    return whole
