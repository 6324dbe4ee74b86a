"""Capitals and digits."""

import pytest
from checking import outcome


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "Mix The Flour With 2 Eggs (And 3rd Spoon) — “Well-known” 😀!", True),
        ("en", "Mix The Flour with 2 Eggs", False),
        ("en", "Use `git push` And See https://example.com/a, Then **Go**", True),
        ("en", "My iPhone Runs macOS", True),
        ("en", "My phone", False),
        ("en", "well-Known", False),
        ("en", "(mix, Then Bake)", False),
        ("fr", "L’Été Est Là, École", True),
        ("fr", "L’Été est Là", False),
        ("fr", "D’Autres Et d'Autres, l’Amour", True),
        ("fr", "Et d’autres", False),
        ("it", "Nell'Arte dell'Amore", True),
        ("ru", "Смешай Муку", True),
        ("ru", "Смешай муку", False),
        ("tr", "İki Yumurta Iğdır", True),
        ("tr", "iki Yumurta", False),
        ("fr", "E\u0301cole Gratuite", True),
        ("hr", "ǅep", True),
        ("en", "42 — 😀", "no_case"),
        ("en", "你好，世界", "no_case"),
        ("ar", "مرحبا Hello", "no_case"),
        ("ja", "こんにちは hello", "no_case"),
        ("ka", "გამარჯობა", "no_case"),
    ],
)
def test_capitalised(language: str, text: str, expected: bool | str) -> None:
    assert outcome("capitalised", text, language) == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "boil the eggs for 8 minutes 😀. then `Cool` them", True),
        ("en", "Boil the eggs", False),
        ("en", "boil the USA", False),
        ("de", "straße", True),
        ("ru", "свари яйца", True),
        ("ru", "свари Яйца", False),
        ("tr", "yumurtaları ılık suda", True),
        ("tr", "İyi", False),
        ("en", "123", "no_case"),
        ("hi", "नमस्ते", "no_case"),
        ("zh", "你好 Hello", "no_case"),
    ],
)
def test_lowercase(language: str, text: str, expected: bool | str) -> None:
    assert outcome("lowercase", text, language) == expected


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("Boil the eggs for eight minutes.", True),
        ("煮八分钟", True),
        ("اسلق البيض ثماني دقائق", True),
        ("आठ मिनट", True),
        ("8", False),
        ("1. Boil", False),
        ("٨ دقائق", False),
        ("८ मिनट", False),
        ("８分", False),
        ("½ cup", False),
        ("m²", False),
        ("① Boil", False),
        ("1️⃣", False),
    ],
)
def test_no_digits(text: str, passed: bool) -> None:
    assert outcome("no_digits", text) is passed
