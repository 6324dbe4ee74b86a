"""`code_switching`: foreign words are found where they stand, and what only looks foreign is not."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstune.scoring.answer import Answer
from crosstune.scoring.context import NO_CONTEXT
from crosstune.scoring.measure import Measure
from crosstune.scoring.score import measure

CLEAN = {
    "fr": "Mélangez la farine avec le beurre, ajoutez les œufs et faites cuire le tout une demi-heure.",
    "pt": "Misture a farinha com a manteiga, junte os ovos e leve tudo ao forno por meia hora.",
    "es": "Mezcla la harina con la mantequilla, añade los huevos y hornea todo durante media hora.",
    "de": "Mische das Mehl mit der Butter, gib die Eier dazu und backe alles eine halbe Stunde lang.",
    "it": "Mescola la farina con il burro, aggiungi le uova e cuoci tutto per mezz’ora.",
    "ru": "Смешайте муку с маслом, добавьте яйца и выпекайте всё вместе около получаса.",
    "tr": "Unu tereyağıyla karıştırın, yumurtaları ekleyin ve hepsini yarım saat pişirin.",
    "ar": "اخلط الدقيق مع الزبدة وأضف البيض واخبز كل شيء معًا لمدة نصف ساعة.",
    "hi": "आटे को मक्खन के साथ मिलाएँ, अंडे डालें और सब कुछ आधे घंटे तक पकाएँ।",
    "zh": "把面粉和黄油混合均匀，加入鸡蛋，然后一起烤半个小时。",
    "ja": "小麦粉とバターを混ぜ、卵を加えて、全部一緒に三十分焼いてください。",
    "en": "Mix the flour with the butter, add the eggs and bake everything for half an hour.",
}


def one(text: str | None, language: str) -> Measure:
    (found,) = measure([Answer("run", "p", language, language, text)], "code_switching", NO_CONTEXT)
    assert found is not None
    return found


def words(text: str, language: str) -> list[tuple[str, str]]:
    return [(text[span.start : span.end], span.note) for span in one(text, language).spans]


@pytest.mark.parametrize("language", CLEAN)
def test_clean_answers(language: str) -> None:
    found = one(CLEAN[language], language)
    assert (found.value, found.detail, found.spans) == (0.0, "", ())


@pytest.mark.parametrize("language", [code for code in CLEAN if code != "en"])
def test_an_english_word_is_found_where_it_stands(language: str) -> None:
    before, after = CLEAN[language][:-1], CLEAN[language][-1]
    text = f"{before} however{after}"
    assert words(text, language) == [("however", "en")]


def test_the_value_is_the_share_of_words() -> None:
    # Eight words, of which two are English.
    text = "Il faut toujours bien read the grandes lettres."
    assert words(text, "fr") == [("read", "en"), ("the", "en")]
    assert one(text, "fr").value == pytest.approx(2 / 8)
    assert one(text, "fr").detail == "read, the"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("L’apprentissage automatique (machine learning) permet aux programmes d’apprendre seuls.", "fr"),
        ("On appelle cela le « machine learning » dans le monde entier depuis longtemps.", "fr"),
        ('Le verbe "however" n’existe pas, car ce mot anglais est un adverbe.', "fr"),
        ("J’écoute les Rolling Stones et Pink Floyd chez moi le soir avec mes amis.", "fr"),
        ("Ce week-end, nous ferons du shopping avant le match de football de dimanche.", "fr"),
        ("Baixe o software no site e depois abra o e-mail que você recebeu ontem.", "pt"),
        ("Das Meeting beginnt um neun Uhr, und danach gehen wir alle zusammen essen.", "de"),
        ("Fahren Sie 200 km nach Norden und biegen Sie dann nach links in den Wald ab.", "de"),
        ("Écrivez `print(however)` dans le fichier, puis lancez-le depuis le terminal.", "fr"),
        ("Voir https://example.org/however/you/want/it pour plus de détails à ce sujet.", "fr"),
        ("Откройте Microsoft Word и нажмите Ctrl+S, чтобы сохранить файл в папке.", "ru"),
        ("Смешайте 200 ml молока с мукой и оставьте тесто на ночь в холодильнике.", "ru"),
        ("打开 Microsoft Word，然后按 Ctrl+S 保存文件到你想要的文件夹里。", "zh"),
        ("iPhoneでGoogleを開いて、調べたい言葉を入力してから検索してください。", "ja"),
        ("L’ago è nel pagliaio, e nell’ago passa il filo che serve per cucire.", "it"),
        ("Le café de l’Académie est ouvert à toute heure, même le dimanche soir.", "fr"),
    ],
)
def test_what_only_looks_foreign(text: str, language: str) -> None:
    assert words(text, language) == []


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        # Other languages than English, by three words in a row.
        ("Then he said il faut toujours bien dormir and went home to his family.", "en", "fr"),
        ("Misture tudo e depois il faut toujours attendre longtemps antes de servir.", "pt", "fr"),
        ("Nous avons mangé puis wir sind danach sofort gegangen avec nos amis.", "fr", "de"),
        # Other scripts.
        ("Mélangez la farine avec le масло и сахар puis faites cuire le tout.", "fr", "Cyrl"),
        ("Смешайте муку с маслом, 然后一起烤 около получаса в горячей печи.", "ru", "Hani"),
        ("Mix the flour with the मक्खन and bake everything for half an hour.", "en", "Deva"),
    ],
)
def test_other_languages_and_scripts(text: str, language: str, expected: str) -> None:
    found = words(text, language)
    assert found
    assert {note for _, note in found} == {expected}


def test_an_answer_wholly_in_english_is_mostly_foreign() -> None:
    for language in ("fr", "ru", "zh"):
        value = one(CLEAN["en"], language).value
        assert value is not None and value > 0.7


@pytest.mark.parametrize(
    ("text", "language", "reason"),
    [
        (None, "fr", "no_answer"),
        ("  \n", "fr", "empty"),
        ("Oui, bien sûr.", "fr", "too_short"),  # three words
        ("12345 67890 🙂", "fr", "too_short"),
        (CLEAN["fr"], "xx", "unsupported_language"),
        (CLEAN["fr"], "eu", "unsupported_language"),  # Latin script without a word list
    ],
)
def test_reasons(text: str | None, language: str, reason: str) -> None:
    found = one(text, language)
    assert (found.value, found.reason) == (None, reason)


def test_places_are_those_of_the_answer_as_it_was_given() -> None:
    text = "\u200f" + unicodedata.normalize("NFD", "Mélangez la farine é however puis faites cuire le tout.")
    assert words(text, "fr") == [("however", "en")]


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=200), st.sampled_from(list(CLEAN)))
def test_any_text_gets_a_value_or_a_reason(text: str, language: str) -> None:
    found = one(text, language)
    assert (found.value is None) != (found.reason is None)
    assert found.value is None or 0 <= found.value <= 1
    assert one(text + " \n", language) == found


@pytest.mark.parametrize(
    "text", ["a" * 10**6, "however " * 10**5, "«" * 10**5, "'" * 10**5, "мир " * 10**5, "\n" * 10**5]
)
def test_hostile_answers_end(text: str) -> None:
    one(text, "fr")
    one(text, "ru")


def test_answers_do_not_depend_on_one_another() -> None:
    answers = [Answer("run", code, code, code, text + " However it is.") for code, text in CLEAN.items()]
    alone = [one(answer.text, answer.language) for answer in answers]
    assert measure(answers, "code_switching", NO_CONTEXT) == alone
    again = [Answer("run", a.prompt_id, a.language, a.language, a.text) for a in reversed(answers)]
    assert measure(again, "code_switching", NO_CONTEXT) == alone[::-1]
