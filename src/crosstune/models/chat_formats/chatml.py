"""ChatML, as of Qwen and SmolLM2, without any system message of its own.

<|im_start|>user\\nHello<|im_end|>\\n<|im_start|>assistant\\nHi.<|im_end|>\\n
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from crosstune.models.chat_formats.format import ChatFormat, Piece, answer, bos_if_usual, control, split_system, text
from crosstune.records import Message


class ChatML(ChatFormat):
    """`<|im_start|>role`, a line break, the content, `<|im_end|>`."""

    name: ClassVar[str] = "chatml"

    def pieces(self, messages: Sequence[Message], tokenizer: Any) -> list[Piece]:  # noqa: D102
        split_system(messages)
        pieces = bos_if_usual(tokenizer)
        for message in messages:
            is_answer = message.role == "assistant"
            content = answer(message.content) if is_answer else text(message.content)
            end = control("<|im_end|>", learned=is_answer)
            pieces += [control("<|im_start|>"), text(f"{message.role}\n"), content, end, text("\n")]
        if messages[-1].role == "user":
            pieces += [control("<|im_start|>"), text("assistant\n")]
        return pieces

    def end(self, tokenizer: Any) -> str:  # noqa: D102
        return "<|im_end|>"

    def next_turns(self, tokenizer: Any) -> tuple[str, ...]:  # noqa: D102
        return ("<|im_start|>",)
