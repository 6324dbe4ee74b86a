"""The model's own format: the Jinja template that comes with its tokenizer.

A template gives one string for the whole conversation. Which stretch of it is an answer is found by rendering its
beginnings: the rendering up to a question, ready for the answer, must be a prefix of the rendering with the answer.
Text inside a message that looks like a special token is masked while the template runs, so that it stays text.
"""

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from crosstune.errors import InvalidStudy
from crosstune.models.chat_formats.format import ChatFormat, Piece, split_system
from crosstune.models.chat_formats.special_tokens import special_tokens
from crosstune.records import Message

_FIRST_MASK = 0xF0000
"""Start of a private-use plane of Unicode: 65,534 characters that no text contains."""

_OTHER_FORMAT = "choose another chat format, such as chatml"


class ModelTemplate(ChatFormat):
    """The template of the tokenizer at hand."""

    name: ClassVar[str] = "model"

    def pieces(self, messages: Sequence[Message], tokenizer: Any) -> list[Piece]:  # noqa: D102
        split_system(messages)
        rendering = _Rendering(messages, tokenizer)
        is_prompt = messages[-1].role == "user"
        pieces: list[Piece] = []
        # Earlier answers are told apart in prompts too, so that a prompt and its conversation begin with equal tokens.
        whole, done = rendering.upto(len(messages), open_answer=is_prompt), 0
        for number, message in enumerate(messages):
            if message.role != "assistant":
                continue
            before = rendering.upto(number, open_answer=True)
            after = rendering.upto(number + 1)
            if not (whole.startswith(after) and after.startswith(before)):
                if is_prompt:
                    return rendering.split(whole)
                raise InvalidStudy(
                    "the model's chat template renders earlier turns differently once others follow, so its answers "
                    "cannot be told from the rest",
                    hint=_OTHER_FORMAT,
                )
            learned_end = len(before) + rendering.answer_length(after[len(before) :], message)
            pieces += rendering.split(whole[done : len(before)])
            pieces += rendering.split(whole[len(before) : learned_end], learned=True)
            done = learned_end
        return pieces + rendering.split(whole[done:])

    def end(self, tokenizer: Any) -> str:  # noqa: D102
        return _marks(tokenizer)[0]

    def next_turns(self, tokenizer: Any) -> tuple[str, ...]:  # noqa: D102
        return _marks(tokenizer)[1]


class _Rendering:
    """The template applied to beginnings of one conversation, with special tokens in its content masked."""

    def __init__(self, messages: Sequence[Message], tokenizer: Any) -> None:
        if not tokenizer.chat_template:
            raise InvalidStudy("the model's tokenizer has no chat template of its own", hint=_OTHER_FORMAT)
        self._tokenizer = tokenizer
        self._specials = special_tokens(tokenizer)
        self._masks: dict[str, str] = {}
        self._chat = [{"role": message.role, "content": self._mask(message.content)} for message in messages]

    def _mask(self, content: str) -> str:
        def masked(match: re.Match[str]) -> str:
            return self._masks.setdefault(match[0], chr(_FIRST_MASK + len(self._masks)))

        return self._specials.pattern.sub(masked, content)

    def _unmask(self, content: str) -> str:
        for special, mask in self._masks.items():
            content = content.replace(mask, special)
        return content

    def upto(self, count: int, *, open_answer: bool = False) -> str:
        """The rendering of the first `count` messages, ready for an answer or not."""
        from jinja2 import TemplateError

        try:
            rendered = self._tokenizer.apply_chat_template(
                self._chat[:count], tokenize=False, add_generation_prompt=open_answer
            )
        except TemplateError as error:
            raise InvalidStudy(
                f"the model's chat template refuses the conversation ({error})", hint=_OTHER_FORMAT
            ) from error
        return str(rendered)

    def answer_length(self, turn: str, message: Message) -> int:
        """How much of a rendered answer is learned: its content and the first special token after it."""
        content = self._mask(message.content).strip()
        start = turn.find(content)
        if start < 0:
            raise InvalidStudy("the model's chat template changes the content of answers", hint=_OTHER_FORMAT)
        content_end = start + len(content)
        end = self._specials.pattern.search(turn, content_end)
        return end.end() if end is not None else len(turn.rstrip())

    def split(self, rendered: str, *, learned: bool = False) -> list[Piece]:
        """A stretch of the rendering as text and special tokens."""
        pieces, done = [], 0
        for match in self._specials.pattern.finditer(rendered):
            pieces.append(Piece(rendered[done : match.start()], learned=learned))
            pieces.append(Piece(match[0], control=True, learned=learned))
            done = match.end()
        pieces.append(Piece(rendered[done:], learned=learned))
        return [Piece(self._unmask(p.text), p.control, p.learned) for p in pieces if p.text]


def _marks(tokenizer: Any) -> tuple[str, tuple[str, ...]]:
    """The end mark and the marks of a next turn, read off a short conversation."""
    question, reply = Message("user", "question"), Message("assistant", "reply")
    rendering = _Rendering([question, reply, question], tokenizer)
    before, with_reply = rendering.upto(1, open_answer=True), rendering.upto(2)
    tail = with_reply[len(before) :].partition(reply.content)[2]
    special = special_tokens(tokenizer).pattern.search(tail)
    end = special[0] if special is not None else tail.strip()
    following = rendering.upto(3).removeprefix(with_reply).partition(question.content)[0].strip()
    return end or str(tokenizer.eos_token or ""), (following,) if following else ()
