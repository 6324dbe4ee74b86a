"""LoRA training of gemma-3-270m: crosstune beside plain TRL scripts and LLaMA-Factory.

    python -m benchmarks.training              prints a table
    python -m benchmarks.training --write      and puts it into benchmarks/RESULTS.md

Every contestant trains on the same conversations of mixed lengths up to 512 tokens, made by joining examples of the
packaged set `starter-en` (or of `--data`), 8 an update, in the same order, with the same optimizer and seed. Only the
loop is timed, not the loading. Repeats are interleaved, so that a slow minute of the machine hits all alike, and each
run has a process of its own, whose memory is its own. Tokens are real ones: padding counts for nobody. LLaMA-Factory
takes part where `python -m benchmarks.peers.llama_factory` has installed it.
"""

import json
import os
import random
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import record
from benchmarks.peers import llama_factory
from benchmarks.record import Row, spread
from benchmarks.training_contestants import (
    BASELINE,
    BATCH,
    BF16,
    CHAT_FORMAT,
    CONTESTANTS,
    MODEL,
    PACKED,
    PEER,
    RANK,
    Conversation,
    Run,
)
from crosstune import records
from crosstune.instructions.config import InstructionsConfig
from crosstune.instructions.load import load_conversations
from crosstune.models.base import resolve_base_model
from crosstune.models.chat_formats import chat_format
from crosstune.models.prepare import prepare
from crosstune.training.examples import encode_examples

USUAL = ["crosstune", "crosstune, fp32", BASELINE, BF16, PACKED, PEER]
AIMS = {BASELINE: 5.0, BF16: 2.0, PACKED: 2.5, PEER: 2.0}
"""How many times as fast crosstune should be at least."""


def mixed_lengths(source: str, count: int, longest: int) -> list[Conversation]:
    """`count` examples whose lengths are spread evenly up to the longest, by joining turns of conversations."""
    folder = prepare(resolve_base_model(MODEL))
    from crosstune.models.loading import load_tokenizer

    tokenizer = load_tokenizer(folder)
    fmt = chat_format(CHAT_FORMAT, tokenizer)
    chosen = random.Random(0)
    turns: list[tuple[records.Message, ...]] = [
        c.messages for c in load_conversations(InstructionsConfig(source=source), Path.cwd()) if len(c.messages) == 2
    ]
    chosen.shuffle(turns)
    made, position = [], 0
    for number in range(count):
        # Stratified: each batch of 8 has one example from every eighth of the range, in random order.
        if number % BATCH == 0:
            strata = [chosen.uniform(i, i + 1) / BATCH for i in range(BATCH)]
            chosen.shuffle(strata)
        wanted = 32 + strata[number % BATCH] * (longest - 32)
        messages: tuple[records.Message, ...] = ()
        while True:
            messages += turns[position % len(turns)]
            position += 1
            whole = records.Conversation(str(number), messages, "en", source)
            (example,) = encode_examples([whole], fmt, tokenizer, longest).examples
            if len(example.input_ids) >= min(wanted, longest):
                break
        made.append(Conversation(messages, example))
    return made


def report(runs: dict[str, list[Run]], conversations: Sequence[Conversation], updates: int, source: str) -> str:
    """The result as Markdown."""
    from crosstune.training.setup import library_versions

    used = [conversation.example for conversation in conversations[: updates * BATCH]]
    tokens = sum(len(e.input_ids) for e in used)
    learned = sum(e.learned_tokens for e in used)
    padded = sum(BATCH * max(len(e.input_ids) for e in used[u * BATCH : (u + 1) * BATCH]) for u in range(updates))
    versions = ", ".join(f"{name} {number}" for name, number in library_versions().items())
    beside = next((name for name in (BASELINE, BF16) if name in runs), BASELINE)
    baseline = runs.get(beside)
    lines = [
        f"{versions}. {MODEL}, LoRA rank {RANK}, {updates} updates of {BATCH} examples from {source}: {tokens} tokens "
        f"({learned / tokens:.0%} learned; {padded} when padded). Median of {len(next(iter(runs.values())))} "
        "interleaved repeats, with the lowest and highest. The ratio is taken within each repeat.",
        "",
        f"| | tokens | tokens/s | times {beside} | memory | loss of each update |",
        "|---|---|---|---|---|---|",
    ]
    for name, mine in runs.items():
        speed = spread([run.tokens / run.seconds for run in mine], 1)
        times = "" if baseline is None else spread(ratios(mine, baseline))
        most = max((run.memory_bytes for run in mine if run.memory_bytes), default=None)
        memory = "" if most is None else f"{most / 1e9:.2f} GB"
        losses = " ".join(f"{loss:.4f}" for loss in mine[0].losses)
        lines.append(f"| {name} | {mine[0].tokens} | {speed} | {times} | {memory} | {losses} |")
    lines += ["", "Who packs puts other examples into an update, so the losses differ."]
    return "\n".join(lines)


