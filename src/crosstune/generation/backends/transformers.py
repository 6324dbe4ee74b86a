"""Generates with transformers, in this process, on the GPU or the CPU."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from crosstune.errors import InvalidData
from crosstune.generation.adapters import apply_adapter
from crosstune.generation.batching import batches
from crosstune.generation.config import GenerationConfig
from crosstune.generation.decoding import Choose, decode
from crosstune.generation.sampling import greedy, prompt_generator, sample
from crosstune.models.chat_formats import ChatFormat, encode_prompt, endings, find_stop_string, read_answer
from crosstune.models.chat_formats import chat_format as chat_format_named
from crosstune.models.loading import load_model, load_tokenizer, pick_device, pick_dtype
from crosstune.models.memory import memory_errors
from crosstune.progress import OnProgress, Progress, ignore_progress
from crosstune.records import Prompt, Response
from crosstune.storage.tables import RecordLog

_MOST_TOKENS_OF_A_STOP_STRING = 32
"""Stop strings are looked for in the text of this many last tokens; none is longer, even spelled byte by byte."""


def generate(
    prompts: Sequence[Prompt],
    *,
    run: str,
    model_folder: Path,
    adapter: Path | None,
    chat_format: str,
    config: GenerationConfig,
    seed: int,
    log: RecordLog[Response],
    on_progress: OnProgress = ignore_progress,
) -> None:
    """Answers prompts; see `generation.backend.Backend`."""
    answered = {(response.prompt_id, response.language) for response in log.read() if response.run == run}
    left = [prompt for prompt in prompts if (prompt.id, prompt.language) not in answered]
    done = len(prompts) - len(left)
    on_progress(Progress(done, len(prompts), "answers"))
    if not left:
        return
    tokenizer = load_tokenizer(model_folder)
    fmt = chat_format_named(chat_format, tokenizer)
    encoded = [encode_prompt(fmt, tokenizer, prompt.messages) for prompt in left]
    device = pick_device()
    dtype = pick_dtype(device) if config.dtype == "auto" else getattr(torch, config.dtype)
    model = load_model(model_folder, dtype=dtype, device=device)
    if adapter is not None:
        apply_adapter(model, adapter)
    limits = _limits(left, encoded, model, config.max_new_tokens)
    answering = _Answering(model, tokenizer, fmt, config=config, seed=seed, run=run)
    completion_tokens, started = 0, time.perf_counter()
    for batch in batches([len(ids) for ids in encoded], config.max_new_tokens, config.tokens_per_batch):
        responses = answering.batch(
            [left[index] for index in batch], [encoded[index] for index in batch], [limits[index] for index in batch]
        )
        log.append(responses)
        done += len(responses)
        completion_tokens += sum(response.completion_tokens for response in responses)
        speed = completion_tokens / (time.perf_counter() - started)
        on_progress(Progress(done, len(prompts), "answers", tokens_per_second=speed))


def _limits(prompts: Sequence[Prompt], encoded: Sequence[Sequence[int]], model: Any, most: int) -> list[int]:
    """New tokens that each answer may have: as configured, or what the model's context leaves."""
    context = getattr(model.config.get_text_config(decoder=True), "max_position_embeddings", None)
    if context is None:
        return [most] * len(prompts)
    for prompt, ids in zip(prompts, encoded, strict=True):
        if len(ids) >= context:
            raise InvalidData(
                f"prompt '{prompt.id}' ({prompt.language}) has {len(ids)} tokens, and the model reads {context}",
                hint="shorten it, or choose a model with a longer context",
            )
    return [min(most, context - len(ids)) for ids in encoded]


class _Answering:
    """One model that answers batches."""

    def __init__(
        self, model: Any, tokenizer: Any, fmt: ChatFormat, *, config: GenerationConfig, seed: int, run: str
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._format = fmt
        self._config = config
        self._seed = seed
        self._run = run
        self._endings = endings(fmt, tokenizer)

    def batch(
        self, prompts: Sequence[Prompt], encoded: Sequence[Sequence[int]], limits: Sequence[int]
    ) -> list[Response]:
        """Answers prompts together."""
        started = time.perf_counter()
        hint = f"lower generation.tokens_per_batch (now {self._config.tokens_per_batch}) or max_new_tokens"
        if len(prompts) == 1:
            hint = "lower generation.max_new_tokens, shorten the prompt, or use a smaller model"
        with memory_errors(f"answering {len(prompts)} prompts at once", hint):
            answers = decode(
                self._model, encoded, limits=limits, choose=self._choose(prompts), is_finished=self._is_finished
            )
        seconds = (time.perf_counter() - started) / len(prompts)
        return [
            self._response(prompt, len(ids), answer, limit, seconds)
            for prompt, ids, answer, limit in zip(prompts, encoded, answers, limits, strict=True)
        ]

    def _choose(self, prompts: Sequence[Prompt]) -> Choose:
        config = self._config
        if config.temperature is None:
            return lambda logits, seen, active: greedy(logits, seen, config.repetition_penalty)
        generators = [prompt_generator(self._seed, prompt) for prompt in prompts]
        return lambda logits, seen, active: sample(logits, seen, config, [generators[number] for number in active])

    def _is_finished(self, answer: Sequence[int]) -> bool:
        if answer[-1] in self._endings.stop_ids:
            return True
        tail = self._tokenizer.decode(list(answer[-_MOST_TOKENS_OF_A_STOP_STRING:]), skip_special_tokens=True)
        return find_stop_string(tail, self._endings.strings) is not None

    def _response(
        self, prompt: Prompt, prompt_tokens: int, answer: Sequence[int], limit: int, seconds: float
    ) -> Response:
        text, ending = read_answer(self._format, self._tokenizer, answer, reached_limit=len(answer) >= limit)
        return Response(
            run=self._run,
            prompt_id=prompt.id,
            language=prompt.language,
            text=text,
            ending=ending,
            prompt_tokens=prompt_tokens,
            completion_tokens=len(answer),
            seconds=seconds,
        )
