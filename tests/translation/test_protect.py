from hypothesis import given
from hypothesis import strategies as st

from crosstune.translation.protect import code_blocks_apart, lost_pieces, mask


def test_code_addresses_placeholders_and_tags_are_hidden() -> None:
    text = (
        "Hi {name}, run `make all` from https://a.org/x?y=1. Mail a@b.org <b>now</b> %s {{ user }}\n```py\nx = 1\n```"
    )
    masked = mask(text)
    assert masked.text == "Hi ⟦1⟧, run ⟦2⟧ from ⟦3⟧. Mail ⟦4⟧ ⟦5⟧now⟦6⟧ ⟦7⟧ ⟦8⟧\n⟦9⟧"
    assert masked.pieces[2] == "https://a.org/x?y=1"
    assert masked.unmask("⟦2⟧ ⟦ 1 ⟧ ⟦44⟧") == "`make all` {name} "


def test_marks_that_a_translation_lacks_or_repeats() -> None:
    masked = mask("Use `a`, `b` and `c`.")
    assert masked.missing("⟦1⟧ puis ⟦2⟧ puis ⟦2⟧") == ["⟦2⟧", "⟦3⟧"]


def test_a_mark_of_the_text_itself_comes_back_as_it_was() -> None:
    masked = mask("What does ⟦7⟧ mean in `x`?")
    assert masked.unmask(masked.text) == "What does ⟦7⟧ mean in `x`?"


def test_ordinary_words_in_brackets_and_percentages_are_text() -> None:
    assert mask("Give 20 % off (today), as 5 < 6 and 7 > 3. 100%s").pieces == ("%s",)
    assert mask('Dear [Name], {"a b": 1}').pieces == ()


def test_lost_pieces_counts() -> None:
    assert lost_pieces("`a` and `a` and {n}", "`a` und {n}") == ["`a`"]
    assert lost_pieces("`a`", "so `a` so") == []


def test_code_blocks_apart() -> None:
    text = "One\n```\nx = 'y'\n```\nTwo"
    assert code_blocks_apart(text) == [(False, "One\n"), (True, "```\nx = 'y'\n```"), (False, "\nTwo")]


def test_a_block_between_tildes_is_code_too() -> None:
    assert mask("Run\n~~~\nls\n~~~\nnow").pieces == ("~~~\nls\n~~~",)


@given(st.text(alphabet=st.sampled_from("a`~{}⟦⟧1 \n<>%s./:@w"), max_size=60))
def test_masking_loses_nothing(text: str) -> None:
    masked = mask(text)
    assert masked.unmask(masked.text) == text
    assert masked.missing(masked.text) == []
    assert "".join(part for _, part in code_blocks_apart(text)) == text