def ratios(mine: Sequence[Run], theirs: Sequence[Run]) -> list[float]:
    """How many times as many tokens a second, repeat by repeat."""
    pairs = zip(mine, theirs, strict=True)
    return [(one.tokens / one.seconds) / (other.tokens / other.seconds) for one, other in pairs]


def rows(runs: dict[str, list[Run]]) -> list[Row]:
    """Of the summary: crosstune as it is beside each other; where that has another number format, also in the same."""
    made = []
    for name, theirs in runs.items():
        if name.startswith("crosstune"):
            continue
        same = [("crosstune, fp32", "LoRA training, fp32", None)] if "fp32" in name else []
        for own, what, aim in [("crosstune", "LoRA training", AIMS.get(name)), *same]:
            if (mine := runs.get(own)) is None:
                continue
            memory = [max((run.memory_bytes or 0 for run in some), default=0) or None for some in (mine, theirs)]
            made.append(
                Row(
                    what, name, ratios(mine, theirs), at_least=aim,
                    memory_bytes=memory[0], against_memory_bytes=memory[1],
                )
            )  # fmt: skip
    return made


def main() -> None:
    parser = record.parser(__doc__)
    parser.add_argument("--updates", type=int, help="of each run; 1")
    parser.add_argument("--longest", type=int, help="tokens of the longest example; 512")
    parser.add_argument("--repeats", type=int, help="of each contestant; 3")
    parser.add_argument("--data", default="starter-en", help="an instruction source: a packaged set or a file")
    parser.add_argument("--only", nargs="+", choices=list(CONTESTANTS), help=f"contestants; usually {', '.join(USUAL)}")
    parser.add_argument("--all", action="store_true", help="all contestants")
    parser.add_argument("--json", type=Path, help="write all times and losses here")
    options = parser.parse_args()
    updates, repeats = options.updates or 1, options.repeats or (1 if options.quick else 3)
    longest = options.longest or (128 if options.quick else 512)
    names = options.only or (list(CONTESTANTS) if options.all else USUAL)
    skipped = ""
    if llama_factory.command() is None:
        skipped = "LLaMA-Factory, which is not installed: `python -m benchmarks.peers.llama_factory`"
        print(f"without {skipped}", flush=True)
        names = [name for name in names if not name.startswith("LLaMA-Factory")]

    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")  # or some would spread a batch over all GPUs, and others not

    conversations = mixed_lengths(options.data, updates * BATCH, longest)
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for repeat in range(repeats):
        for name in names:
            run = record.apart(CONTESTANTS[name], conversations, updates, longest)
            runs[name].append(run)
            losses = " ".join(f"{loss:.4f}" for loss in run.losses)
            print(f"repeat {repeat + 1}: {name}: {run.seconds:.1f} s, loss {losses}", flush=True)
    if options.json:
        content = {name: [asdict(run) for run in mine] for name, mine in runs.items()}
        options.json.write_text(json.dumps(content), "utf-8")
    text = report(runs, conversations, updates, options.data)
    record.finish(options, "training", text, rows(runs), device=True, skipped=skipped)


if __name__ == "__main__":
    main()
