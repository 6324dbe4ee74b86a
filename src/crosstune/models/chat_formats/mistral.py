"""The format of Mistral 7B Instruct v0.1 and v0.2. A system message opens the first user turn.

<s> [INST] Be brief.\\n\\nHello [/INST] Hi.</s>
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from crosstune.models.chat_formats.format import ChatFormat, Piece, answer, bos, control, eos, split_system, text
from crosstune.records import Message


class Mistral(ChatFormat):
    """` [INST] content [/INST] answer`, one beginning-of-text token, an end-of-text token after each answer."""

    name: ClassVar[str] = "mistral"

    def pieces(self, messages: Sequence[Message], tokenizer: Any) -> list[Piece]:  # noqa: D102
        system, turns = split_system(messages)
        pieces = bos(tokenizer)
        for number, message in enumerate(turns):
            if message.role == "user":
                before = f"{system}\n\n" if number == 0 and system is not None else ""
                content = f" {before}{message.content} "
                pieces += [text(" "), control("[INST]"), text(content), control("[/INST]")]
            else:
                pieces += [answer(f" {message.content}"), control(eos(tokenizer), learned=True)]
        return pieces

    def end(self, tokenizer: Any) -> str:  # noqa: D102
        return eos(tokenizer)

    def next_turns(self, tokenizer: Any) -> tuple[str, ...]:  # noqa: D102
        return ("[INST]",)
