"""The answers of a study by prompt: for each language the prompt, and side by side what each run answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from markupsafe import Markup

from crosstune.analysis.configurations import Configuration
from crosstune.analysis.facets import Facet
from crosstune.analysis.levels import choose_rater, in_table_order
from crosstune.analysis.tables import StudyTables
from crosstune.reporting.text import direction, ending, language_name, level, reason, visible

FOLDED_FROM = 480
"""Characters of an answer that are shown before the rest is folded."""
CUT_FROM = 6000
"""Characters of an answer that the report holds; the table of responses has the whole."""
MOST_ANSWERS = 600
"""Answers that a report shows without its script; more are thinned out by whole prompts. See `packed` for all."""


@dataclass(frozen=True, slots=True)
class ShownText:
    """A text in two parts, the second folded."""

    start: Markup
    rest: Markup | None
    length: int
    cut: int
    """Characters left out."""
    folded: int = 0
    """Characters of the rest."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One run's answer to a prompt in one language."""

    label: str
    state: str
    """`right`, `wrong`, `rated` (a value that is neither) or `unrated`: decides sign and colour."""
    verdict: str
    """The verdict in words, such as `in English, not French`."""
    ending: str
    tokens: int
    text: ShownText
    direction: str
    language: str


@dataclass(frozen=True, slots=True)
class LanguageBlock:
    """A prompt in one language with all its answers."""

    code: str
    name: str
    direction: str
    prompt: ShownText
    requested: str
    """Name of the language the answer should be in, when it is another; else empty."""
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class PromptBlock:
    """A prompt in all its languages."""

    id: str
    task: str
    modifiers: tuple[str, ...]
    title: Markup
    title_language: str
    title_direction: str
    wrong: int
    unrated: int
    total: int
    blocks: tuple[LanguageBlock, ...]


@dataclass(frozen=True, slots=True)
class AnswerBrowser:
    """All that the section of answers shows."""

    prompts: tuple[PromptBlock, ...]
    prompts_in_all: int
    languages: tuple[tuple[str, str], ...]
    """Code and name."""
    labels: tuple[str, ...]


Spans = Sequence[tuple[int, int, str]]
"""Start, end and note of the places that a score is about."""


def shown_text(text: str) -> ShownText:
    """Cuts and folds an untrusted text at a space where there is one near."""
    return marked_text(text, ())


def marked_text(text: str, spans: Spans) -> ShownText:
    """As `shown_text`, with the places that a score is about marked."""
    kept = text[:CUT_FROM]
    position = len(kept)
    if len(kept) > FOLDED_FROM * 1.2:
        space = kept.rfind(" ", FOLDED_FROM - 60, FOLDED_FROM)
        position = space if space > 0 else FOLDED_FROM
    start = _marked(kept, 0, position, spans)
    rest = _marked(kept, position, len(kept), spans) if position < len(kept) else None
    return ShownText(start, rest, len(text), len(text) - len(kept), len(kept) - position)


def _marked(text: str, start: int, end: int, spans: Spans) -> Markup:
    """A part of a text with its marks. Marks that begin inside an earlier one lose their start."""
    parts, position = [], start
    for first, last, note in sorted(spans):
        low, high = max(first, position), min(last, end)
        if low >= high:
            continue
        parts.append(visible(text[position:low]))
        parts.append(Markup('<mark title="{}">{}</mark>').format(visible(note).striptags(), visible(text[low:high])))
        position = high
    return Markup("").join([*parts, visible(text[position:end])])


def spans_of(row: Mapping[str, Any] | None) -> list[tuple[int, int, str]]:
    """The spans of a row of scores; none where they are null, as in scores of an older version."""
    spans = (row or {}).get("spans") or ()
    return [(span["start"], span["end"], span["note"] or "") for span in spans]


