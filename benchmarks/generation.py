"""Answers of four LoRA adapters of gemma-3-270m: crosstune beside four batched runs of transformers' `generate`.

    python -m benchmarks.generation              prints a table
    python -m benchmarks.generation --write      and puts it into benchmarks/RESULTS.md

Every contestant has the same four adapters (rank 16 on all linear layers, small random weights) answer the same
prompts of the packaged set `everyday` in several languages, greedily, with a repetition penalty of 1.2, in the device's
number format. "transformers" is PEFT's model and `generate`, as one would write it: one adapter after the other,
batches in the order of the prompts, padded on the left, until the last of a batch has ended. Only generating is timed,
not loading. Repeats are interleaved, so that a slow minute of the machine hits all alike, and each run has a process of
its own, whose memory is its own. Processor time stands beside the clock: on a machine that does other things too, it is
the steadier.
"""

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import record
from benchmarks.record import Row, spread
from crosstune.models.base import resolve_base_model
from crosstune.models.prepare import prepare
from crosstune.prompts.config import PromptsConfig
from crosstune.prompts.load import load_prompts
from crosstune.records import Prompt

MODEL, CHAT_FORMAT, LANGUAGES = "gemma-3-270m", "gemma", ["en", "fr", "ru", "zh"]
ADAPTERS, RANK, ALPHA, PENALTY, BATCH = 4, 16, 32, 1.2, 16
AIM = 2.0
"""How many times as fast crosstune should be at least."""


@dataclass(frozen=True)
class Task:
    """What a contestant has to do.

    Attributes:
        prompts: each adapter answers all of them.
        adapters: folders, as PEFT wrote them.
        new_tokens: most of an answer.
        threads: of torch; None: as many as it wants.
        dtype: of the weights: `auto` or torch's name of it.
    """

    prompts: list[Prompt]
    adapters: list[Path]
    new_tokens: int
    threads: int | None
    dtype: str


@dataclass
class Run:
    """What came of it.

    Attributes:
        tokens: new ones, of all adapters.
        seconds: by the clock.
        processor_seconds: of all threads.
        answers: tokens or text of each answer, in the order of adapters and prompts.
        memory_bytes: the most.
    """

    tokens: int = 0
    seconds: float = 0.0
    processor_seconds: float = 0.0
    answers: list[str] = field(default_factory=list)
    memory_bytes: int = 0

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Counts the time inside."""
        clock, processor = time.perf_counter(), time.process_time()
        yield
        self.seconds += time.perf_counter() - clock
        self.processor_seconds += time.process_time() - processor


def write_adapters(folder: Path) -> list[Path]:
    """Adapters with small random weights, so that each says something else."""
    import torch
    from peft import LoraConfig, get_peft_model

    from crosstune.models.loading import load_model

    model: Any = load_model(prepare(resolve_base_model(MODEL)), dtype=torch.bfloat16, device="cpu")
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(model, config)
    generator = torch.Generator().manual_seed(0)
    folders = []
    for number in range(ADAPTERS):
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.004)
        folders.append(folder / str(number))
        model.save_pretrained(folders[-1])
    return folders


def plain(task: Task, batch: int, *, is_mended: bool = False) -> Run:
    """PEFT and `generate`.

    Args:
        task: what to do.
        batch: prompts at once.
        is_mended: whether torch is kept from copying the frozen output layer once for each prompt of a batch, as
            crosstune keeps it.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from crosstune.generation.decoding import contiguous_head_input
    from crosstune.models.chat_formats import chat_format, encode_prompt, endings
    from crosstune.models.loading import load_tokenizer, pick_device

    folder, device, dtype = prepare(resolve_base_model(MODEL)), pick_device(), _dtype(task)
    tokenizer = load_tokenizer(folder)
    fmt = chat_format(CHAT_FORMAT, tokenizer)
    stops = sorted(endings(fmt, tokenizer).stop_ids)
    run = Run()
    for adapter in task.adapters:
        base = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).to(device)
        model = PeftModel.from_pretrained(base, str(adapter)).eval()
        mended = contiguous_head_input(base) if is_mended else nullcontext()
        with run.timed(), torch.inference_mode(), mended:
            encoded = [encode_prompt(fmt, tokenizer, prompt.messages) for prompt in task.prompts]
            for start in range(0, len(encoded), batch):
                ids = encoded[start : start + batch]
                inputs = tokenizer.pad({"input_ids": ids}, padding_side="left", return_tensors="pt").to(device)
                output = model.generate(
                    **inputs,
                    max_new_tokens=task.new_tokens,
                    do_sample=False,
                    repetition_penalty=PENALTY,
                    eos_token_id=stops,
                    pad_token_id=tokenizer.pad_token_id,
                )
                for row in output[:, inputs["input_ids"].shape[1] :].tolist():
                    end = next((place + 1 for place, token in enumerate(row) if token in stops), len(row))
                    run.tokens += end
                    run.answers.append(tokenizer.decode(row[:end], skip_special_tokens=True).strip())
    return run


