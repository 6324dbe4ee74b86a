"""Prompt sets from files and packages: the same instructions in every language, or an error that says where."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from crosstune.errors import InvalidData
from crosstune.prompts.config import PromptsConfig, prompt_source
from crosstune.prompts.load import load_prompts, prompt_counts, prompt_notes, prompts_identity
from crosstune.prompts.packaged import set_rows
from crosstune.records import Message, Prompt

REFERENCE = Path(os.environ.get("CROSSTUNE_REFERENCE", Path(__file__).parents[3] / "shared" / "reference"))
needs_reference = pytest.mark.skipif(
    not (REFERENCE / "modifiers.en.jsonl").is_file(),
    reason="the paper's reference files are not there (CROSSTUNE_REFERENCE)",
)


def chat(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def write(path: Path, values: list[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return path


def load(base: Path, entry: str = "set.{language}.jsonl", languages: str = "en", **settings: Any) -> list[Prompt]:
    return load_prompts(PromptsConfig(sets=[entry], languages=languages.split(), **settings), base)


TASKS = [("recipe", 3), ("email", 1), ("list", 2)]


def tasks_set(base: Path, languages: str) -> None:
    """Six prompts: recipe-1..3, email-1, list-1..2, in this order."""
    for code in languages.split():
        values = [
            {"id": f"my/{task}-{n}", "task": task, "text": f"{task} {n} in {code}", "tags": ["t"]}
            for task, count in TASKS
            for n in range(1, count + 1)
        ]
        write(base / f"my.{code}.jsonl", values)


def test_objects(tmp_path: Path) -> None:
    tasks_set(tmp_path, "en fr")
    prompts = load(tmp_path, "my.{language}.jsonl", "en fr")
    assert prompts[6] == Prompt(
        id="my/recipe-1",
        set="my",
        task="recipe",
        language="fr",
        requested_language="fr",
        messages=(Message("user", "recipe 1 in fr"),),
        modifiers=(),
        tags=("t",),
    )
    assert len(prompts) == 12


def test_lists_of_messages_with_kinds(tmp_path: Path) -> None:
    dialogue = [*chat("A"), {"role": "assistant", "content": "B"}, *chat("C")]
    write(tmp_path / "set.ru.jsonl", [chat("1"), dialogue, chat("3")])
    (tmp_path / "set.ru.types").write_text("short\nlang_de\nnum_items_3", encoding="utf-8")
    first, second, third = load(tmp_path, languages="ru")
    assert (first.id, first.modifiers, first.requested_language) == ("set/001+short", ("short",), "ru")
    assert (second.id, second.modifiers, second.requested_language) == ("set/002+lang_de", ("lang_de",), "de")
    assert [message.content for message in second.messages] == ["A", "B", "C"]
    assert third.id == "set/003+num_items_3"
    assert third.task == "set"


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        # The first of each task, then the second of each, then the third; in the order of the file.
        (1, ["recipe-1"]),
        (3, ["recipe-1", "email-1", "list-1"]),
        (4, ["recipe-1", "recipe-2", "email-1", "list-1"]),
        (5, ["recipe-1", "recipe-2", "email-1", "list-1", "list-2"]),
        (99, ["recipe-1", "recipe-2", "recipe-3", "email-1", "list-1", "list-2"]),
    ],
)
def test_limit_takes_tasks_in_turn(tmp_path: Path, limit: int, expected: list[str]) -> None:
    tasks_set(tmp_path, "en fr pt")
    prompts = load(tmp_path, "my.{language}.jsonl", "en fr pt", limit=limit)
    for code in ("en", "fr", "pt"):
        assert [p.id.removeprefix("my/") for p in prompts if p.language == code] == expected


def test_limit_balances_kinds_whatever_their_language_or_number(tmp_path: Path) -> None:
    kinds = {
        "en": ["lang_fr", "lang_fr", "num_items_2", "num_items_3"],
        "ru": ["lang_de", "lang_pt", "num_items_9", "num_items_2"],
    }
    for code, lines in kinds.items():
        write(tmp_path / f"set.{code}.jsonl", [chat(str(n)) for n in range(4)])
        (tmp_path / f"set.{code}.types").write_text("\n".join(lines), encoding="utf-8")
    prompts = load(tmp_path, languages="en ru", limit=2)
    # Families lang and num_items: the first of each, lines 1 and 3, in both languages.
    assert [p.id for p in prompts] == [
        "set/001+lang_fr",
        "set/003+num_items_2",
        "set/001+lang_de",
        "set/003+num_items_9",
    ]


def test_modifiers(tmp_path: Path) -> None:
    tasks_set(tmp_path, "en fr")
    config = PromptsConfig(
        sets=["my.{language}.jsonl"], languages=["en", "fr"], modifiers=["none", "short", "in_fr"], limit=2
    )
    prompts = load_prompts(config, tmp_path)
    # en: two prompts three times; fr: not in_fr, which they are in already.
    assert prompt_counts(config, tmp_path) == {"en": 6, "fr": 4}
    by_id = {(p.id, p.language): p for p in prompts}
    asked = by_id["my/recipe-1+in_fr", "en"]
    assert (asked.language, asked.requested_language, asked.modifiers) == ("en", "fr", ("in_fr",))
    first, added = asked.messages[-1].content.split("\n")
    assert first == "recipe 1 in en"
    assert "French" in added
    assert by_id["my/recipe-1+short", "fr"].requested_language == "fr"
    assert by_id["my/recipe-1", "fr"].modifiers == ()


def test_a_modifier_does_not_contradict_or_repeat_a_kind(tmp_path: Path) -> None:
    write(tmp_path / "set.en.jsonl", [chat("1"), chat("2"), chat("3")])
    (tmp_path / "set.en.types").write_text("lang_de\nshort\nlong\n", encoding="utf-8")
    assert [p.id for p in load(tmp_path, modifiers=["in_fr"])] == ["set/002+short+in_fr", "set/003+long+in_fr"]
    assert [p.id for p in load(tmp_path, modifiers=["short"])] == ["set/001+lang_de+short", "set/003+long+short"]
    assert load(tmp_path, modifiers=["short"])[0].requested_language == "de"


def test_nothing_left(tmp_path: Path) -> None:
    write(tmp_path / "set.en.jsonl", [chat("1")])
    with pytest.raises(InvalidData, match="add 'none'"):
        load(tmp_path, modifiers=["in_en"])
    write(tmp_path / "set.la.jsonl", [chat("1")])
    with pytest.raises(InvalidData, match=r"'short' has no wording in 'la'"):
        load(tmp_path, languages="la", modifiers=["short"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "a", "txt": "x"}', r"'txt' is not a key of a prompt; did you mean 'text'"),
        ('{"id": "a"}', "either 'text' or 'messages'"),
        ('{"id": "a", "text": "x", "messages": []}', "either 'text' or 'messages'"),
        ('{"id": "a", "text": " "}', "empty"),
        ('{"id": "a", "text": 5}', "not text"),
        ('[{"role": ["user"], "content": "x"}]', "is by"),
        ('[{"role": "assistant", "content": "x"}, {"role": "user", "content": "y"}]', "take turns"),
        ('[{"role": "user", "content": "x"}, {"role": "system", "content": "y"}]', "put it first"),
        ('{"id": "half \\ud83d", "text": "x"}', "lone surrogate"),
        ('{"id": "a+b", "text": "x"}', r"without '\+'"),
        ('{"id": 7, "text": "x"}', "cannot be the 'id'"),
        ('{"id": "a", "text": "x", "tags": "y"}', "'tags' is not a list"),
        ('{"id": "a", "text": "x", "task": 3}', "'task' is not text"),
        ('{"id": "first", "text": "x"}', r"the id 'first' is also that of line 1"),
        ("[]", "a row is not an object"),
        ('[{"role": "user"}]', "role and content"),
        ('[{"role": "human", "content": "x"}]', "by 'human'; known: system, user, assistant"),
        ('[{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]', "nothing to answer"),
        ('[{"role": "user", "content": "half \\ud83d"}]', "lone surrogate"),
        ("5", "a row is not an object"),
        ('{"id": "a", "te', "not JSON.*cut off"),
    ],
)
def test_lines_that_cannot_be_used(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "set.en.jsonl").write_text('{"id": "first", "text": "fine"}\n' + line, encoding="utf-8")
    with pytest.raises(InvalidData, match=message) as caught:
        load(tmp_path)
    assert caught.value.where is not None and caught.value.where.endswith("set.en.jsonl, line 2")


def test_kinds_that_cannot_be_used(tmp_path: Path) -> None:
    write(tmp_path / "set.en.jsonl", [chat("1"), chat("2")])
    kinds = tmp_path / "set.en.types"
    for content, message in [
        ("short\n", "1 kinds for the 2 prompts of set.en.jsonl"),
        ("short\nlong\nlong\n", "3 kinds for the 2 prompts"),
        ("short\nlang_xx\n", r"set.en.types, line 2: 'xx' is not a language"),
        ("short\ntwo words\n", r"set.en.types, line 2: 'two words' is not one word"),
    ]:
        kinds.write_text(content, encoding="utf-8")
        with pytest.raises(InvalidData, match=message):
            load(tmp_path)


def test_languages_must_be_parallel(tmp_path: Path) -> None:
    write(tmp_path / "set.en.jsonl", [chat("1"), chat("2")])
    write(tmp_path / "set.fr.jsonl", [chat("1")])
    with pytest.raises(InvalidData, match=r"'set/002' of the set 'set' is there in 'en' and missing in 'fr'") as caught:
        load(tmp_path, languages="en fr")
    assert caught.value.where == str(tmp_path / "set.fr.jsonl")
    assert str(tmp_path / "set.en.jsonl") + ", line 2" in str(caught.value)
    with pytest.raises(InvalidData, match="'set/002' of the set 'set' is there in 'en' and missing in 'fr'"):
        load(tmp_path, languages="fr en")
    write(tmp_path / "set.fr.jsonl", [chat("1"), chat("2")])
    (tmp_path / "set.en.types").write_text("short\nlong\n", encoding="utf-8")
    (tmp_path / "set.fr.types").write_text("long\nshort\n", encoding="utf-8")
    with pytest.raises(InvalidData, match="'set/001' is of the kind set/long in 'fr' and set/short in 'en'"):
        load(tmp_path, languages="en fr")


def test_missing_sets_and_languages(tmp_path: Path) -> None:
    write(tmp_path / "set.en.jsonl", [chat("1")])
    with pytest.raises(InvalidData, match="no file of prompts in 'fr'; it has en"):
        load(tmp_path, languages="en fr")
    with pytest.raises(InvalidData, match="nor is there one in another language"):
        load(tmp_path, "none.{language}.jsonl")
    with pytest.raises(InvalidData, match="did you mean 'everyday'"):
        load(tmp_path, "everydays")
    with pytest.raises(InvalidData, match="no prompts ship with crosstune in 'la'; they do in en, fr, pt, ru"):
        load(tmp_path, "everyday", "en la")
    with pytest.raises(InvalidData):
        prompts_identity(PromptsConfig(sets=["none.{language}.jsonl"], languages=["en"]), tmp_path)


def test_two_sets_with_one_name(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write(tmp_path / folder / "set.en.jsonl", [chat("1")])
    config = PromptsConfig(sets=["a/set.{language}.jsonl", "b/set.{language}.jsonl"], languages=["en"])
    with pytest.raises(InvalidData, match="two prompts in 'en' have the id 'set/001'"):
        load_prompts(config, tmp_path)


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ("everyday", "everyday"),
        ("../reference/modifiers.{language}.jsonl", "modifiers"),
        ("{language}_questions.jsonl", "questions"),
        ("prompts/{language}/hard.jsonl", "hard"),
        ("hard/{language}.jsonl", "hard"),
        ("{language}.jsonl", "prompts"),
    ],
)
def test_set_names(entry: str, name: str) -> None:
    assert prompt_source(entry).set_name == name


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sets": []}, "sets"),
        ({"languages": []}, "languages"),
        ({"languages": ["en", "fa-IR"]}, "did you mean 'fa'"),
        ({"languages": ["en", "en"]}, "'en' is named twice"),
        ({"modifiers": ["shrt"]}, "did you mean 'short'"),
        ({"modifiers": []}, "modifiers"),
        ({"limit": 0}, "limit"),
        ({"langauges": ["en"]}, "langauges"),
    ],
)
def test_refused_configs(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PromptsConfig.model_validate({"sets": ["everyday"], "languages": ["en"], **settings})


def test_identity_is_of_content_and_settings_not_of_place(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write(tmp_path / folder / "set.en.jsonl", [chat("1")])

    def identity(folder: str, **settings: Any) -> dict[str, object]:
        config = PromptsConfig(sets=["set.{language}.jsonl"], languages=["en"], **settings)
        return prompts_identity(config, tmp_path / folder)

    first = identity("a")
    assert json.loads(json.dumps(first)) == first == identity("b")
    # What a setting does is in it: a limit of one changes nothing for one prompt, nor asking in English in English.
    assert identity("a", limit=1) == identity("a", limit=500) == identity("a", modifiers=["none", "in_en"]) == first
    assert identity("a", modifiers=["none", "short"]) != first
    (tmp_path / "b" / "set.en.types").write_text("short\n", encoding="utf-8")
    assert identity("b") != first
    write(tmp_path / "a" / "set.en.jsonl", [chat("1"), chat("2")])
    assert identity("a", limit=1) == first != identity("a")


def test_identity_is_of_the_rows_used(tmp_path: Path) -> None:
    rows = [
        {"id": row.id, "text": f"swali {row.id}", "answers": ["jibu"]}
        for name in ("facts", "native")
        for row in set_rows(name)
    ]
    path = write(tmp_path / "sw.jsonl", rows)

    def identity(name: str) -> dict[str, object]:
        return prompts_identity(PromptsConfig(sets=[name], languages=["sw"], language_files=["sw.jsonl"]), tmp_path)

    facts, native = identity("facts"), identity("native")
    rows[0]["answers"] = ["jibu", "majibu"]
    write(path, rows)
    assert identity("native") == native and identity("facts") != facts


def test_notes_say_what_is_left_out() -> None:
    config = PromptsConfig(
        sets=["facts"], languages=["en", "ar"], modifiers=["none", "capitalised", "items_2", "items_3", "in_ar"]
    )
    notes = prompt_notes(config, Path())
    assert notes[0] == "the modifier 'capitalised' is left out in ar: the Arabic script has no capital letters"
    # No kind of fact has several items to name: 120 prompts in two languages. in_ar for Arabic prompts goes unsaid.
    assert notes[1].startswith("the modifiers 'items_2', 'items_3' are left out for 240 prompts of 'facts'")
    assert len(notes) == 2
    # facts: en 120 as they are, 120 in capitals, 120 in Arabic; ar 120 as they are.
    assert prompt_counts(config, Path()) == {"en": 360, "ar": 120}


@needs_reference
def test_the_papers_prompts() -> None:
    prompts = load(REFERENCE, "alpacaeval_test_subset.{language}.jsonl", "en fr pt ru")
    assert Counter(p.language for p in prompts) == {"en": 113, "fr": 113, "pt": 113, "ru": 113}
    assert prompts[0].id == "alpacaeval_test_subset/001"
    assert prompts[112].id == "alpacaeval_test_subset/113"


@needs_reference
def test_the_papers_modifiers() -> None:
    prompts = load(REFERENCE, "modifiers.{language}.jsonl", "en fr pt ru")
    assert Counter(p.language for p in prompts) == {"en": 251, "fr": 251, "pt": 251, "ru": 251}
    for code in ("en", "fr", "pt", "ru"):
        others = [p for p in prompts if p.language == code and p.requested_language != code]
        assert len(others) == 100
        assert all(p.modifiers == (f"lang_{p.requested_language}",) for p in others)
    # The Russian file asks for German where the English one asks for Russian.
    assert {p.requested_language for p in prompts if p.language == "ru"} == {"ru", "de", "pt", "fr"}
    assert sum(p.modifiers == ("short",) for p in prompts) == 4 * 20
    assert all(p.checks for p in prompts), "each kind of the paper is known"
