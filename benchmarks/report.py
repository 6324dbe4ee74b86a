"""How long a report of a large study takes, in how much memory, how large it is, and how fast it opens and filters.

python -m benchmarks.report             50 configurations × 12 languages × 120 prompts, 8 facets: 72,000 answers
python -m benchmarks.report --quick     6 configurations × 4 languages × 24 prompts
python -m benchmarks.report --out FILE  keeps the report

Answers are words drawn by how common they are in their language, some of them English: what they say is nonsense, but
their length, their letters and how far they can be compressed are like those of answers. The browser is the Chromium
that `$CROSSTUNE_CHROMIUM` or the path names; without one, opening and filtering are not measured.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks import record
from benchmarks.record import Row
from crosstune.analysis.tables import CELLS_SCHEMA, CURVES_SCHEMA, StudyTables
from crosstune.records import Ending, Message, Prompt, Response, Score
from crosstune.storage.tables import table_schema, to_frame

TABLES = ("cells", "prompts", "responses", "scores", "curves")
LANGUAGES = ("en", "fr", "pt", "ru", "de", "es", "it", "zh", "ja", "ar", "hi", "tr")
TASKS = ("explain-sport", "recipe", "email", "why", "travel", "household", "list", "story", "plan", "advice")
TAGS = ("language-heavy", "us-centric", "calculation", "about-fr")
MODIFIERS = ("short", "items_3")
RATES = (1e-5, 5e-5, 2e-4, 1e-3, 5e-3)
SIZES = (200, 1000)
ADAPTATIONS = ("lora r4", "lora r16", "lora r64", "full")
WORDS = (20, 90)
"""Fewest and most words of an answer."""
FACETS = {
    "correct_language": (0, 1),
    "line_pass": (0, 1),
    "word_pass": (0, 1),
    "code_switching": (0, 1),
    "degeneration": (0, 1),
    "length": (1, 90),
    "relevance": (0, 1),
    "helpfulness": (0, 2),
}


@cache
def _words(language: str) -> tuple[Any, Any]:
    from wordfreq import get_frequency_dict  # here, so that building the report does not count what it takes

    commonest = sorted(get_frequency_dict(language).items(), key=lambda item: (-item[1], item[0]))[:4000]
    listed, weights = [word for word, _ in commonest], np.array([frequency for _, frequency in commonest])
    return np.array(listed, dtype=object), weights / weights.sum()


def _answers(language: str, count: int, draw: np.random.Generator) -> list[str]:
    listed, weights = _words(language)
    lengths = draw.integers(*WORDS, size=count)
    drawn = draw.choice(listed, size=int(lengths.sum()), p=weights)
    space = "" if language in ("zh", "ja") else " "
    ends = np.cumsum(lengths)
    return [space.join(drawn[end - length : end]) for end, length in zip(ends, lengths, strict=True)]


def grid(configurations: int) -> pl.DataFrame:
    """Two untuned base models and tuned configurations: two models × data × adaptation × learning rate."""
    rows: list[tuple[Any, ...]] = [(f"{model}-untuned", model, "", "none", None, None, False) for model in ("a", "b")]
    for model in ("a", "b"):
        for adaptation in ADAPTATIONS:
            for size in SIZES:
                for rate in RATES:
                    name = f"{model}_{size}_{adaptation.replace(' ', '-')}_{rate:g}"
                    rows.append((name, model, f"starter-en-{size}", adaptation, rate, 0, True))
    # Beyond the 82 of the full grid there are no more; 50 of them leave out the largest adaptations of the second.
    return pl.DataFrame(rows[:configurations], schema=CELLS_SCHEMA, orient="row")


def synthetic(configurations: int = 50, languages: int = 12, prompts: int = 120, *, seed: int = 0) -> StudyTables:
    """Tables as a study of this size leaves them."""
    draw = np.random.default_rng(seed)
    cells = grid(configurations)
    asked = list(LANGUAGES[:languages])
    all_prompts = []
    for language in asked:
        for number in range(prompts):
            task = TASKS[number // 2 % len(TASKS)]
            modifier = MODIFIERS[number // 2 % 2] if number % 2 else None
            name = f"everyday/{task}-{number // 2}"
            all_prompts.append(
                Prompt(
                    id=f"{name}+{modifier}" if modifier else name,
                    set="everyday",
                    task=task,
                    language=language,
                    requested_language=language,
                    messages=(Message("user", _answers(language, 1, draw)[0][:160] + "?"),),
                    modifiers=(modifier,) if modifier else (),
                    tags=(TAGS[number // 2 % 4],) if number // 2 % 3 == 0 else (),
                )
            )
    asked_of = pl.DataFrame(
        {
            "prompt_id": [prompt.id for prompt in all_prompts],
            "language": [prompt.language for prompt in all_prompts],
            "hardness": draw.normal(0, 0.7, len(all_prompts)),
        }
    )
    rates = cells["learning_rate"].fill_null(1e-5).to_numpy()
    answers = cells.select("run", skill=pl.Series(2.0 - 1.1 * (np.log10(rates) + 5))).join(asked_of, how="cross")
    in_english = pl.col("language") == "en"
    answers = answers.with_columns(chance=draw.random(len(answers))).with_columns(
        right=in_english | (pl.col("chance") < 1 / (1 + (pl.col("hardness") - pl.col("skill")).exp())),
        empty=pl.Series(draw.random(len(answers)) < 0.01),
    )
    found = pl.when("right").then("language").otherwise(pl.lit("en")).alias("found")
    answers = answers.with_columns(found).with_row_index("row")
    texts = np.empty(len(answers), dtype=object)
    for language, rows in answers.group_by("found"):
        texts[rows["row"].to_numpy()] = _answers(str(language[0]), len(rows), draw)
    answers = answers.with_columns(text=pl.when("empty").then(pl.lit("")).otherwise(pl.Series(texts, dtype=pl.String)))
    responses = answers.select(
        "run",
        "prompt_id",
        "language",
        "text",
        ending=pl.when(pl.col("chance") < 0.2)
        .then(pl.lit(str(Ending.LENGTH)))
        .otherwise(pl.lit(str(Ending.END_TOKEN))),
        prompt_tokens=pl.lit(40),
        completion_tokens=pl.col("text").str.len_chars() // 4,
        seconds=pl.lit(0.2),
        schema_version=pl.lit(Response.SCHEMA_VERSION),
    )
    return StudyTables(
        cells=cells,
        prompts=to_frame(Prompt, all_prompts),
        responses=responses.cast(table_schema(Response)),  # type: ignore[arg-type]
        scores=_scores(answers, draw),
        curves=_curves(cells, draw),
    )


def _scores(answers: pl.DataFrame, draw: np.random.Generator) -> pl.DataFrame:
    schema = table_schema(Score)
    parts = []
    for facet, (lowest, highest) in FACETS.items():
        noise = pl.Series(draw.random(len(answers)))
        if facet == "correct_language":
            value = pl.col("right").cast(pl.Float64)
        elif facet in ("line_pass", "word_pass"):
            value = (pl.col("right") & (noise < 0.9)).cast(pl.Float64)
        elif facet == "degeneration":
            value = (noise < 0.1).cast(pl.Float64)
        else:
            value = pl.lit(noise * (highest - lowest) + lowest).round(2 if highest != 2 else 0)
        marks = pl.concat_list(pl.struct(start=pl.lit(0), end=pl.lit(9), note=pl.lit("en")))
        nothing = pl.lit([], dtype=schema["spans"])
        spans = pl.when(~pl.col("right")).then(marks.cast(schema["spans"])).otherwise(nothing)
        rater = f"judge:{'mock'}" if facet == "helpfulness" else f"scorer:{facet}"
        parts.append(
            answers.select(
                "run",
                "prompt_id",
                "language",
                requested_language="language",
                rater=pl.lit(rater),
                facet=pl.lit(facet),
                value=pl.when("empty").then(None).otherwise(value),
                reason=pl.when("empty").then(pl.lit("empty")),
                detail=pl.col("found") if facet == "correct_language" else pl.lit(""),
                spans=spans if facet in ("line_pass", "word_pass", "code_switching") else nothing,
                schema_version=pl.lit(Score.SCHEMA_VERSION),
            ).cast(schema)  # type: ignore[arg-type]
        )
    return pl.concat(parts)


def _curves(cells: pl.DataFrame, draw: np.random.Generator) -> pl.DataFrame:
    rows = []
    for run, rate in cells.filter("tuned").select("run", "learning_rate").iter_rows():
        for step in range(1, 101):
            loss = 1.5 + 1.5 / (1 + step * (rate / 5e-4) ** 0.3 / 10) + draw.normal(0, 0.04)
            rows.append((run, step, step * 4096, rate, loss, 1.0, step * 2.0))
    return pl.DataFrame(rows, schema=CURVES_SCHEMA, orient="row")


def build(folder: Path, out: Path) -> None:
    """Reads the tables and writes the report, as the report step does; prints seconds and memory."""
    from crosstune.reporting.report import write_report

    start = time.perf_counter()
    tables = StudyTables(**{name: pl.read_parquet(folder / f"{name}.parquet") for name in TABLES})
    write_report(out, tables, title="synthetic", study_yaml="name: synthetic\n", provenance={"seed": "0"})
    processor = time.process_time()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": time.perf_counter() - start, "processor": processor, "megabytes": memory}))


def write_tables(folder: Path, sizes: tuple[int, int, int], *, seed: int = 0) -> tuple[int, int]:
    """Makes up tables and writes them; how many answers and scores they hold."""
    tables = synthetic(*sizes, seed=seed)
    for name in TABLES:
        getattr(tables, name).write_parquet(folder / f"{name}.parquet")
    return len(tables.responses), len(tables.scores)


def built_apart(folder: Path, out: Path) -> dict[str, float]:
    """What `build` says of itself, in a process of its own, whose memory is that of the report alone."""
    command = [sys.executable, "-m", "benchmarks.report", "--build", str(folder), "--out", str(out)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def browse(report: Path) -> dict[str, float]:
    """Seconds until the page has opened, and until each kind of filter is shown."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "annotation"))
    from chromium import Page, chromium_path

    if chromium_path() is None:
        return {}
    with tempfile.TemporaryDirectory() as profile:
        page = Page(Path(profile))
        try:
            start = time.perf_counter()
            page.open(report.resolve().as_uri())
            seconds = {"opened": time.perf_counter() - start}
            page.wait_for("document.querySelector('form.filters').dataset.ready === 'yes'", 60)
            seconds["answers ready"] = time.perf_counter() - start
            for name, value in (("language", "ru"), ("state", "wrong"), ("words", "the"), ("facet", "word_pass")):
                took = page.evaluate(
                    "(async () => { const form = document.querySelector('form.filters');"
                    f"const start = performance.now(); form.elements[{name!r}].value = {value!r};"
                    "form.dispatchEvent(new Event('input')); await form.filtered;"
                    "await new Promise(requestAnimationFrame); return performance.now() - start })()"
                )
                seconds[f"filtered by {name}"] = took / 1000
            if page.problems:
                raise SystemExit("\n".join(page.problems))
        finally:
            page.close()
    return seconds


