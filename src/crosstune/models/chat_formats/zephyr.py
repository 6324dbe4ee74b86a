"""The format of Zephyr 7B beta and of TinyLlama Chat. Its role marks are ordinary text, its end mark is end-of-text.

<|user|>\\nHello</s>\\n<|assistant|>\\nHi.</s>\\n
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from crosstune.models.chat_formats.format import (
    ChatFormat,
    Piece,
    answer,
    bos_if_usual,
    control,
    eos,
    split_system,
    text,
)
from crosstune.records import Message


class Zephyr(ChatFormat):
    """`<|role|>`, a line break, the content, the end-of-text token, a line break."""

    name: ClassVar[str] = "zephyr"

    def pieces(self, messages: Sequence[Message], tokenizer: Any) -> list[Piece]:  # noqa: D102
        split_system(messages)
        pieces = bos_if_usual(tokenizer)
        for message in messages:
            is_answer = message.role == "assistant"
            content = answer(message.content) if is_answer else text(message.content)
            end = control(eos(tokenizer), learned=is_answer)
            pieces += [control(f"<|{message.role}|>"), text("\n"), content, end, text("\n")]
        if messages[-1].role == "user":
            pieces += [control("<|assistant|>"), text("\n")]
        return pieces

    def end(self, tokenizer: Any) -> str:  # noqa: D102
        return eos(tokenizer)

    def next_turns(self, tokenizer: Any) -> tuple[str, ...]:  # noqa: D102
        return ("<|user|>", "<|system|>")