def answer_browser(
    tables: StudyTables, configurations: list[Configuration], facet: Facet, *, most: int = MOST_ANSWERS
) -> AnswerBrowser:
    """Lays out the answers.

    Args:
        tables: the study.
        configurations: in the order in which they are shown.
        facet: whose verdicts are shown.
        most: answers to hold; beyond, every so-many-th prompt is taken.
    """
    labels = run_labels(tables, configurations)
    prompts: dict[str, dict[str, dict[str, object]]] = {}
    for row in tables.prompts.iter_rows(named=True):
        prompts.setdefault(row["id"], {})[row["language"]] = row
    answered = answered_prompts(tables)
    every = max(1, -(-len(tables.responses) // most))
    taken = answered[::every]
    responses: dict[str, dict[str, dict[str, dict[str, object]]]] = {}
    for row in tables.responses.filter(pl.col("prompt_id").is_in(taken)).iter_rows(named=True):
        responses.setdefault(row["prompt_id"], {}).setdefault(row["language"], {})[row["run"]] = row
    verdicts = {
        (row["run"], row["prompt_id"], row["language"]): row
        for row in tables.scores.filter(
            pl.col("facet") == facet.name,
            pl.col("rater") == (choose_rater(tables, facet.name) or ""),
            pl.col("prompt_id").is_in(taken),
        ).iter_rows(named=True)
    }
    codes = in_table_order([code for name in taken for code in responses[name]])
    return AnswerBrowser(
        prompts=tuple(
            _prompt_block(
                name,
                prompts.get(name, {}),
                responses[name],
                verdicts=verdicts,
                labels=labels,
                codes=codes,
                facet=facet,
            )
            for name in taken
        ),
        prompts_in_all=len(answered),
        languages=tuple((code, language_name(code)) for code in codes),
        labels=tuple(labels.values()),
    )


def answered_prompts(tables: StudyTables) -> list[str]:
    """Ids of prompts with an answer, in the order of the table of prompts; then those that it does not have."""
    with_answer = set(tables.responses["prompt_id"].unique())
    known = list(dict.fromkeys(name for name in tables.prompts["id"] if name in with_answer))
    return known + sorted(with_answer - set(known))


def run_labels(tables: StudyTables, configurations: Sequence[Configuration]) -> dict[str, str]:
    """What each run is called: the label of its configuration, with its seed where there are several."""
    return {
        run: item.label if len(item.runs) == 1 else f"{item.label}, seed {_seed(tables, run)}"
        for item in configurations
        for run in item.runs
    }


def _seed(tables: StudyTables, run: str) -> object:
    return tables.cells.filter(pl.col("run") == run)["seed"][0]


def prompt_text(row: Mapping[str, Any] | None) -> str:
    """The messages of a prompt as one text."""
    if row is None:
        return "(the prompt is not in the table of prompts)"
    messages: list[dict[str, str]] = row["messages"]
    if len(messages) == 1:
        return messages[0]["content"]
    return "\n\n".join(f"{message['role']}: {message['content']}" for message in messages)


def _prompt_block(
    name: str,
    rows: dict[str, dict[str, object]],
    responses: dict[str, dict[str, dict[str, object]]],
    *,
    verdicts: dict[tuple[str, str, str], dict[str, object]],
    labels: dict[str, str],
    codes: list[str],
    facet: Facet,
) -> PromptBlock:
    blocks = []
    for code in codes:
        if code not in responses:
            continue
        row = rows.get(code)
        requested = str(row["requested_language"]) if row else code
        blocks.append(
            LanguageBlock(
                code=code,
                name=language_name(code),
                direction=direction(code),
                prompt=shown_text(prompt_text(row)),
                requested=language_name(requested) if requested != code else "",
                answers=tuple(
                    _answer(label, responses[code][run], verdicts.get((run, name, code)), requested, facet)
                    for run, label in labels.items()
                    if run in responses[code]
                ),
            )
        )
    first = blocks[0]
    sample = rows.get(first.code) or next(iter(rows.values()), None)
    title = prompt_text(rows.get(first.code)).split("\n", 1)[0]
    states = [answer.state for block in blocks for answer in block.answers]
    return PromptBlock(
        id=name,
        task=str(sample["task"]) if sample else "",
        modifiers=tuple(sample["modifiers"] or ()) if sample else (),  # type: ignore[arg-type]
        title=visible(title if len(title) <= 160 else title[:157] + "…"),
        title_language=first.code,
        title_direction=first.direction,
        wrong=states.count("wrong"),
        unrated=states.count("unrated"),
        total=len(states),
        blocks=tuple(blocks),
    )


def _answer(
    label: str, row: dict[str, object], score: dict[str, object] | None, requested: str, facet: Facet
) -> Answer:
    state, verdict, written_in = _verdict(score, requested, facet)
    return Answer(
        label=label,
        state=state,
        verdict=verdict,
        ending=ending(str(row["ending"])),
        tokens=int(row["completion_tokens"]),  # type: ignore[call-overload]
        text=marked_text(str(row["text"]), spans_of(score)),
        direction=direction(written_in),
        language=written_in,
    )


def _verdict(score: dict[str, object] | None, requested: str, facet: Facet) -> tuple[str, str, str]:
    """State, words, and the code of the language that the text is most likely written in."""
    if score is None:
        return "unrated", "not scored", requested
    value, detail = score["value"], str(score["detail"] or "")
    if value is None:
        return "unrated", f"no verdict: {reason(str(score['reason']))}", requested
    assert isinstance(value, float)
    state = "right" if value == facet.highest else "wrong" if value == facet.lowest else "rated"
    if facet.name != "correct_language":
        return state, level(value, facet), requested
    if state == "right":
        return state, f"in {language_name(requested)}", requested
    if detail and detail != requested:
        return state, f"in {language_name(detail)}, not {language_name(requested)}", detail
    return state, f"not in {language_name(requested)}", "" if state == "wrong" else requested
