"""The formats in which instruction data is published, each as a function from a row to messages.

    messages           {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}
    prompt_completion  {"prompt": "...", "completion": "..."}, or both as lists of messages
    lima               {"conversations": ["question", "answer", ...]}
    sharegpt           {"conversations": [{"from": "human", "value": "..."}, {"from": "gpt", "value": "..."}]}
    dolly              {"instruction": "...", "context": "...", "response": "..."}
    alpaca             {"instruction": "...", "input": "...", "output": "..."}; earlier turns in "history"
    inputs_targets     {"inputs": "...", "targets": "..."}, as in the Aya collection

In any of them a string column `system` is the system message.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from crosstune.errors import InvalidData, did_you_mean, nearest
from crosstune.instructions.config import FORMATS
from crosstune.records import Message, Role

Row = Mapping[str, Any]

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
}


class BadRow(Exception):
    """A row that does not fit its format; the reader adds where it stands.

    Attributes:
        problem: what is wrong.
        incomplete: the row has the right form, and a question or an answer is empty or missing.
    """

    def __init__(self, problem: str, *, incomplete: bool = False) -> None:
        self.problem = problem
        self.incomplete = incomplete
        super().__init__(problem)


def _text(row: Row, column: str, *, required: bool = True) -> str:
    if column not in row:
        if not required:
            return ""
        match = nearest(column, row)
        raise BadRow(f"no column '{column}'" + (f" (there is '{match}')" if match else ""))
    value = row[column]
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRow(f"'{column}' is {_kind(value)}, not text")
    return value


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", bool: "true or false", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), "text" if isinstance(value, str) else "something else")


def _content(value: object, turn: int) -> str:
    """Text of a turn: a string, or OpenAI's list of parts when all of them are text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        texts = []
        for part in value:
            if not isinstance(part, Mapping) or part.get("type") != "text" or not isinstance(part.get("text"), str):
                raise BadRow(f"turn {turn} has a part that is not text")
            texts.append(part["text"])
        return "".join(texts)
    raise BadRow(f"the content of turn {turn} is {_kind(value)}, not text")


