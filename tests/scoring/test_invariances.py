"""What must not change a score or a level, for all cheap facets together: the order of answers, white space behind
them, the Unicode form they come in, the same answers once more, and how the work is cut up.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crosstune
from crosstune.scoring import score_parts
from crosstune.scoring.score import CHEAP_FACETS

SENTENCES = {
    "en": ["The sea is salty because rivers carry salt into it.", "Paris, I think.", "That was in 1789, not in 1790."],
    "fr": [
        "La mer est salée parce que les fleuves y portent du sel.",
        "C’était à Paris, en été.",
        "Voilà où l’on naît.",
    ],
    "de": ["Süße Äpfel wachsen in Österreich auf großen Bäumen.", "Die Antwort ist Köln.", "Straßen, Bäume, Häuser."],
    "vi": ["Tiếng Việt dùng nhiều dấu thanh trên các nguyên âm.", "Hà Nội là thủ đô.", "Đó là năm 1945."],
    "ru": ["Море солёное, потому что реки приносят в него соль.", "Это Париж, по-моему.", "Йод ещё в моей воде."],
    "ko": ["바다가 짠 것은 강물이 소금을 실어 오기 때문입니다.", "답은 파리입니다.", "그것은 1789년이었습니다."],
    "ja": ["海が塩辛いのは、川が岩の塩を運び続けてきたからです。", "パリです。", "ガラスのコップでビールを飲んだ。"],
    "hi": ["समुद्र खारा है क्योंकि नदियाँ उसमें नमक लाती हैं।", "उत्तर पेरिस है।", "पढ़ाई ज़रूरी है।"],
    "ar": ["البحر مالح لأن الأنهار تحمل إليه الملح من الصخور.", "الجواب هو باريس.", "كان ذلك في عام 1789."],
    "zh": ["海水是咸的，因为河流把岩石里的盐带进了海里。", "答案是巴黎。", "那是1789年。"],
    "xx": ["Sona li pona.", "Jan li toki.", "Telo suli."],
}
"""Of languages whose letters have other forms when they are decomposed, and others; the last is none."""
PIECES = [
    "- ", "1. ", "## ", "**Réponse :** ", "\n", "\n\n", " ", "…", "<|im_end|>", "\n### Human: ",
    "`é`", "```python\né = 1\n```",
    "https://example.org/é", "machine learning ", "strasse ", "ﬁn ", "½ ", "x² ", "ÉTÉ ", "Å ", "Ω ", "\ufffd", "Ã©",
    "pабота ",
    "😀", "\u00ad", "\u200d", "\u202e", "\x07", "\ud800", "ой-ой ", "ha" * 30, "\n- ß" * 9,
]  # fmt: skip
"""What measures look for, and what may make them stumble."""
MODIFIERS = ["", "short", "long", "items_3", "no_digits", "paragraphs_2", "lowercase", "capitalised", "arrows"]
MODIFIERS += ["markdown", "title", "include_word", "avoid_word", "then_summary", "in_fr", "json"]
ACCEPTED = {
    "fr": "Paris|été*",
    "de": "Köln",
    "vi": "Hà Nội",
    "ru": "Париж*|йод",
    "ko": "파리",
    "ja": "パリ",
    "hi": "पेरिस",
}
ACCEPTED |= {"en": "1789|Paris", "ar": "باريس", "zh": "巴黎", "xx": "Telo"}


@st.composite
def answers(draw: st.DrawFn) -> dict[str, Any]:
    language = draw(st.sampled_from(sorted(SENTENCES)))
    written = language if draw(st.integers(0, 4)) else draw(st.sampled_from(sorted(SENTENCES)))
    parts = draw(st.lists(st.sampled_from([*SENTENCES[written] * 4, *PIECES]), max_size=8))
    response = draw(st.sampled_from(["", " ", "\n"])).join(parts)
    return {
        "response": None if draw(st.integers(0, 15)) == 0 else response,
        "language": language,
        "model": draw(st.sampled_from(["m", "n"])),
        "id": draw(st.sampled_from(["p1", "p2", "p3"])),
        "prompt": draw(st.sampled_from(SENTENCES[language])),
        "task": "t",
        "modifiers": draw(st.sampled_from(MODIFIERS)),
        "answers": ACCEPTED[language] if draw(st.booleans()) else None,
        "finish_reason": draw(st.sampled_from([None, "stop", "length"])),
    }


Rows = Sequence[Mapping[str, Any]]
LISTS = st.lists(answers(), min_size=1, max_size=6)
SCHEMA = dict.fromkeys(
    ("response", "language", "model", "id", "prompt", "task", "modifiers", "answers", "finish_reason"), pl.Object
)


def scores_of(rows: Rows, **more: Any) -> pl.DataFrame:
    columns = {name: [row[name] for row in rows] for name in SCHEMA}
    return crosstune.score(
        pl.DataFrame(columns, schema=SCHEMA), "cheap", **more
    )  # objects, since halves are no strings


def said(scores: pl.DataFrame, *columns: str) -> dict[tuple[int, str], tuple[Any, ...]]:
    """By row and facet."""
    return {(row, facet): values for row, facet, *values in scores.select("row", "facet", *columns).rows()}


def levels(scores: pl.DataFrame, *by: str) -> dict[tuple[Any, ...], Any]:
    found = crosstune.summary(scores, by)
    return {tuple(row[name] for name in (*by, "facet")): row["level"] for row in found.to_dicts()}


@settings(max_examples=30)
@given(LISTS.flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(range(len(rows))))))
def test_the_order_of_answers(drawn: tuple[Rows, list[int]]) -> None:
    rows, order = drawn
    before = scores_of(rows)
    after = scores_of([rows[place] for place in order])
    back = after.with_columns(pl.col("row").replace_strict({to: place + 1 for to, place in enumerate(order, 1)}))
    assert before.equals(back.sort("row", maintain_order=True))
    assert levels(before, "model", "language") == pytest.approx(levels(after, "model", "language"), nan_ok=True)
    turned = before.reverse()
    assert levels(before, "model", "language") == pytest.approx(levels(turned, "model", "language"), nan_ok=True)


SPACES = [character for code in range(0x3001) if (character := chr(code)).isspace()]


@settings(max_examples=40)
@given(LISTS, st.text(st.sampled_from([*SPACES, "\n", " "]), min_size=1, max_size=90))
def test_white_space_behind_an_answer(rows: Rows, spaces: str) -> None:
    longer = [{**row, "response": None if row["response"] is None else row["response"] + spaces} for row in rows]
    columns = ("value", "reason", "detail", "spans")
    assert said(scores_of(rows), *columns) == said(scores_of(longer), *columns)


@settings(max_examples=60)
@given(LISTS, st.sampled_from(["NFC", "NFD"]), st.booleans())
def test_the_unicode_form(rows: Rows, form: str, only_answers: bool) -> None:
    names = ("response",) if only_answers else ("response", "prompt", "answers")
    other = [
        row | {name: unicodedata.normalize(form, row[name]) for name in names if row[name] is not None} for row in rows
    ]
    assert said(scores_of(rows), "value", "reason") == said(scores_of(other), "value", "reason")


@settings(max_examples=30)
@given(LISTS, st.sampled_from([{"model": "m2"}, {"id": "p1x"}, {"id": "p1+short"}, {}]))
def test_the_same_answers_once_more(rows: Rows, change: dict[str, str]) -> None:
    """Under another model, with other ids, as versions of the same instruction, or as they are."""
    # A change of ids holds for all of a model's, so that English answers stay beside the others.
    more = [row | {name: row[name] + value for name, value in change.items()} for row in rows]
    once, twice = scores_of(rows), scores_of([*rows, *more])
    assert levels(once, "language") == pytest.approx(levels(twice, "language"), nan_ok=True)
    of_models = levels(twice, "model", "language")
    for (model, language, facet), level in levels(once, "model", "language").items():
        assert of_models[model, language, facet] == pytest.approx(level, nan_ok=True)
        if "model" in change:
            assert of_models[model + change["model"], language, facet] == pytest.approx(level, nan_ok=True)


@settings(max_examples=15)
@given(LISTS, st.integers(1, 3))
def test_how_answers_are_cut_into_pieces(rows: Rows, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(score_parts, "ANSWERS_AT_ONCE", size)
        pieces = scores_of(rows)
    assert pieces.equals(scores_of(rows))


def test_how_many_processes_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {
            "response": None if number % 17 == 0 else f"{number}. {' '.join(texts[: 1 + number % 3])}",
            "language": language,
            "model": f"m{number % 2}",
            "id": f"p{number}",
            "prompt": texts[0],
            "task": "t",
            "modifiers": MODIFIERS[number % len(MODIFIERS)],
            "answers": ACCEPTED[language],
            "finish_reason": "stop",
        }
        for number in range(20)
        for language, texts in SENTENCES.items()
    ]
    frame = pl.DataFrame(rows)
    monkeypatch.setattr(score_parts, "ANSWERS_AT_ONCE", 40)
    one, two = (crosstune.score(frame, "cheap", workers=workers) for workers in (1, 2))
    assert set(one["facet"]) == set(CHEAP_FACETS) and one.equals(two)
    assert crosstune.summary(one).equals(crosstune.summary(two))
