"""What a chat format is: a rendering of a conversation into pieces, and the marks by which an answer ends.

Knows nothing of token ids; `encoding.py` turns pieces into tokens and `ending.py` reads answers.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from crosstune.errors import InvalidData, InvalidStudy
from crosstune.records import Message


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a rendered conversation."""

    text: str
    control: bool = False
    """A mark of the format: one special token where the tokenizer has it, else ordinary text. What is not control is
    always ordinary text, whatever it looks like, so that a message cannot forge the end of its turn."""
    learned: bool = False
    """The loss counts here: an answer and the end of its turn."""


def control(text: str, *, learned: bool = False) -> Piece:
    """A mark of the format."""
    return Piece(text, control=True, learned=learned)


def text(content: str) -> Piece:
    """Ordinary text that is read but not learned."""
    return Piece(content)


def answer(content: str) -> Piece:
    """Ordinary text that is learned."""
    return Piece(content, learned=True)


class ChatFormat(ABC):
    """One format. Formats hold no state and can be shared."""

    name: ClassVar[str]

    @abstractmethod
    def pieces(self, messages: Sequence[Message], tokenizer: Any) -> list[Piece]:
        """A conversation as pieces.

        Args:
            messages: perhaps a system message, then user and assistant in turn. When the last one is the user's, the
                rendering stops where the answer begins; else the conversation is whole.
            tokenizer: asked for its beginning- and end-of-text tokens only.

        Raises:
            InvalidData: the roles are in another order.
        """

    @abstractmethod
    def end(self, tokenizer: Any) -> str:
        """The mark that ends an answer."""

    @abstractmethod
    def next_turns(self, tokenizer: Any) -> tuple[str, ...]:
        """The marks that begin another turn, by which an answer without an end mark is told from what follows it."""


def bos(tokenizer: Any) -> list[Piece]:
    """The beginning-of-text token, for formats whose own template has it; nothing when the tokenizer has none."""
    return [control(tokenizer.bos_token)] if tokenizer.bos_token else []


def bos_if_usual(tokenizer: Any) -> list[Piece]:
    """The beginning-of-text token if the tokenizer puts it before any text.

    For formats whose template has none: a model that never saw text without it, such as Gemma, is at a loss.
    """
    start = tokenizer.encode("a")[:1]
    return bos(tokenizer) if tokenizer.bos_token and start == [tokenizer.bos_token_id] else []


def eos(tokenizer: Any) -> str:
    """The end-of-text token, for formats that end an answer with it.

    Raises:
        InvalidStudy: the tokenizer has none.
    """
    if not tokenizer.eos_token:
        raise InvalidStudy(
            "the tokenizer has no end-of-text token, with which this chat format ends an answer",
            hint="choose chat format chatml",
        )
    return str(tokenizer.eos_token)


def split_system(messages: Sequence[Message]) -> tuple[str | None, Sequence[Message]]:
    """The content of the system message, or None, and the turns after it.

    Raises:
        InvalidData: the turns are not user and assistant alternately, beginning with the user.
    """
    system, turns = (
        (messages[0].content, messages[1:]) if messages and messages[0].role == "system" else (None, messages)
    )
    expected = ["user" if number % 2 == 0 else "assistant" for number in range(len(turns))]
    roles = [message.role for message in turns]
    if not turns or roles != expected:
        raise InvalidData(
            f"messages in the order {', '.join(message.role for message in messages) or '(none)'}",
            hint="a conversation is user and assistant in turn, perhaps after one system message",
        )
    return system, turns
