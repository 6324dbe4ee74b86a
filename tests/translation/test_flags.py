import pytest

from crosstune.translation.flags import Flag, inspect, meaning_is_checked

ENGLISH = "How do I cook a simple lentil soup for four people? Please give the amounts and the steps."
FRENCH = (
    "Comment préparer une soupe de lentilles toute simple pour quatre personnes ? Donne les quantités et les étapes."
)
OTHER_FRENCH = "Pourquoi le ciel devient-il rouge au coucher du soleil alors qu’il est bleu pendant toute la journée ?"


def flags(original: str, translation: str, target: str = "fr", **more: bool) -> tuple[Flag, ...]:
    return inspect([original], [translation], "en", target, **more).flags


def test_a_good_translation_has_none() -> None:
    verdict = inspect([ENGLISH], [FRENCH], "en", "fr")
    assert verdict.flags == ()
    assert verdict.similarity is not None and verdict.similarity > 0.6


@pytest.mark.parametrize(
    ("translation", "flag"),
    [
        ("", Flag.EMPTY),
        (ENGLISH, Flag.UNCHANGED),
        (ENGLISH.replace("cook", "make"), Flag.WRONG_LANGUAGE),
        (OTHER_FRENCH, Flag.FAR_FROM_SOURCE),
        ("Comment préparer une soupe ?", Flag.UNUSUAL_LENGTH),
        (f"{FRENCH} " * 3, Flag.UNUSUAL_LENGTH),
    ],
)
def test_faults(translation: str, flag: Flag) -> None:
    assert flag in flags(ENGLISH, translation)


def test_cut_off_and_missing_placeholder() -> None:
    assert flags(ENGLISH, FRENCH, cut_off=True) == (Flag.CUT_OFF,)
    verdict = inspect([ENGLISH + " `mL`"], [FRENCH], "en", "fr")
    assert verdict.flags == (Flag.MISSING_PLACEHOLDER,)
    assert verdict.details == ("`mL`",)


def test_short_texts_such_as_names_are_not_judged() -> None:
    assert flags("Canberra", "Canberra") == ()


def test_meaning_is_not_checked_in_languages_that_the_encoder_does_not_know() -> None:
    assert meaning_is_checked("en", "zh")
    assert not meaning_is_checked("en", "hi")
    verdict = inspect([ENGLISH], ["मैं चार लोगों के लिए मसूर दाल का आसान सूप कैसे बनाऊँ? मात्रा और तरीका बताइए।"], "en", "hi")
    assert verdict.flags == () and verdict.similarity is None