def crosstune(task: Task, *, together: bool) -> Run:
    """crosstune's backend, as a study runs it."""
    from crosstune.generation.backend import Answerer
    from crosstune.generation.backends import transformers as backend
    from crosstune.generation.config import GenerationConfig
    from crosstune.models.loading import load_tokenizer
    from crosstune.records import Response
    from crosstune.storage.tables import RecordLog

    folder, run = prepare(resolve_base_model(MODEL)), Run()
    config = GenerationConfig.model_validate(
        {"max_new_tokens": task.new_tokens, "repetition_penalty": PENALTY, "dtype": task.dtype}
    )
    load_tokenizer(folder)  # is kept
    load = backend._load
    loading = Run()

    def untimed(*arguments: Any, **settings: Any) -> Any:
        with loading.timed():
            return load(*arguments, **settings)

    backend._load = untimed
    with tempfile.TemporaryDirectory() as out:
        answerers = [
            Answerer(str(number), adapter, 0, RecordLog(Path(out) / f"{number}.jsonl", Response))
            for number, adapter in enumerate(task.adapters)
        ]
        with run.timed():
            if together:
                backend.generate_together(
                    task.prompts, answerers, model_folder=folder, chat_format=CHAT_FORMAT, config=config
                )
            else:
                for one in answerers:
                    backend.generate(
                        task.prompts,
                        run=one.run,
                        model_folder=folder,
                        adapter=one.adapter,
                        chat_format=CHAT_FORMAT,
                        config=config,
                        seed=0,
                        log=one.log,
                    )
        for one in answerers:
            responses = {(response.prompt_id, response.language): response for response in one.log.read()}
            run.tokens += sum(response.completion_tokens for response in responses.values())
            run.answers += [responses[prompt.id, prompt.language].text.strip() for prompt in task.prompts]
    run.seconds -= loading.seconds
    run.processor_seconds -= loading.processor_seconds
    return run


BASELINE = f"transformers, batches of {BATCH}"
CONTESTANTS: dict[str, Callable[[Task], Run]] = {
    BASELINE: lambda task: plain(task, BATCH),
    "transformers, all prompts in one batch": lambda task: plain(task, len(task.prompts)),
    f"transformers, batches of {BATCH}, mended": lambda task: plain(task, BATCH, is_mended=True),
    "crosstune, one adapter after the other": lambda task: crosstune(task, together=False),
    "crosstune, four adapters at once": lambda task: crosstune(task, together=True),
}
TOGETHER = list(CONTESTANTS)[-1]


def _dtype(task: Task) -> Any:
    import torch

    from crosstune.models.loading import pick_device, pick_dtype

    return pick_dtype(pick_device()) if task.dtype == "auto" else getattr(torch, task.dtype)


def measure(name: str, task: Task) -> Run:
    """One run, in this process."""
    import torch

    from crosstune.models.loading import pick_device, quiet_transformers
    from crosstune.models.memory import peak_memory_bytes

    if task.threads is not None:
        torch.set_num_threads(task.threads)
    with quiet_transformers():
        run = CONTESTANTS[name](task)
    run.memory_bytes = peak_memory_bytes(pick_device())
    return run


