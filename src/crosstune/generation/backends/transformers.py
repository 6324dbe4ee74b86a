"""Generates with transformers, in this process, on the GPU or the CPU."""

import gc
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from crosstune.generation.adapters import apply_adapter
from crosstune.generation.attention import use_fast_attention
from crosstune.generation.backend import Answerer
from crosstune.generation.batching import batches
from crosstune.generation.config import GenerationConfig
from crosstune.generation.decoding import Choose, decode
from crosstune.generation.lora import BatchAdapters, LoraWeights, attach, read_lora
from crosstune.generation.questions import Question, new_token_limits
from crosstune.generation.sampling import greedy, prompt_generator, sample
from crosstune.models.chat_formats import ChatFormat, encode_prompt, endings, find_stop_string, read_answer
from crosstune.models.chat_formats import chat_format as chat_format_named
from crosstune.models.loading import borrow_model, load_model, load_tokenizer, pick_device, pick_dtype
from crosstune.models.memory import is_out_of_memory, memory_errors
from crosstune.progress import OnProgress, Progress, ignore_progress
from crosstune.records import Prompt, Response
from crosstune.storage.tables import RecordLog

logger = logging.getLogger(__name__)

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
    held: "HeldModel | None" = None,
) -> None:
    """Answers prompts; see `generation.backend.Backend`.

    Args:
        prompts: what is asked.
        run: written into each response.
        model_folder: the model.
        adapter: for it, or None.
        chat_format: name of the chat format.
        config: how to generate.
        seed: for sampling.
        log: of `records.Response`.
        on_progress: told after each batch.
        held: keeps the model for the next call, which must be of the same model, adapter and precision; None: it is
            let go.
    """
    held = held or HeldModel()
    answerer = Answerer(run, adapter, seed, log, on_progress)

    def load() -> tuple[Any, BatchAdapters | None]:
        held.model = held.model or _load(model_folder, adapter, config)
        return held.model, None

    _answer(prompts, [answerer], load, model_folder=model_folder, chat_format=chat_format, config=config, held=held)


def generate_together(
    prompts: Sequence[Prompt],
    answerers: Sequence[Answerer],
    *,
    model_folder: Path,
    chat_format: str,
    config: GenerationConfig,
) -> None:
    """Answers prompts with several adapters of one model, in batches that hold rows of all of them.

    The answers are those of `generate`, up to rounding. Adapters that are no plain LoRA are left to it, and so is
    all when no two answerers are left.

    Args:
        prompts: what each is asked. Those that its log answers already are skipped.
        answerers: who answers.
        model_folder: the model that the adapters were made for.
        chat_format: name of the chat format of all.
        config: how to generate.

    Raises:
        OutOfMemory: says which setting to lower. Answers finished before stay in the logs.
        ModelUnavailable: the model cannot be loaded, or an adapter was made for another one.
        InvalidData: a prompt is longer than the model's context.
    """
    able: list[Answerer] = []
    adapters: list[LoraWeights] = []
    numbers: list[int | None] = []
    for answerer in answerers:
        if len(_answered(answerer) & {_key(prompt) for prompt in prompts}) == len(prompts):
            continue
        weights = None if answerer.adapter is None else read_lora(answerer.adapter)
        if answerer.adapter is not None and weights is None:
            continue
        able.append(answerer)
        numbers.append(None if weights is None else len(adapters))
        adapters += [weights] if weights is not None else []
    if len(able) < 2:
        return

    def load() -> tuple[Any, BatchAdapters | None]:
        model = _load(model_folder, None, config, is_shared=bool(adapters))
        return model, attach(model, adapters) if adapters else None

    _answer(
        prompts, able, load, numbers=numbers, model_folder=model_folder, chat_format=chat_format, config=config,
        held=HeldModel(),
    )  # fmt: skip


def _key(prompt: Prompt) -> tuple[str, str]:
    return prompt.id, prompt.language


def _answered(answerer: Answerer) -> set[tuple[str, str]]:
    return {(response.prompt_id, response.language) for response in answerer.log.read() if response.run == answerer.run}


def _answer(
    prompts: Sequence[Prompt],
    answerers: Sequence[Answerer],
    load: Callable[[], tuple[Any, BatchAdapters | None]],
    *,
    numbers: Sequence[int | None] = (None,),
    model_folder: Path,
    chat_format: str,
    config: GenerationConfig,
    held: "HeldModel",
) -> None:
    """Answers what the logs do not; `load` gives the model, and `numbers` the place of each one's adapter on it."""
    answered = [_answered(answerer) for answerer in answerers]
    done = [sum(_key(prompt) in known for prompt in prompts) for known in answered]
    for answerer, count in zip(answerers, done, strict=True):
        answerer.on_progress(Progress(count, len(prompts), "answers"))
    if all(count == len(prompts) for count in done):
        return
    tokenizer = held.tokenizer = held.tokenizer or load_tokenizer(model_folder)
    fmt = chat_format_named(chat_format, tokenizer)
    encoded = {_key(prompt): encode_prompt(fmt, tokenizer, prompt.messages) for prompt in prompts}
    model, adapters = load()
    limits = new_token_limits(encoded, model, config.max_new_tokens)
    # All answerers of a prompt beside each other: they are of one length, and so share a batch.
    questions = [
        Question(prompt, encoded[_key(prompt)], limits[_key(prompt)], answerer.run, answerer.seed, adapter, number)
        for prompt in prompts
        for number, (answerer, adapter, known) in enumerate(zip(answerers, numbers, answered, strict=True))
        if _key(prompt) not in known
    ]
    answering = _Answering(model, tokenizer, fmt, config=config, adapters=adapters)
    tokens, started = [0] * len(answerers), time.perf_counter()
    for batch in batches([len(item.ids) for item in questions], config.max_new_tokens, config.tokens_per_batch):
        asked = [questions[index] for index in batch]
        responses = answering.batch(asked)
        for number, answerer in enumerate(answerers):
            mine = [given for item, given in zip(asked, responses, strict=True) if item.answerer == number]
            if not mine:
                continue
            answerer.log.append(mine)
            done[number] += len(mine)
            tokens[number] += sum(response.completion_tokens for response in mine)
            speed = tokens[number] / (time.perf_counter() - started)
            answerer.on_progress(Progress(done[number], len(prompts), "answers", tokens_per_second=speed))


