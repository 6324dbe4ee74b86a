"""The format of Llama 2 Chat. The space before an answer belongs to the answer.

<s>[INST] <<SYS>>\\nBe brief.\\n<</SYS>>\\n\\nHello [/INST] Hi. </s>
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from crosstune.models.chat_formats.format import ChatFormat, Piece, answer, bos, control, eos, split_system, text
from crosstune.records import Message


class Llama2(ChatFormat):
    """`[INST] content [/INST] answer`, each pair between the beginning- and the end-of-text token."""

    name: ClassVar[str] = "llama-2"

    def pieces(self, messages: Sequence[Message], tokenizer: Any) -> list[Piece]:  # noqa: D102
        system, turns = split_system(messages)
        pieces: list[Piece] = []
        for number, message in enumerate(turns):
            if message.role == "user":
                before = f"<<SYS>>\n{system}\n<</SYS>>\n\n" if number == 0 and system is not None else ""
                content = f"{before}{message.content}".strip()
                pieces += [*bos(tokenizer), control("[INST]"), text(f" {content} "), control("[/INST]")]
            else:
                pieces += [answer(f" {message.content.strip()} "), control(eos(tokenizer), learned=True)]
        return pieces

    def end(self, tokenizer: Any) -> str:  # noqa: D102
        return eos(tokenizer)

    def next_turns(self, tokenizer: Any) -> tuple[str, ...]:  # noqa: D102
        return ("[INST]",)