def _turns(value: object, column: str) -> list[Message]:
    """Messages of either shape: role and content, or from and value."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise BadRow(f"'{column}' is {_kind(value)}, not a list of turns")
    messages = []
    for turn, item in enumerate(value, start=1):
        if not isinstance(item, Mapping):
            raise BadRow(f"turn {turn} of '{column}' is {_kind(item)}, not an object")
        for role_key, content_key in (("role", "content"), ("from", "value")):
            if role_key in item and content_key in item:
                break
        else:
            raise BadRow(f"turn {turn} of '{column}' has {_names(item)}, not role and content (or from and value)")
        role = item[role_key]
        if not isinstance(role, str) or role not in _ROLES:
            raise BadRow(f"turn {turn} is by '{role}'; known: {', '.join(_ROLES)}")
        messages.append(Message(_ROLES[role], _content(item[content_key], turn)))
    return messages


def _pair(question: str, answer: str) -> list[Message]:
    return [Message("user", question), Message("assistant", answer)]


def _messages(row: Row) -> list[Message]:
    return _turns(row.get("messages"), "messages")


def _prompt_completion(row: Row) -> list[Message]:
    if isinstance(row.get("prompt"), str) or isinstance(row.get("completion"), str):
        return _pair(_text(row, "prompt"), _text(row, "completion"))
    return _turns(row.get("prompt"), "prompt") + _turns(row.get("completion"), "completion")


def _lima(row: Row) -> list[Message]:
    turns = row.get("conversations")
    if not isinstance(turns, Sequence) or isinstance(turns, str):
        raise BadRow(f"'conversations' is {_kind(turns)}, not a list of strings")
    for number, turn in enumerate(turns, start=1):
        if not isinstance(turn, str):
            raise BadRow(f"turn {number} of 'conversations' is {_kind(turn)}, not text")
    return [Message("assistant" if index % 2 else "user", turn) for index, turn in enumerate(turns)]


def _sharegpt(row: Row) -> list[Message]:
    return _turns(row.get("conversations"), "conversations")


def _joined(instruction: str, context: str) -> str:
    """An instruction and the text it is about; without an instruction there is no question."""
    return f"{instruction}\n\n{context}" if instruction.strip() and context.strip() else instruction


def _dolly(row: Row) -> list[Message]:
    question = _joined(_text(row, "instruction"), _text(row, "context", required=False))
    return _pair(question, _text(row, "response"))


def _alpaca(row: Row) -> list[Message]:
    earlier: list[Message] = []
    history = row.get("history") or []
    if not isinstance(history, Sequence):
        raise BadRow("'history' is not a list of pairs of question and answer")
    for pair in history:
        is_pair = isinstance(pair, Sequence) and not isinstance(pair, str) and len(pair) == 2
        if not is_pair or not all(isinstance(text, str) for text in pair):
            raise BadRow("'history' is not a list of pairs of question and answer")
        earlier += _pair(*pair)
    question = _joined(_text(row, "instruction"), _text(row, "input", required=False))
    return [*earlier, *_pair(question, _text(row, "output"))]


def _inputs_targets(row: Row) -> list[Message]:
    return _pair(_text(row, "inputs"), _text(row, "targets"))


_READERS: dict[str, Callable[[Row], list[Message]]] = {
    "messages": _messages,
    "prompt_completion": _prompt_completion,
    "lima": _lima,
    "sharegpt": _sharegpt,
    "dolly": _dolly,
    "alpaca": _alpaca,
    "inputs_targets": _inputs_targets,
}

_COLUMNS: dict[str, tuple[str, ...]] = {
    "messages": ("messages",),
    "prompt_completion": ("prompt", "completion"),
    "lima": ("conversations",),
    "sharegpt": ("conversations",),
    "dolly": ("instruction", "response"),
    "alpaca": ("instruction", "output"),
    "inputs_targets": ("inputs", "targets"),
}
"""What a row must have to be in a format."""


def _names(row: Row) -> str:
    return ", ".join(f"'{key}'" for key in row) or "nothing"


def recognise(row: object, where: str) -> str:
    """The format of a set, by its first row.

    Args:
        row: the first row.
        where: its place, for the error.

    Raises:
        InvalidData: no format has these columns; names them, the formats known, and the nearest column.
    """
    if not isinstance(row, Mapping):
        raise InvalidData(f"a row is {_kind(row)}, not an object", where=where, hint="known formats: " + _known())
    for name in FORMATS:
        if all(column in row for column in _COLUMNS[name]):
            if name != "lima":
                return name
            turns = row["conversations"]
            first = turns[0] if isinstance(turns, Sequence) and len(turns) else None
            return "sharegpt" if isinstance(first, Mapping) else "lima"
    wanted = sorted({column for columns in _COLUMNS.values() for column in columns})
    misspelt = [(key, nearest(key, wanted)) for key in row if key not in wanted and nearest(key, wanted)]
    hint = f"did you mean '{misspelt[0][1]}' by '{misspelt[0][0]}'? " if misspelt else ""
    raise InvalidData(
        f"the format is not recognised by its columns {_names(row)}",
        where=where,
        hint=f"{hint}known formats: {_known()}; rename columns with 'columns', such as {{question: prompt}}",
    )


def _known() -> str:
    return ", ".join(f"{name} ({' + '.join(_COLUMNS[name])})" for name in FORMATS)


def messages_of(row: object, format: str) -> tuple[Message, ...]:
    """The conversation in a row, checked.

    A question at the end that nobody answers is dropped: nothing is learned from it.

    Args:
        row: a row as its file has it.
        format: one of `FORMATS`.

    Returns:
        An optional system message, then user and assistant in turn, ending with the assistant; none is empty.

    Raises:
        BadRow: it does not fit the format, or a turn is empty or missing.
        InvalidData: no such format.
    """
    if format not in _READERS:
        raise InvalidData(f"'{format}' is not a format of instructions", hint=did_you_mean(format, _READERS))
    if not isinstance(row, Mapping):
        raise BadRow(f"a row is {_kind(row)}, not an object")
    for column in _COLUMNS[format]:
        if column not in row:
            match = nearest(column, row)
            raise BadRow(
                f"no column '{column}', which the format '{format}' has" + (f" (there is '{match}')" if match else "")
            )
    messages = _READERS[format](row)
    system = row.get("system")
    if isinstance(system, str) and system.strip() and not (messages and messages[0].role == "system"):
        messages.insert(0, Message("system", system))
    return _checked(messages)


def _checked(messages: list[Message]) -> tuple[Message, ...]:
    if messages and messages[0].role == "system" and not messages[0].content.strip():
        messages = messages[1:]
    start = 1 if messages and messages[0].role == "system" else 0
    turns = messages[start:]
    if len(turns) > 1 and turns[-1].role == "user" and turns[-2].role == "assistant":
        messages, turns = messages[:-1], turns[:-1]
    if not turns:
        raise BadRow("no turn at all", incomplete=True)
    for number, turn in enumerate(turns, start=1):
        expected = "assistant" if number % 2 == 0 else "user"
        if turn.role != expected:
            raise BadRow(f"turn {number} is by the {turn.role}, and the {expected}'s is due")
        if not turn.content.strip():
            what = "answer" if turn.role == "assistant" else "question"
            raise BadRow(f"the {what} in turn {number} is empty", incomplete=True)
    if len(turns) % 2:
        raise BadRow("the question has no answer", incomplete=True)
    for message in messages:
        try:
            message.content.encode("utf-8")
        except UnicodeEncodeError:
            raise BadRow(f"the {message.role}'s text has half a character (a lone surrogate)") from None
    return tuple(messages)
