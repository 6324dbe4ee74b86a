import base64
import gzip
import json
from dataclasses import replace

import polars as pl
from edges import HOSTILE, older_scores
from study_tables import study_tables

from crosstune.analysis.configurations import configurations
from crosstune.analysis.facets import facet
from crosstune.records import Score
from crosstune.reporting.answers import CUT_FROM
from crosstune.reporting.packed import Packed, packed_answers
from crosstune.storage.tables import table_schema


def unpacked(piece: str):
    return json.loads(gzip.decompress(base64.b64decode(piece)))


def pack(tables, **options) -> Packed:
    return packed_answers(tables, configurations(tables.cells), facet("correct_language"), **options)


def texts_of(packed: Packed) -> list[str]:
    """The answers in the order of the index, as the page's script puts them together."""
    index = unpacked(packed.pieces["index"])
    texts = []
    for number, (first, last) in enumerate(index["texts"]):
        held = unpacked(packed.pieces[f"texts-{number}"])["texts"]
        taken = dict.fromkeys(held, 0)
        for answer, prompt in enumerate(index["p"]):
            if first <= prompt < last:
                language = str(index["l"][answer])
                texts.append(held[language][taken[language]])
                taken[language] += 1
    return texts


def test_every_answer_stands_at_its_place():
    tables = study_tables(prompts=3, text=lambda found, asked, number: f"{found} {asked} {number}")
    packed = pack(tables)
    index = unpacked(packed.pieces["index"])
    by_key = {(row["run"], row["prompt_id"], row["language"]): row["text"] for row in tables.responses.to_dicts()}
    runs = {item.label: run for item in configurations(tables.cells) for run in item.runs}
    found = texts_of(packed)
    assert len(found) == len(by_key) == packed.answers == 3 * 2 * 4 * 3  # prompts × modifiers × languages × runs
    for text, prompt, language, run in zip(found, index["p"], index["l"], index["r"], strict=True):
        key = runs[index["runs"][run]], index["prompts"][prompt]["id"], index["languages"][language]["code"]
        assert text == by_key[key]


def test_values_and_reasons_stand_at_their_answers():
    tables = study_tables(prompts=4, empty_share=0.3)
    packed = pack(tables)
    texts, scores = texts_of(packed), unpacked(packed.pieces["scores-0"])
    assert {"empty", "undetermined"} == set(scores["reasons"])
    for text, value, reason, detail in zip(texts, scores["v"], scores["x"], scores["d"], strict=True):
        if not text:
            assert value is None
            assert scores["reasons"][reason] == "empty"
        elif value is None:
            assert scores["reasons"][reason] == "undetermined"
        else:
            assert reason == -1
            assert scores["details"][detail] in ("en", "fr", "pt", "ru", "es")


def test_places_are_kept_and_an_older_table_has_none():
    tables = study_tables(prompts=1, modifiers=("none",), empty_share=0)
    spans = pl.Series([[{"start": 2, "end": 5, "note": "en"}]], dtype=table_schema(Score)["spans"])
    marked = replace(tables, scores=tables.scores.with_columns(spans=pl.lit(spans).first()))
    assert set(map(str, unpacked(pack(marked).pieces["scores-0"])["marks"].values())) == {"[[2, 5, 'en']]"}
    assert unpacked(pack(older_scores()).pieces["scores-0"])["marks"] == {}


def test_no_text_stands_in_a_piece_as_it_is():
    packed = pack(study_tables(("en",), prompts=2, text=lambda *_: HOSTILE))
    assert all("<" not in piece for piece in packed.pieces.values())
    assert texts_of(packed)[0] == HOSTILE


def test_long_answers_are_cut_and_say_how_long_they_were():
    packed = pack(study_tables(("en",), prompts=1, modifiers=("none",), text=lambda *_: "ж" * 1_000_000))
    held = unpacked(packed.pieces["texts-0"])
    assert len(held["texts"]["0"][0]) == CUT_FROM
    assert held["cut"]["0"] == 1_000_000


def test_whole_prompts_are_left_out_beyond_the_limit():
    tables = study_tables(prompts=24)  # 48 prompts
    whole = pack(tables)
    size = sum(map(len, whole.pieces.values()))
    assert whole.prompts == whole.prompts_in_all == 48
    fewer = pack(tables, limit=size * 3 // 4)
    assert sum(map(len, fewer.pieces.values())) <= size * 3 // 4
    assert 1 <= fewer.prompts < 48
    assert fewer.answers == fewer.prompts * 12  # 4 languages × 3 runs each
