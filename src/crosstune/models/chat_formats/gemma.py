"""The format of Gemma 2 and 3. It has no system role: a system message opens the first user turn.

<bos><start_of_turn>user\\nHello<end_of_turn>\\n<start_of_turn>model\\nHi.<end_of_turn>\\n
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from crosstune.models.chat_formats.format import ChatFormat, Piece, answer, bos, control, split_system, text
from crosstune.records import Message


class Gemma(ChatFormat):
    """`<start_of_turn>user` or `model`, a line break, the trimmed content, `<end_of_turn>`."""

    name: ClassVar[str] = "gemma"

    def pieces(self, messages: Sequence[Message], tokenizer: Any) -> list[Piece]:  # noqa: D102
        system, turns = split_system(messages)
        pieces = bos(tokenizer)
        for number, message in enumerate(turns):
            content = message.content.strip()
            if message.role == "user":
                before = f"{system}\n\n" if number == 0 and system is not None else ""
                pieces += [control("<start_of_turn>"), text(f"user\n{before}{content}"), control("<end_of_turn>")]
            else:
                pieces += [control("<start_of_turn>"), text("model\n"), answer(content)]
                pieces += [control("<end_of_turn>", learned=True)]
            pieces += [text("\n")]
        if turns[-1].role == "user":
            pieces += [control("<start_of_turn>"), text("model\n")]
        return pieces

    def end(self, tokenizer: Any) -> str:  # noqa: D102
        return "<end_of_turn>"

    def next_turns(self, tokenizer: Any) -> tuple[str, ...]:  # noqa: D102
        return ("<start_of_turn>",)
