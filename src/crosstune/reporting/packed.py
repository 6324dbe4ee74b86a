"""All answers of a study as compressed data inside the page, which its script reads piece by piece.

A piece is JSON, compressed by gzip and written in base64, so that no text of a model ever stands in the page as markup.

    index          runs, languages, prompts, raters, and a column each for prompt, language, run, tokens and ending of
                   every answer, by prompt, then language, then run
    texts-N        prompts and answers of some prompts, in the same order within each language
    scores-N       what a rater says of one facet: value or reason, detail, and the places that it is about
"""

import base64
import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from crosstune.analysis.configurations import Configuration
from crosstune.analysis.facets import Facet
from crosstune.analysis.levels import choose_rater, in_table_order
from crosstune.analysis.tables import StudyTables
from crosstune.reporting import text
from crosstune.reporting.answers import CUT_FROM, answered_prompts, prompt_text, run_labels

PACKED_LIMIT = 13_500_000
"""Characters that all pieces together may take; beyond, whole prompts are left out."""
PIECE_CHARACTERS = 1_500_000
"""Characters of answers in a piece, about; a piece is read when an answer in it is to be shown."""
SAMPLE = 6
"""Prompts that are packed first, to see how far texts can be compressed."""
MOST_SPANS = 40
"""Places marked in one answer."""
TITLE_LENGTH = 160


@dataclass(frozen=True, slots=True)
class Packed:
    """Pieces by name, and how much of the study they hold."""

    pieces: dict[str, str]
    prompts: int
    prompts_in_all: int
    answers: int
    answers_in_all: int


def packed_answers(
    tables: StudyTables, configurations: Sequence[Configuration], facet: Facet, *, limit: int = PACKED_LIMIT
) -> Packed:
    """Packs as many prompts, evenly spread, as the limit allows.

    Args:
        tables: the study.
        configurations: in the order in which they are shown.
        facet: whose verdicts are shown first.
        limit: characters that all pieces may take.
    """
    answered = answered_prompts(tables)
    wanted = len(answered)
    if tables.responses["text"].str.len_bytes().sum() > 2 * limit and wanted > SAMPLE:
        # Packing takes long, so a few prompts tell first how many there is room for.
        sample, _ = _pieces(tables, configurations, facet, _spread(answered, SAMPLE))
        wanted = _that_fit(wanted, SAMPLE, sum(map(len, sample.values())), limit)
    while True:
        taken = _spread(answered, wanted)
        pieces, count = _pieces(tables, configurations, facet, taken)
        size = sum(map(len, pieces.values()))
        if size <= limit or wanted <= 1:
            return Packed(pieces, len(taken), len(answered), count, len(tables.responses))
        wanted = max(1, min(wanted - 1, _that_fit(wanted, wanted, size, limit)))


