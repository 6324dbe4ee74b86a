"""A chat format as the Jinja template that other programs read from a tokenizer's files."""

import json
from collections.abc import Sequence
from typing import Any

from crosstune.models.chat_formats import ChatFormat
from crosstune.records import Message

_SYSTEM, _FIRST, _ANSWER, _SECOND = "SYSTEM\u2042", "FIRST\u2042", "ANSWER\u2042", "SECOND\u2042"


def _render(fmt: ChatFormat, tokenizer: Any, messages: Sequence[Message]) -> str:
    return "".join(piece.text for piece in fmt.pieces(messages, tokenizer))


def _trims(fmt: ChatFormat, tokenizer: Any) -> bool:
    # Wider than any space that a format itself puts around a message.
    return "\t\tx\t\t" not in _render(fmt, tokenizer, [Message("user", "\t\tx\t\t")])


def chat_template(fmt: ChatFormat, tokenizer: Any) -> str | None:
    """The template that renders conversations as `fmt` does.

    What stands before, between and after messages is read off renderings of marked conversations; formats whose
    marks depend on a message's place in other ways than those cannot be written so.

    Args:
        fmt: the format.
        tokenizer: asked for its beginning- and end-of-text tokens.

    Returns:
        Jinja; None for the model's own format, whose template the tokenizer has already.
    """
    if fmt.name == "model":
        return None
    system, first = Message("system", _SYSTEM), Message("user", _FIRST)
    answer, second = Message("assistant", _ANSWER), Message("user", _SECOND)

    start, open_answer = _render(fmt, tokenizer, [first]).split(_FIRST)
    before_system, rest = _render(fmt, tokenizer, [system, first]).split(_SYSTEM)
    after_system = rest.split(_FIRST)[0]
    whole = _render(fmt, tokenizer, [first, answer, second])
    answer_opening = whole.split(_FIRST)[1].split(_ANSWER)[0].removeprefix(open_answer)
    between = whole.split(_ANSWER)[1].split(_SECOND)[0]
    closing = _render(fmt, tokenizer, [first, answer]).split(_ANSWER)[1]
    # After an answer comes its end; what a following question adds to that opens the question.
    next_turn = between.removeprefix(closing)

    content = "message['content'] | trim" if _trims(fmt, tokenizer) else "message['content']"
    text = json.dumps
    return (
        "{%- for message in messages -%}"
        "{%- if message['role'] == 'system' -%}"
        f"{{{{- {text(before_system)} ~ ({content}) ~ {text(after_system)} -}}}}"
        "{%- elif message['role'] == 'user' -%}"
        f"{{%- if loop.first -%}}{{{{- {text(start)} -}}}}"
        f"{{%- elif messages[loop.index0 - 1]['role'] != 'system' -%}}{{{{- {text(next_turn)} -}}}}{{%- endif -%}}"
        f"{{{{- {content} -}}}}"
        f"{{%- if not loop.last or add_generation_prompt -%}}{{{{- {text(open_answer)} -}}}}{{%- endif -%}}"
        "{%- else -%}"
        f"{{{{- {text(answer_opening)} ~ ({content}) ~ {text(closing)} -}}}}"
        "{%- endif -%}"
        "{%- endfor -%}"
    )
