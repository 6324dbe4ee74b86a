"""Prompts as requests for a vLLM server, and what it generated as texts: both by the chat format of the model.

Knows nothing of servers. That answers begin and end as with other backends is decided here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crosstune.errors import InvalidData, ModelUnavailable
from crosstune.generation.config import GenerationConfig
from crosstune.generation.questions import room_for_answer
from crosstune.generation.sampling import prompt_generator
from crosstune.generation.vllm_client import Answer, Request
from crosstune.models.chat_formats import chat_format as chat_format_named
from crosstune.models.chat_formats import encode_prompt, endings, read_answer
from crosstune.models.loading import load_tokenizer
from crosstune.records import Prompt, Response


class PromptRequests:
    """The requests of some prompts; `requests[n]` is that of `prompts[n]`."""

    def __init__(
        self, prompts: Sequence[Prompt], model_folder: Path, chat_format: str, *, config: GenerationConfig, seed: int
    ) -> None:
        """Args:
        prompts: what is asked.
        model_folder: of the model, for its tokenizer and context.
        chat_format: name of the chat format.
        config: how to generate.
        seed: for sampling.

        Raises:
            ModelUnavailable: the tokenizer or the settings of the model cannot be read.
            InvalidData: a prompt is longer than the model's context.
        """
        self.prompts = prompts
        self._tokenizer = load_tokenizer(model_folder)
        self._format = chat_format_named(chat_format, self._tokenizer)
        self._config = config
        context = _context(model_folder)
        settings = self._settings()
        self.requests = []
        for number, prompt in enumerate(prompts):
            ids = encode_prompt(self._format, self._tokenizer, prompt.messages)
            most = room_for_answer(prompt.id, prompt.language, len(ids), context, config.max_new_tokens)
            # Each prompt has a seed of its own, so that no answer depends on which others are asked.
            own = {} if config.temperature is None else {"seed": prompt_generator(seed, prompt).initial_seed()}
            self.requests.append(Request(number, ids, most, settings | own))

    def _settings(self) -> dict[str, Any]:
        stops, config = endings(self._format, self._tokenizer), self._config
        return {
            "stop_token_ids": sorted(stops.stop_ids),
            "stop": list(stops.strings),
            "ignore_eos": True,  # where it ends an answer it is among the stop tokens
            "skip_special_tokens": True,  # in the text in which stop strings are looked for
            "repetition_penalty": config.repetition_penalty,
            "temperature": config.temperature or 0.0,
            "top_p": config.top_p or 1.0,
            "top_k": config.top_k or 0,
            # Said because a server that runs already may have other defaults.
            "min_p": 0.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
        }

    def require_room(self, most: int | None) -> None:
        """Makes sure that each prompt and its answer fit into a server: it would cut the answers short.

        Args:
            most: tokens that it takes; None: not known.

        Raises:
            InvalidData: some prompt does not fit.
        """
        for prompt, request in zip(self.prompts, self.requests, strict=True):
            length = len(request.prompt_ids) + request.max_tokens
            if most is not None and length > most:
                raise InvalidData(
                    f"prompt '{prompt.id}' ({prompt.language}) and its answer may have {length} tokens, and the vLLM "
                    f"server takes {most}",
                    hint="raise generation.vllm.max_model_len, or lower generation.max_new_tokens",
                )

    def response(self, answer: Answer, run: str) -> Response:
        """The record of an answer.

        Args:
            answer: to one of the requests.
            run: the configuration that answers.
        """
        prompt = self.prompts[answer.number]
        text, ending = read_answer(self._format, self._tokenizer, answer.token_ids, reached_limit=answer.reached_limit)
        return Response(
            run=run,
            prompt_id=prompt.id,
            language=prompt.language,
            text=text,
            ending=ending,
            prompt_tokens=len(self.requests[answer.number].prompt_ids),
            completion_tokens=len(answer.token_ids),
            seconds=answer.seconds,
        )


def _context(model_folder: Path) -> int | None:
    """How many tokens the model reads, as far as its settings say."""
    from transformers import AutoConfig

    try:
        config: Any = AutoConfig.from_pretrained(str(model_folder), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ModelUnavailable(
            f"the model's settings cannot be read ({(str(error).splitlines() or [''])[0]})", where=str(model_folder)
        ) from error
    found = getattr(config.get_text_config(decoder=True), "max_position_embeddings", None)
    return int(found) if found is not None else None
