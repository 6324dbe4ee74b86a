"""Prompts as requests for a llama.cpp server, and what it generated as texts: both by the chat format of the model.

Knows nothing of servers. That answers begin and end as with other backends is decided here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crosstune.errors import ModelUnavailable
from crosstune.generation.config import GenerationConfig
from crosstune.generation.llama_cpp_server import BadReply
from crosstune.generation.questions import room_for_answer
from crosstune.generation.sampling import prompt_generator
from crosstune.models.chat_formats import chat_format as chat_format_named
from crosstune.models.chat_formats import encode_prompt, endings, find_stop_string, read_answer
from crosstune.models.loading import load_tokenizer
from crosstune.models.shape import shape_of_folder
from crosstune.records import Prompt, Response

_SEEDS = (1 << 32) - 1
"""llama.cpp takes 32 bits, the largest of which stands for any."""

Ask = Callable[[dict[str, Any]], dict[str, Any]]
"""Sends the body of a request to `/completion`, and gives the reply."""


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt for the server.

    Attributes:
        prompt: what is asked.
        prompt_ids: its tokens.
        max_tokens: most tokens of its answer.
        seed: of its random numbers; None: greedy.
    """

    prompt: Prompt
    prompt_ids: Sequence[int]
    max_tokens: int
    seed: int | None

    @property
    def length(self) -> int:
        """Tokens of the prompt with the longest answer."""
        return len(self.prompt_ids) + self.max_tokens


class PromptRequests:
    """The requests of some prompts."""

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
        self._tokenizer = load_tokenizer(model_folder)
        self._format = chat_format_named(chat_format, self._tokenizer)
        self._endings = endings(self._format, self._tokenizer)
        self._config = config
        shape = shape_of_folder(model_folder)
        if shape is None:
            raise ModelUnavailable("the model's settings cannot be read", where=str(model_folder))
        self.requests = [self._request(prompt, shape.context_length, seed) for prompt in prompts]
        self.longest = max((request.length for request in self.requests), default=0)

    def _request(self, prompt: Prompt, context: int, seed: int) -> Request:
        ids = encode_prompt(self._format, self._tokenizer, prompt.messages)
        most = room_for_answer(prompt.id, prompt.language, len(ids), context, self._config.max_new_tokens)
        # Each prompt has a seed of its own, so that no answer depends on which others are asked.
        own = None if self._config.temperature is None else prompt_generator(seed, prompt).initial_seed() % _SEEDS
        return Request(prompt, ids, most, own)

    def _body(self, request: Request, answer: Sequence[int]) -> dict[str, Any]:
        config = self._config
        settings: dict[str, Any] = {
            "prompt": [*request.prompt_ids, *answer],
            "n_predict": request.max_tokens - len(answer),
            "return_tokens": True,
            "cache_prompt": False,  # an answer would depend on which one was before it
            "stop": [*self._endings.strings, *self._stop_texts()],
            "repeat_penalty": config.repetition_penalty,
            "repeat_last_n": request.length,
        }
        if config.temperature is None or request.seed is None:
            return settings | {"samplers": ["penalties", "top_k"], "top_k": 1}
        samplers = {"top_k": config.top_k, "top_p": config.top_p}
        chosen = {name: value for name, value in samplers.items() if value is not None}
        return settings | {
            "samplers": ["penalties", "temperature", *chosen],
            "temperature": config.temperature,
            "seed": (request.seed + len(answer)) % _SEEDS,
            **chosen,
        }

    def _stop_texts(self) -> list[str]:
        return [str(self._tokenizer.convert_ids_to_tokens(number)) for number in sorted(self._endings.stop_ids)]

    def answer(self, request: Request, ask: Ask) -> list[int]:
        """The tokens of an answer, the one that ended it included.

        llama.cpp ends an answer at any token that it takes for an end, and at the name of one that is spelled out.
        Where the chat format does not, the server is asked for what comes next, as other backends would go on.

        Raises:
            BadReply: a reply is not what the server was asked for.
        """
        answer: list[int] = []
        while True:
            reply = ask(self._body(request, answer))
            ids, why = reply.get("tokens"), reply.get("stop_type")
            room = request.max_tokens - len(answer)
            if not isinstance(ids, list) or not all(type(number) is int for number in ids) or not 0 < len(ids) <= room:
                raise BadReply(f"the answer is not 1 to {room} token ids")
            if why not in ("eos", "word", "limit") or (why == "limit" and len(ids) < room):
                raise BadReply(f"the answer ended after {len(ids)} tokens for the reason {why!r}")
            answer += ids
            over = next((place for place, number in enumerate(answer) if number in self._endings.stop_ids), None)
            if over is not None:
                return answer[: over + 1]
            if len(answer) >= request.max_tokens or self._has_stop_string(answer):
                return answer

    def _has_stop_string(self, answer: Sequence[int]) -> bool:
        text = self._tokenizer.decode(list(answer), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return find_stop_string(text, self._endings.strings) is not None

    def response(self, request: Request, answer: Sequence[int], run: str, seconds: float) -> Response:
        """The record of an answer.

        Args:
            request: what was asked.
            answer: its tokens.
            run: the configuration that answers.
            seconds: that it took.
        """
        reached_limit = len(answer) >= request.max_tokens
        text, ending = read_answer(self._format, self._tokenizer, answer, reached_limit=reached_limit)
        return Response(
            run=run,
            prompt_id=request.prompt.id,
            language=request.prompt.language,
            text=text,
            ending=ending,
            prompt_tokens=len(request.prompt_ids),
            completion_tokens=len(answer),
            seconds=seconds,
        )
