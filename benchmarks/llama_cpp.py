"""Answers by llama.cpp, from a packaged model's quantized weights, beside those of transformers: how fast, how alike.

    python -m benchmarks.llama_cpp                                          gemma-3-270m as it is
    python -m benchmarks.llama_cpp --adapter runs/training/…/model          with a LoRA adapter
    python -m benchmarks.llama_cpp --model smollm2-135m --threads 1

All contestants are crosstune's own backends. They answer the same prompts of the packaged set `everyday` in several
languages, greedily, with a repetition penalty of 1.2. Loading is timed apart. Repeats are interleaved, so that a slow
minute of the machine hits all alike, and each run has a process of its own. Processor time, of the server too, stands
beside the clock: on a machine that does other things, it is the steadier.

Answers are compared by their text, by how many tokens they begin with alike, and by the measure `correct_language`.
How bfloat16 differs from float32 in transformers is the yardstick.
"""

import multiprocessing
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks import record
from benchmarks.record import Row, spread
from crosstune.models.base import resolve_base_model
from crosstune.models.prepare import prepare
from crosstune.prompts.config import PromptsConfig
from crosstune.prompts.load import load_prompts
from crosstune.records import Prompt, Response

LANGUAGES = ["en", "fr", "pt", "ru"]
LLAMA_CPP = "llama.cpp"
BASELINE, FLOAT32 = "transformers, bfloat16", "transformers, float32"
CONTESTANTS: dict[str, dict[str, str]] = {
    BASELINE: {"backend": "transformers", "dtype": "bfloat16"},
    FLOAT32: {"backend": "transformers", "dtype": "float32"},
    LLAMA_CPP: {"backend": "llama.cpp"},
}


@dataclass(frozen=True)
class Task:
    """What a contestant has to do."""

    model: str
    adapter: Path | None
    prompts: list[Prompt]
    new_tokens: int
    tokens_per_batch: int
    threads: int | None


@dataclass
class Run:
    """What came of it. Times are those of answering; loading is what came before."""

    responses: list[Response] = field(default_factory=list)
    seconds: float = 0.0
    processor_seconds: float = 0.0
    loading_seconds: float = 0.0
    loading_processor_seconds: float = 0.0

    @property
    def tokens(self) -> int:
        return sum(response.completion_tokens for response in self.responses)


def processor_seconds() -> float:
    """Of this process and all that it started, ended or not."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    times = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    running = sum(one.user + one.system for one in times)
    return time.process_time() + ended.ru_utime + ended.ru_stime + running


def measure(name: str, task: Task) -> Run:
    """One run, in this process."""
    import torch

    from crosstune.generation.backends import llama_cpp, transformers
    from crosstune.generation.config import GenerationConfig
    from crosstune.models.loading import load_tokenizer, quiet_transformers
    from crosstune.models.packaged import PACKAGED_MODELS
    from crosstune.models.packaged_gguf import packaged_gguf
    from crosstune.storage.tables import RecordLog

    if task.threads is not None:
        torch.set_num_threads(task.threads)
    base = resolve_base_model(task.model)
    folder, gguf = prepare(base), packaged_gguf(PACKAGED_MODELS[task.model])
    load_tokenizer(folder)  # both need it
    run, loading = Run(), [0.0, 0.0]

    @contextmanager
    def timed_loading() -> Iterator[None]:
        clock, processor = time.perf_counter(), processor_seconds()
        yield
        loading[0] += time.perf_counter() - clock
        loading[1] += processor_seconds() - processor

    load, start = transformers._load, llama_cpp.llama_cpp_server

    def timed_load(*arguments: Any) -> Any:
        with timed_loading():
            return load(*arguments)

    @contextmanager
    def timed_start(*arguments: Any) -> Iterator[Any]:
        starting = timed_loading()
        with starting:
            server = start(*arguments)
            address = server.__enter__()
        try:
            yield address
        finally:
            server.__exit__(None, None, None)

    transformers._load, llama_cpp.llama_cpp_server = timed_load, timed_start
    settings = {"max_new_tokens": task.new_tokens, "tokens_per_batch": task.tokens_per_batch, **CONTESTANTS[name]}
    config = GenerationConfig.model_validate(settings)
    more = {"gguf": gguf} if name == LLAMA_CPP else {}
    backend: Any = llama_cpp if name == LLAMA_CPP else transformers
    with tempfile.TemporaryDirectory() as out, quiet_transformers():
        log = RecordLog(Path(out) / "responses.jsonl", Response)
        clock, processor = time.perf_counter(), processor_seconds()
        backend.generate(
            task.prompts,
            run=name,
            model_folder=folder,
            adapter=task.adapter,
            chat_format=str(base.chat_format),
            config=config,
            seed=0,
            log=log,
            **more,
        )
        run.seconds = time.perf_counter() - clock - loading[0]
        run.processor_seconds = processor_seconds() - processor - loading[1]
        run.loading_seconds, run.loading_processor_seconds = loading
        found = {(response.prompt_id, response.language): response for response in log.read()}
    run.responses = [found[prompt.id, prompt.language] for prompt in task.prompts]
    return run


def apart(name: str, task: Task) -> Run:
    """One run in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, (name, task))