def _spread(names: list[str], wanted: int) -> list[str]:
    return [names[number * len(names) // wanted] for number in range(wanted)]


def _that_fit(in_all: int, packed: int, size: int, limit: int) -> int:
    return max(1, min(in_all, int(packed * limit / size * 0.98)))


def pack_frame(frame: pl.DataFrame) -> str:
    """A frame without nested columns as a piece with `columns` and `rows`."""
    return _pack({"columns": frame.columns, "rows": [list(row) for row in frame.iter_rows()]})


def _pieces(
    tables: StudyTables, configurations: Sequence[Configuration], facet: Facet, taken: list[str]
) -> tuple[dict[str, str], int]:
    labels = run_labels(tables, configurations)
    runs, prompt_of = list(labels), {name: number for number, name in enumerate(taken)}
    responses = tables.responses.filter(pl.col("prompt_id").is_in(taken), pl.col("run").is_in(runs))
    codes = in_table_order(responses["language"].to_list())
    numbered = responses.select(
        _number("prompt_id", prompt_of).alias("p"),
        _number("language", {code: number for number, code in enumerate(codes)}).alias("l"),
        _number("run", {run: number for number, run in enumerate(runs)}).alias("r"),
        pl.col("completion_tokens").alias("t"),
        "ending",
        pl.col("text").str.slice(0, CUT_FROM).alias("text"),
        pl.col("text").str.len_chars().alias("length"),
        "run",
        "prompt_id",
        "language",
    ).sort("p", "l", "r")
    prompts = {
        (row["id"], row["language"]): row
        for row in tables.prompts.filter(pl.col("id").is_in(taken)).iter_rows(named=True)
    }
    raters = _raters(tables, facet)
    endings = numbered["ending"].unique(maintain_order=True).to_list()
    texts = _text_pieces(numbered, taken, codes, prompts)
    index = {
        "runs": list(labels.values()),
        "languages": [
            {"code": code, "name": text.language_name(code), "direction": text.direction(code)} for code in codes
        ],
        "prompts": [_prompt(name, codes, prompts) for name in taken],
        "raters": [{"facet": name, "rater": rater, **_scale(tables.facet(name))} for name, rater in raters],
        "endings": [text.ending(name) for name in endings],
        **{column: numbered[column].to_list() for column in ("p", "l", "r", "t")},
        "e": _numbers(numbered["ending"], endings),
        "texts": [[first, last] for first, last, _ in texts],
    }
    pieces = {"index": _pack(index)}
    for number, (_, _, piece) in enumerate(texts):
        pieces[f"texts-{number}"] = _pack(piece)
    keys = numbered.select("run", "prompt_id", "language")
    for number, (name, rater) in enumerate(raters):
        pieces[f"scores-{number}"] = _pack(_scores(tables, keys, name, rater))
    return pieces, len(numbered)


def _number(column: str, numbers: dict[str, int]) -> pl.Expr:
    return pl.col(column).replace_strict(numbers, return_dtype=pl.Int32())


def _numbers(values: pl.Series, names: list[str]) -> list[int]:
    place = {name: number for number, name in enumerate(names)}
    return [place[name] for name in values]


def _pack(content: Any) -> str:
    document = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", errors="replace")
    return base64.b64encode(gzip.compress(document, 6, mtime=0)).decode()


def _scale(facet: Facet) -> dict[str, Any]:
    return {
        "title": facet.title,
        "share": facet.is_share,
        "lowest": facet.lowest,
        "highest": facet.highest,
        "better": facet.better,
    }


def _raters(tables: StudyTables, facet: Facet) -> list[tuple[str, str]]:
    """Facets with their raters: the chosen facet first, as it was chosen by."""
    pairs = tables.scores.select("facet", "rater").unique(maintain_order=True).rows()
    first = (facet.name, choose_rater(tables, facet.name))
    return sorted(pairs, key=lambda pair: (pair != first, pair[0] != facet.name))


def _prompt(name: str, codes: list[str], prompts: dict[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    code = next((code for code in codes if (name, code) in prompts), None)
    row = prompts[name, code] if code is not None else None
    title = prompt_text(row).split("\n", 1)[0]
    return {
        "id": name,
        "set": row["set"] if row else "",
        "task": row["task"] if row else "",
        "modifiers": [modifier for modifier in (row["modifiers"] or ()) if modifier != "none"] if row else [],
        "tags": list(row["tags"] or ()) if row else [],
        "title": title if len(title) <= TITLE_LENGTH else title[: TITLE_LENGTH - 3] + "…",
        "language": code or "",
    }


def _text_pieces(
    numbered: pl.DataFrame, taken: list[str], codes: list[str], prompts: dict[tuple[str, str], dict[str, Any]]
) -> list[tuple[int, int, dict[str, Any]]]:
    """First prompt, first prompt of the next piece, and the piece; each piece has whole prompts."""
    sizes = dict(numbered.group_by("p").agg(pl.col("text").str.len_chars().sum()).iter_rows())
    bounds, size = [0], 0
    for number in range(len(taken)):
        if size > PIECE_CHARACTERS:
            bounds.append(number)
            size = 0
        size += sizes.get(number, 0)
    pieces = []
    for first, last in zip(bounds, [*bounds[1:], len(taken)], strict=True):
        mine = numbered.filter(pl.col("p").is_between(first, last - 1))
        cut = mine.with_row_index("row").filter(pl.col("length") > CUT_FROM)
        asked: dict[str, Any] = {}
        for number in range(first, last):
            for place, code in enumerate(codes):
                row = prompts.get((taken[number], code))
                requested = row["requested_language"] if row else code
                if row:
                    other = text.language_name(requested) if requested != code else ""
                    asked[f"{number},{place}"] = [prompt_text(row)[:CUT_FROM], other, text.direction(requested)]
        pieces.append(
            (
                first,
                last,
                {
                    "prompts": asked,
                    # By language: what is alike stands together, and is compressed better.
                    "texts": {
                        str(language): mine.filter(l=language)["text"].to_list() for language in range(len(codes))
                    },
                    "cut": dict(zip(map(str, cut["row"]), cut["length"], strict=True)),
                },
            )
        )
    return pieces


def _scores(tables: StudyTables, keys: pl.DataFrame, name: str, rater: str) -> dict[str, Any]:
    """Columns of one rater and facet, in the order of the answers; a reason is written as its number, from 0."""
    wanted = ["run", "prompt_id", "language", "value", "reason", "detail", "spans"]
    scores = tables.scores.filter(facet=name, rater=rater).select(wanted)
    mine = keys.join(scores, on=["run", "prompt_id", "language"], how="left", maintain_order="left")
    reasons = mine["reason"].drop_nulls().unique().sort().to_list()
    details = mine["detail"].drop_nulls().unique().sort().to_list()
    place = {reason: number for number, reason in enumerate(reasons)}
    detail_place = {detail: number for number, detail in enumerate(details)}
    marked = mine.with_row_index("row").filter(pl.col("spans").list.len() > 0).select("row", "spans")
    marks = {
        str(row): [[span["start"], span["end"], span["note"] or ""] for span in spans[:MOST_SPANS]]
        for row, spans in marked.iter_rows()
    }
    return {
        "reasons": reasons,
        "reason_words": [text.reason(reason) for reason in reasons],
        "details": details,
        "v": [None if value is None else round(value, 4) for value in mine["value"]],
        "x": [-1 if reason is None else place[reason] for reason in mine["reason"]],
        "d": [-1 if detail is None else detail_place[detail] for detail in mine["detail"]],
        "marks": marks,
        "languages": {detail: text.language_name(detail) for detail in details} if name == "correct_language" else {},
    }
