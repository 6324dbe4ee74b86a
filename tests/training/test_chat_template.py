import pytest
from training_models import make_tokenizer

from crosstune.models.chat_formats import CHAT_FORMATS
from crosstune.records import Message
from crosstune.training.chat_template import chat_template

TURNS = [
    Message("user", "Hi\n there "),
    Message("assistant", "Yes?"),
    Message("user", "Ok \"'{{"),
    Message("assistant", "B"),
]


@pytest.mark.parametrize("name", [name for name in CHAT_FORMATS if name != "model"])
@pytest.mark.parametrize("system", [False, True])
@pytest.mark.parametrize("turns", [1, 2, 3, 4])
def test_renders_as_the_format_does(name: str, system: bool, turns: int) -> None:
    tokenizer = make_tokenizer()
    fmt = CHAT_FORMATS[name]
    messages = [Message("system", "Be brief.")] * system + TURNS[:turns]
    template = chat_template(fmt, tokenizer)
    rendered = tokenizer.apply_chat_template(
        [{"role": m.role, "content": m.content} for m in messages],
        chat_template=template,
        tokenize=False,
        add_generation_prompt=messages[-1].role == "user",
    )
    assert rendered == "".join(piece.text for piece in fmt.pieces(messages, tokenizer))