@dataclass
class HeldModel:
    """A model with its tokenizer that several calls use one after the other."""

    tokenizer: Any = None
    model: Any = None


def _load(model_folder: Path, adapter: Path | None, config: GenerationConfig, *, is_shared: bool = False) -> Any:
    device = pick_device()
    dtype = pick_dtype(device) if config.dtype == "auto" else getattr(torch, config.dtype)
    # The weights of a base model can be read by others as well; in float32 an adapter is added into them.
    load = borrow_model if is_shared or (adapter is not None and dtype != torch.float32) else load_model
    model = load(model_folder, dtype=dtype, device=device)
    use_fast_attention(model)
    if adapter is not None:
        apply_adapter(model, adapter)
    return model


class _Answering:
    """One model that answers batches."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        fmt: ChatFormat,
        *,
        config: GenerationConfig,
        adapters: BatchAdapters | None,
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._format = fmt
        self._config = config
        self._adapters = adapters
        self._endings = endings(fmt, tokenizer)
        self._ends: dict[int, bool] = {}
        self._tokens: int | None = None  # of a batch, where memory did not hold those of the settings

    def batch(self, questions: Sequence[Question]) -> list[Response]:
        """Answers questions together, or in smaller batches where memory does not hold them all, now and from then on.

        Raises:
            OutOfMemory: it does not hold one.
        """
        responses: list[Response] = []
        while left := questions[len(responses) :]:
            # The first is the longest, as `batches` has them.
            fitting = len(left) if self._tokens is None else self._tokens // self._width(left[0])
            answered = self._together(left[: max(1, fitting)])
            if answered is not None:
                responses += answered
                continue
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        return responses

    def _width(self, question: Question) -> int:
        return len(question.ids) + question.limit

    def _together(self, questions: Sequence[Question]) -> list[Response] | None:
        """Answers questions at once; None where memory does not hold them, and half of them are to be tried."""
        if len(questions) == 1:
            hint = "lower generation.max_new_tokens, shorten the prompt, or use a smaller model"
            with memory_errors("answering a single prompt", hint):
                return self._decoded(questions)
        try:
            return self._decoded(questions)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        half = len(questions) // 2
        self._tokens = half * self._width(questions[0])
        logger.warning(
            "out of memory with %d prompts at once: going on with %d (at most %d tokens, generation.tokens_per_batch)",
            len(questions), half, self._tokens,
        )  # fmt: skip
        return None

    def _decoded(self, questions: Sequence[Question]) -> list[Response]:
        started = time.perf_counter()
        answers = decode(
            self._model,
            [item.ids for item in questions],
            limits=[item.limit for item in questions],
            choose=self._choose(questions),
            is_finished=self._is_finished,
            on_rows=lambda active: self._use_adapters([questions[number].adapter for number in active]),
        )
        seconds = (time.perf_counter() - started) / len(questions)
        return [self._response(item, answer, seconds) for item, answer in zip(questions, answers, strict=True)]

    def _use_adapters(self, adapters: Sequence[int | None]) -> None:
        if self._adapters is not None:
            self._adapters.use(adapters, self._model.device)

    def _choose(self, questions: Sequence[Question]) -> Choose:
        config = self._config
        if config.temperature is None:
            return lambda logits, seen, active: greedy(logits, seen, config.repetition_penalty)
        generators = [prompt_generator(item.seed, item.prompt) for item in questions]
        return lambda logits, seen, active: sample(logits, seen, config, [generators[number] for number in active])

    def _is_finished(self, answer: Sequence[int]) -> bool:
        if answer[-1] in self._endings.stop_ids:
            return True
        if not self._may_end(answer[-1]):
            return False
        tail = self._tokenizer.decode(list(answer[-_MOST_TOKENS_OF_A_STOP_STRING:]), skip_special_tokens=True)
        return find_stop_string(tail, self._endings.strings) is not None

    def _may_end(self, token: int) -> bool:
        """Whether a stop string may end in a token: it has the last letter of one. Decoding the answer costs more."""
        if token not in self._ends:
            text = self._tokenizer.decode([token])
            # A letter beyond ASCII may be spread over several tokens.
            self._ends[token] = any(string[-1] in text or not string[-1].isascii() for string in self._endings.strings)
        return self._ends[token]

    def _response(self, question: Question, answer: Sequence[int], seconds: float) -> Response:
        is_cut = len(answer) >= question.limit
        text, ending = read_answer(self._format, self._tokenizer, answer, reached_limit=is_cut)
        return Response(
            run=question.run,
            prompt_id=question.prompt.id,
            language=question.prompt.language,
            text=text,
            ending=ending,
            prompt_tokens=len(question.ids),
            completion_tokens=len(answer),
            seconds=seconds,
        )