def ratios(mine: Sequence[Run], theirs: Sequence[Run], seconds: str) -> list[float]:
    """How many times as many tokens a second, repeat by repeat."""
    return [
        (one.tokens / getattr(one, seconds)) / (other.tokens / getattr(other, seconds))
        for one, other in zip(mine, theirs, strict=True)
    ]


def speeds(runs: dict[str, list[Run]]) -> list[str]:
    """A table of how fast they are."""
    lines = [
        "| | tokens/s | times as fast | per second of the processor | times as many | loading, s | of the processor |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, mine in runs.items():
        cells = (
            spread([run.tokens / run.seconds for run in mine], 1),
            spread(ratios(mine, runs[BASELINE], "seconds")),
            spread([run.tokens / run.processor_seconds for run in mine], 1),
            spread(ratios(mine, runs[BASELINE], "processor_seconds")),
            spread([run.loading_seconds for run in mine], 1),
            spread([run.loading_processor_seconds for run in mine], 1),
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _alike(one: Sequence[int], other: Sequence[int]) -> int:
    """Tokens that two answers begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def agreement(runs: dict[str, list[Run]], task: Task) -> list[str]:
    """A table of how alike the answers are."""
    from crosstune.models.loading import load_tokenizer
    from crosstune.scoring.score import score

    tokenizer = load_tokenizer(prepare(resolve_base_model(task.model)))
    first = {name: of_it[0].responses for name, of_it in runs.items()}
    ids = {name: [tokenizer.encode(r.text, add_special_tokens=False) for r in found] for name, found in first.items()}
    marks = {
        name: {(mark.prompt_id, mark.language): mark.value for mark in score(found, task.prompts, ["correct_language"])}
        for name, found in first.items()
    }
    lines = [
        "| | same text | same first tokens, mean | of | correct_language the same | correct_language, mean |",
        "|---|---|---|---|---|---|",
    ]
    for one, other in ((LLAMA_CPP, BASELINE), (LLAMA_CPP, FLOAT32), (BASELINE, FLOAT32)):
        count = len(task.prompts)
        same = sum(a.text == b.text for a, b in zip(first[one], first[other], strict=True))
        alike = [_alike(a, b) for a, b in zip(ids[one], ids[other], strict=True)]
        length = sum(map(len, ids[other])) / count
        equal = sum(marks[one][key] == marks[other][key] for key in marks[one])
        means = [[v for v in marks[name].values() if v is not None] for name in (one, other)]
        shown = " and ".join(f"{sum(values) / len(values):.2f}" if values else "none" for values in means)
        cells = (f"{same / count:.0%}", f"{sum(alike) / count:.1f}", f"{length:.1f}", f"{equal / count:.0%}", shown)
        lines.append(f"| {one} beside {other} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = record.parser(__doc__)
    parser.add_argument("--model", default="gemma-3-270m")
    parser.add_argument("--adapter", type=Path, help="folder of a LoRA adapter for it")
    parser.add_argument("--prompts", type=int, help="in each language; 8")
    parser.add_argument("--new-tokens", type=int, help="most of an answer; 40")
    parser.add_argument("--tokens-per-batch", type=int, default=8192)
    parser.add_argument("--repeats", type=int, help="of each contestant; 3")
    parser.add_argument("--threads", type=int, help="of each; as many as torch takes")
    options = parser.parse_args()
    try:
        import xllamacpp  # noqa: F401
    except ImportError:
        record.skip(options, "llama_cpp", "xllamacpp is not installed")
    count = options.prompts or (2 if options.quick else 8)
    new_tokens = options.new_tokens or (16 if options.quick else 40)
    repeats = options.repeats or (1 if options.quick else 3)
    prompts = load_prompts(PromptsConfig(sets=["everyday"], languages=LANGUAGES, limit=count), Path.cwd())
    task = Task(options.model, options.adapter, prompts, new_tokens, options.tokens_per_batch, options.threads)
    runs: dict[str, list[Run]] = {name: [] for name in CONTESTANTS}
    for repeat in range(repeats):
        for name in CONTESTANTS:
            run = apart(name, task)
            runs[name].append(run)
            print(
                f"repeat {repeat + 1}: {name}: {run.tokens} tokens, {run.seconds:.1f} s, {run.processor_seconds:.1f} s "
                f"of the processor; loading {run.loading_seconds:.1f} s",
                flush=True,
            )
    how = "with a LoRA adapter" if task.adapter else "as it is"
    threads = "as many as torch takes" if task.threads is None else task.threads
    head = (
        f"{task.model} {how}, {len(prompts)} prompts in {', '.join(LANGUAGES)}, up to {new_tokens} new tokens, "
        f"tokens_per_batch {task.tokens_per_batch}, threads: {threads}. Median of {repeats} interleaved repeats, with "
        "the lowest and highest; ratios are taken within each repeat."
    )
    text = "\n".join([head, "", *speeds(runs), "", *agreement(runs, task)])
    what = f"answers of {task.model} by llama.cpp, by processor time"
    rows = [Row(what, BASELINE, ratios(runs[LLAMA_CPP], runs[BASELINE], "processor_seconds"))]
    record.finish(options, "llama_cpp", text, rows)


if __name__ == "__main__":
    main()