def main() -> None:
    parser = record.parser(__doc__)
    parser.add_argument("--small", action="store_true", help="the same as --quick")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.build:
        build(options.build, options.out)
        return
    sizes = (6, 4, 24) if options.small or options.quick else (50, 12, 120)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        out = options.out or folder / "report.html"
        answers, scores = write_tables(folder, sizes)
        built = built_apart(folder, out)
        browsed = browse(out)
        megabytes = out.stat().st_size / 1e6
    size = f"report of {answers:,} answers"
    # The aims are of a study of 50 configurations × 12 languages × 120 prompts, and hold for smaller ones all the more.
    rows = [
        Row(f"{size}: building", "", [built["seconds"]], "s", at_most=60, memory_bytes=int(built["megabytes"] * 2**20)),
        Row(f"{size}: memory", "", [built["megabytes"] * 2**20 / 1e6], "MB", at_most=1000),
        Row(f"{size}: the file", "", [megabytes], "MB", at_most=15),
        *(Row(f"{size}: {name}", "", [seconds], "s", at_most=1) for name, seconds in browsed.items()),
    ]
    lines = [
        f"{' × '.join(map(str, sizes))} configurations × languages × prompts, made-up words: {answers:,} answers, "
        f"{scores:,} scores. Building took {built['processor']:.1f} s of the processor.",
        *([] if browsed else ["", "There is no Chromium here, so opening and filtering were not measured."]),
        "",
        "| | result | aim |",
        "|---|---|---|",
        *(
            f"| {row.what.partition(': ')[2]} | {row.figure:,.3g} {row.unit} | {row.at_most} {row.unit} |"
            for row in rows
        ),
    ]
    skipped = "" if browsed else "opening and filtering, for want of a Chromium"
    record.finish(options, "report", "\n".join(lines), rows, skipped=skipped)


if __name__ == "__main__":
    main()
