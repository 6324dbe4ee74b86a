import pytest

from crosstune.languages import languages
from crosstune.text.scripts import letters_of, script_share


@pytest.mark.parametrize(
    ("text", "script", "share"),
    [
        ("abc", "Latn", 1.0),
        ("абв", "Latn", 0.0),
        ("abб", "Cyrl", 1 / 3),
        ("日本のコーヒー", "Jpan", 1.0),
        ("汉字", "Hans", 1.0),
        ("한국어", "Kore", 1.0),
        ("हिन्दी", "Deva", 1.0),
        ("", "Latn", None),
        ("12 !?", "Latn", None),
    ],
)
def test_shares(text: str, script: str, share: float | None) -> None:
    assert script_share(text, script) == share


def test_every_script_of_the_table_is_known() -> None:
    for entry in languages().values():
        letters_of(entry.script)
        assert script_share(entry.endonym, entry.script) == 1.0, entry.code
