import pytest
from training_models import conversation, make_tokenizer

from crosstune.errors import InvalidData
from crosstune.models.chat_formats import chat_format
from crosstune.training.examples import IGNORED, encode_examples


def test_learned_tokens_by_hand() -> None:
    tokenizer = make_tokenizer()
    encoded = encode_examples([conversation(1, "Hi", "Yes!")], chat_format("chatml", tokenizer), tokenizer, 100)
    (example,) = encoded.examples
    # A byte is a token: the four of "Yes!" and the end of the turn are learned, nothing else.
    learned = [token for token, label in zip(example.input_ids, example.labels, strict=True) if label != IGNORED]
    assert tokenizer.decode(learned) == "Yes!<|im_end|>"
    assert example.learned_tokens == 5


def test_long_conversations_are_cut_or_left_out() -> None:
    tokenizer = make_tokenizer()
    fmt = chat_format("chatml", tokenizer)
    answer_begins = encode_examples([conversation(0, "Hi", "x")], fmt, tokenizer, 100).examples[0]
    begin = next(i for i, label in enumerate(answer_begins.labels) if label != IGNORED)
    given = [
        conversation(1, "Hi", "x"),
        conversation(2, "Hi", "y" * 50),  # longer than allowed, but its answer begins in time
        conversation(3, "Hi" * 50, "z"),  # the prompt alone is too long
    ]
    encoded = encode_examples(given, fmt, tokenizer, begin + 4)
    assert len(encoded.examples) == 2
    assert encoded.cut == 1
    assert encoded.left_out == {"prompt_too_long": 1, "no_answer": 0}
    assert [e.learned_tokens for e in encoded.examples] == [2, 4]
    assert len(encoded.examples[1].input_ids) == begin + 4


def test_nothing_left_is_an_error() -> None:
    tokenizer = make_tokenizer()
    with pytest.raises(InvalidData, match="max_length"):
        encode_examples([conversation(1, "Hi" * 50, "x")], chat_format("chatml", tokenizer), tokenizer, 20)
