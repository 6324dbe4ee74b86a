"""A tiny model is trained here to translate eight words into French or German, told the language in either way."""

import unicodedata
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstune.errors import ModelUnavailable
from crosstune.translation.backends.seq2seq import Seq2SeqTranslator, _pieces
from crosstune.translation.translator import Translated

FRENCH = {"hello": "bonjour", "world.": "monde.", "good": "bon", "night!": "nuit!"}
GERMAN = {"hello": "hallo", "world.": "Welt.", "good": "gut", "night!": "Nacht!"}


def _train(folder: Path, tokens: dict[str, str], *, as_prefix: bool) -> Path:
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    special = ["<pad>", "</s>", "<unk>", *tokens.values()]
    words = [*special, *FRENCH, *FRENCH.values(), *GERMAN.values()]
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        additional_special_tokens=list(tokens.values()),
    )
    sources, targets = [], []
    for code, table in (("fr", FRENCH), ("de", GERMAN)):
        for pair in [*product(table, table), *((word,) for word in table)]:
            token = f"{tokens[code]} "
            sources.append((token if as_prefix else "") + " ".join(pair))
            targets.append(("" if as_prefix else token) + " ".join(table[word] for word in pair))
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(words), d_model=48, d_kv=12, d_ff=96, num_layers=1, num_heads=4, dropout_rate=0.0,
        decoder_start_token_id=0, pad_token_id=0, eos_token_id=1,
    )  # fmt: skip
    model = T5ForConditionalGeneration(config)
    batch = fast(sources, return_tensors="pt", padding=True)
    labels = fast(targets, return_tensors="pt", padding=True).input_ids
    labels[labels == 0] = -100
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(250):
        model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def by_prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _train(tmp_path_factory.mktemp("madlad"), {"fr": "<2fr>", "de": "<2de>"}, as_prefix=True)


@pytest.fixture(scope="module")
def by_first_token(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tokens = {"fr": "fra_Latn", "de": "deu_Latn", "en": "eng_Latn"}
    return _train(tmp_path_factory.mktemp("nllb"), tokens, as_prefix=False)


@pytest.mark.parametrize("way", ["by_prefix", "by_first_token"])
def test_lines_marks_and_code_stay(way: str, request: pytest.FixtureRequest) -> None:
    translator = Seq2SeqTranslator("tiny", request.getfixturevalue(way))
    documents = [
        ["# hello world.\n\n- good night!\n1. hello hello\n\n```\nhello world.\n```\n", "good night!"],
        ["hello"],
    ]
    results = dict(translator.translate(documents, "en", "fr"))
    assert results == {
        0: Translated(("# bonjour monde.\n\n- bon nuit!\n1. bonjour bonjour\n\n```\nhello world.\n```\n", "bon nuit!")),
        1: Translated(("bonjour",)),
    }
    assert dict(translator.translate([["hello world."]], "en", "de")) == {0: Translated(("hallo Welt.",))}


@given(st.text(alphabet=st.sampled_from("ab.! \n-*1#\u0301\u200ee`A"), max_size=40))
def test_cutting_into_sentences_loses_and_doubles_nothing(text: str) -> None:
    pieces = list(_pieces(text, "en"))
    assert "".join(piece for _, piece in pieces) == unicodedata.normalize("NFC", text)


def test_a_decomposed_letter_and_a_mark_of_direction_are_sent_once() -> None:
    assert [piece for is_sentence, piece in _pieces("Cafe\u0301 is good. It is late.", "en") if is_sentence] == [
        "Café is good.",
        "It is late.",
    ]
    assert [piece for is_sentence, piece in _pieces("He said \u200ehi\u200f there.", "en") if is_sentence] == [
        "He said \u200ehi\u200f there."
    ]


def test_a_language_that_the_model_does_not_know(by_prefix: Path, by_first_token: Path) -> None:
    for folder in (by_prefix, by_first_token):
        with pytest.raises(ModelUnavailable, match="does not know Spanish"):
            list(Seq2SeqTranslator("tiny", folder).translate([["hello"]], "en", "es"))


def test_a_source_language_that_the_model_does_not_know(by_first_token: Path) -> None:
    with pytest.raises(ModelUnavailable, match="does not know Turkish"):
        list(Seq2SeqTranslator("tiny", by_first_token).translate([["merhaba"]], "tr", "fr"))


def test_no_translation_model(tiny_model: Path) -> None:
    with pytest.raises(ModelUnavailable, match="no translation model"):
        Seq2SeqTranslator("tiny", tiny_model)