def apart(name: str, task: Task) -> Run:
    """One run in a process of its own; one that the system ends, for want of memory, ends the benchmark."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measure, name, task).result()


def ratios(mine: Sequence[Run], theirs: Sequence[Run], seconds: str = "seconds") -> list[float]:
    """How many times as many tokens a second, repeat by repeat."""
    return [
        (one.tokens / getattr(one, seconds)) / (other.tokens / getattr(other, seconds))
        for one, other in zip(mine, theirs, strict=True)
    ]


def report(runs: dict[str, list[Run]], task: Task) -> str:
    """The result as Markdown."""
    import torch
    import transformers

    first = next(iter(runs))
    baseline = runs[first]
    threads = "all" if task.threads is None else task.threads
    lines = [
        f"torch {torch.__version__}, transformers {transformers.__version__}, {_dtype(task)}, threads: {threads}. "
        f"{MODEL}, {len(task.adapters)} adapters of rank {RANK}, {len(task.prompts)} prompts in "
        f"{', '.join(LANGUAGES)}, up to {task.new_tokens} new tokens. Median of {len(baseline)} interleaved repeats, "
        "with the lowest and highest; ratios are taken within each repeat.",
        "",
        f"| | tokens/s | times {first} | the same by processor time | memory | answers as in the first row |",
        "|---|---|---|---|---|---|",
    ]
    for name, mine in runs.items():
        same = sum(one == other for one, other in zip(mine[0].answers, baseline[0].answers, strict=True))
        cells = (
            spread([run.tokens / run.seconds for run in mine], 1),
            spread(ratios(mine, baseline)),
            spread(ratios(mine, baseline, "processor_seconds")),
            f"{max(run.memory_bytes for run in mine) / 1e9:.2f} GB",
            f"{same / len(mine[0].answers):.0%}",
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += [
        "",
        "Torch copies a frozen output layer once for each prompt of a batch when it reads the prompts (the memory "
        "shows it); where that is mended by one line, as crosstune has it, the row says so.",
        "",
        "Where answers differ, rounding in 16 bits tipped a close choice between two tokens, as it does between "
        "batches of other sizes; in float32 they are the same.",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = record.parser(__doc__)
    parser.add_argument("--prompts", type=int, help="in each language; 8")
    parser.add_argument("--new-tokens", type=int, help="most of an answer; 64")
    parser.add_argument("--repeats", type=int, help="of each contestant; 3")
    parser.add_argument("--threads", type=int, help="of torch")
    parser.add_argument("--dtype", default="auto", choices=["auto", "bfloat16", "float32"])
    parser.add_argument(
        "--only",
        nargs="+",
        choices=list(CONTESTANTS),
        default=list(CONTESTANTS),
        help="the first is what others are beside",
    )
    options = parser.parse_args()
    count = options.prompts or (4 if options.quick else 8)
    prompts = load_prompts(PromptsConfig(sets=["everyday"], languages=LANGUAGES, limit=count), Path.cwd())
    names = [name for name in CONTESTANTS if name in options.only]
    runs: dict[str, list[Run]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        new_tokens = options.new_tokens or (16 if options.quick else 64)
        task = Task(prompts, write_adapters(Path(folder)), new_tokens, options.threads, options.dtype)
        for repeat in range(options.repeats or (1 if options.quick else 3)):
            for name in names:
                run = apart(name, task)
                runs[name].append(run)
                print(
                    f"repeat {repeat + 1}: {name}: {run.tokens} tokens in {run.seconds:.1f} s, "
                    f"{run.processor_seconds:.1f} s of the processor",
                    flush=True,
                )
    rows = [
        Row(
            "answers of 4 adapters" if name == TOGETHER else "answers of 4 adapters, one after the other",
            names[0],
            ratios(runs[name], runs[names[0]]),
            at_least=AIM if name == TOGETHER else None,
            memory_bytes=max(run.memory_bytes for run in runs[name]),
            against_memory_bytes=max(run.memory_bytes for run in runs[names[0]]),
        )
        for name in names
        if name.startswith("crosstune")
    ]
    record.finish(options, "generation", report(runs, task), rows, device=True)


if __name__ == "__main__":
    main()
