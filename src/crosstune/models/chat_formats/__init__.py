"""Chat formats: how a conversation becomes tokens, and how an answer ends. One format a file.

format.py      what a format is      encoding.py   pieces -> tokens      ending.py   tokens -> answer
"""

from typing import Any

from crosstune.errors import InvalidStudy, did_you_mean
from crosstune.models.chat_formats.chatml import ChatML
from crosstune.models.chat_formats.encoding import Encoded, encode_conversation, encode_prompt
from crosstune.models.chat_formats.ending import Endings, endings, find_stop_string, read_answer
from crosstune.models.chat_formats.format import ChatFormat, Piece
from crosstune.models.chat_formats.gemma import Gemma
from crosstune.models.chat_formats.llama_2 import Llama2
from crosstune.models.chat_formats.llama_3 import Llama3
from crosstune.models.chat_formats.mistral import Mistral
from crosstune.models.chat_formats.model import ModelTemplate
from crosstune.models.chat_formats.zephyr import Zephyr

__all__ = [
    "CHAT_FORMATS",
    "ChatFormat",
    "Encoded",
    "Endings",
    "Piece",
    "chat_format",
    "encode_conversation",
    "encode_prompt",
    "endings",
    "find_stop_string",
    "read_answer",
]

CHAT_FORMATS: dict[str, ChatFormat] = {
    fmt.name: fmt for fmt in (ChatML(), Gemma(), Llama2(), Llama3(), Mistral(), Zephyr(), ModelTemplate())
}
"""The visible table: name -> format. `model` stands for the template that the tokenizer brings."""


def chat_format(name: str, tokenizer: Any = None, *, where: str | None = None) -> ChatFormat:
    """The chat format of this name.

    Args:
        name: a key of `CHAT_FORMATS`.
        tokenizer: when given, the format is checked to go with it.
        where: place of the name, for errors.

    Raises:
        InvalidStudy: there is no such format (names the nearest), or it does not go with the tokenizer.
    """
    if name not in CHAT_FORMATS:
        raise InvalidStudy(f"'{name}' is not a chat format", where=where, hint=did_you_mean(name, CHAT_FORMATS))
    fmt = CHAT_FORMATS[name]
    if tokenizer is not None:
        endings(fmt, tokenizer)
    return fmt
