"""The format of Llama 3 Instruct, without the date that the templates of 3.1 and later put into a system message.

<|begin_of_text|><|start_header_id|>user<|end_header_id|>\\n\\nHello<|eot_id|>
<|start_header_id|>assistant<|end_header_id|>\\n\\nHi.<|eot_id|>                    (on one line)
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from crosstune.models.chat_formats.format import ChatFormat, Piece, answer, bos, control, split_system, text
from crosstune.records import Message


def _header(role: str) -> list[Piece]:
    return [control("<|start_header_id|>"), text(role), control("<|end_header_id|>"), text("\n\n")]


class Llama3(ChatFormat):
    """A header with the role, an empty line, the trimmed content, `<|eot_id|>`."""

    name: ClassVar[str] = "llama-3"

    def pieces(self, messages: Sequence[Message], tokenizer: Any) -> list[Piece]:  # noqa: D102
        split_system(messages)
        pieces = bos(tokenizer)
        for message in messages:
            is_answer = message.role == "assistant"
            content = message.content.strip()
            pieces += [*_header(message.role), answer(content) if is_answer else text(content)]
            pieces += [control("<|eot_id|>", learned=is_answer)]
        if messages[-1].role == "user":
            pieces += _header("assistant")
        return pieces

    def end(self, tokenizer: Any) -> str:  # noqa: D102
        return "<|eot_id|>"

    def next_turns(self, tokenizer: Any) -> tuple[str, ...]:  # noqa: D102
        return ("<|start_header_id|>",)
