"""Answers blocks of prompts with one model that stays loaded: what one worker of many does, or the only one."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from crosstune.generation.backend import Backend
from crosstune.generation.config import GenerationConfig
from crosstune.generation.prompt_blocks import Answered, PromptBlocks
from crosstune.generation.vllm_config import VllmConfig
from crosstune.models.base import BaseModel
from crosstune.models.prepare import prepare
from crosstune.progress import OnProgress, ignore_progress
from crosstune.records import Prompt, Response
from crosstune.storage.tables import RecordLog


@dataclass(frozen=True, slots=True)
class Asked:
    """What answers, and how; small enough to be sent to other machines.

    Attributes:
        model: a base model, or a fully tuned one in a folder.
        adapter: for it; None: the model as it is.
        chat_format: by which prompts become text.
        config: how to generate.
        seed: for sampling.
        run: what the configuration is called in the answers.
        vllm_command: starts vLLM's server when its options are added; None: that of the installed package.
    """

    model: BaseModel
    adapter: Path | None
    chat_format: str
    config: GenerationConfig
    seed: int
    run: str
    vllm_command: tuple[str, ...] | None = None


class BlockAnswerer:
    """Answers one block after the other. The model is loaded for the first, or its server started."""

    def __init__(self, blocks: PromptBlocks, asked: Asked) -> None:
        self._blocks = blocks
        self._asked = asked
        self._folder: Path | None = None
        self._generate = _backend(asked)

    def __call__(self, number: int, on_progress: OnProgress = ignore_progress) -> Answered:
        """Answers a block, from where an earlier try at it ended.

        Args:
            number: which.
            on_progress: told how many of its prompts are answered.

        Raises:
            CrosstuneError: see `generation.backend.Backend` and `PromptBlocks.answer`.
        """
        asked = self._asked
        if self._folder is None:
            self._folder = prepare(asked.model, on_progress)
        folder = self._folder

        def answer(prompts: list[Prompt], log: RecordLog[Response]) -> None:
            self._generate(
                prompts,
                run=asked.run,
                model_folder=folder,
                adapter=asked.adapter,
                chat_format=asked.chat_format,
                config=asked.config,
                seed=asked.seed,
                log=log,
                on_progress=on_progress,
            )

        return self._blocks.answer(number, answer)


def _backend(asked: Asked) -> Backend:
    if asked.config.backend == "vllm":
        from crosstune.generation.backends import vllm

        # Nothing else on this machine waits for the GPU's memory between two blocks.
        awake = (asked.config.vllm or VllmConfig()).model_copy(update={"sleep": False})
        serve: Callable[..., None] = partial(
            vllm.generate, takes_adapters=asked.adapter is not None, command=asked.vllm_command
        )

        def generate_awake(*arguments: object, config: GenerationConfig, **options: object) -> None:
            serve(*arguments, config=config.model_copy(update={"vllm": awake}), **options)

        return generate_awake
    if asked.config.backend == "llama.cpp":
        from crosstune.generation.backends import llama_cpp
        from crosstune.models.packaged import PACKAGED_MODELS
        from crosstune.models.packaged_gguf import packaged_gguf

        return partial(llama_cpp.generate, gguf=packaged_gguf(PACKAGED_MODELS[asked.model.location]))
    from crosstune.generation.backends import transformers

    return partial(transformers.generate, held=transformers.HeldModel())
