"""What a judge is asked about one answer: the messages of one call, for all criteria at once."""

from dataclasses import dataclass
from functools import lru_cache

from crosstune.judging.fence import LINE_MARK, fenced, harmless
from crosstune.judging.rubric import Rubric
from crosstune.judging.subject import Subject
from crosstune.languages import languages
from crosstune.records import Message

MOST_CHARACTERS_ASKED = 20_000
"""Of an instruction that are shown."""
MOST_CHARACTERS_REPEATED = 4_000
"""Of a reply that cannot be read, when it is sent back."""
_LONGEST_LANGUAGE = 40
_UNKNOWN = "(The instruction is not known. Judge the answer by itself.)"
_LEFT_OUT = "\n(… the rest of the instruction is left out here …)"


@dataclass(frozen=True, slots=True)
class Request:
    """One call."""

    messages: tuple[Message, ...]
    left_out: int
    """Characters of the answer that the judge is not shown."""


def marking_request(subject: Subject, text: str, rubric: Rubric) -> Request:
    """Asks for the marks of an answer.

    Args:
        subject: whose prompt it is.
        text: the answer, not blank, untrusted.
        rubric: the criteria.
    """
    shown = fenced(text, key=_key(subject))
    request = rubric.request.render(**_asked(subject), cut_off=subject.cut_off, answer=shown.text, code=shown.code)
    return Request((Message("system", _system(rubric)), Message("user", request)), shown.left_out)


def comparing_request(subject: Subject, texts: tuple[str, str], rubric: Rubric) -> Request:
    """Asks which of two answers is better.

    Args:
        subject: whose prompt it is.
        texts: the answers in the order in which they are shown, not blank, untrusted.
        rubric: the criteria.
    """
    shown = [fenced(text, key=f"{_key(subject)}\0{place}") for place, text in enumerate(texts)]
    request = rubric.compare.render(**_asked(subject), answers=shown)
    left_out = sum(one.left_out for one in shown)
    return Request((Message("system", _system_of_comparison(rubric)), Message("user", request)), left_out)


def translating_request(subject: Subject, text: str, rubric: Rubric) -> Request:
    """Asks for an English translation of an answer.

    Args:
        subject: whose answer it is.
        text: the answer, not blank, untrusted.
        rubric: whose text asks.
    """
    shown = fenced(text, key=f"{_key(subject)}\0translate")
    request = rubric.translate.render(
        language=_named(subject.requested_language), line_mark=LINE_MARK.strip(), answer=shown.text, code=shown.code
    )
    return Request((Message("user", request),), shown.left_out)


def _key(subject: Subject) -> str:
    return f"{subject.prompt_id}\0{subject.language}"


def _asked(subject: Subject) -> dict[str, object]:
    """What the judge is told of a prompt."""
    return {
        "language": _named(subject.requested_language),
        "modifiers": ", ".join(harmless(name).replace("\n", " ") for name in subject.modifiers),
        "accepted": "; ".join(f"«{_plain(answer)}»" for answer in subject.accepted),
        "instruction": _instruction(subject),
    }


@lru_cache(maxsize=8)
def _system(rubric: Rubric) -> str:
    return rubric.system.render(criteria=rubric.criteria, line_mark=LINE_MARK.strip(), example=rubric.example())


@lru_cache(maxsize=8)
def _system_of_comparison(rubric: Rubric) -> str:
    return rubric.compare_system.render(
        criteria=rubric.criteria, line_mark=LINE_MARK.strip(), example=rubric.example("better")
    )


def repair_request(request: Request, reply: str, problem: str, rubric: Rubric) -> Request:
    """Asks once more after a reply that cannot be read.

    Args:
        request: what was asked.
        reply: what came.
        problem: what is wrong with it, as `reply.read_marks` says.
        rubric: the criteria.
    """
    again = rubric.repair.render(problem=problem)
    return Request(
        (*request.messages, Message("assistant", reply[:MOST_CHARACTERS_REPEATED]), Message("user", again)),
        request.left_out,
    )


def _named(code: str) -> str:
    """A language as judges know it: `French (français)`; a code that no table has as it is."""
    entry = languages().get(code)
    if entry is None:
        return " ".join(harmless(code).split())[:_LONGEST_LANGUAGE]
    return entry.name if entry.name == entry.endonym else f"{entry.name} ({entry.endonym})"


def _plain(accepted: str) -> str:
    """An accepted answer without the marks that say where letters may be added."""
    return harmless(accepted).replace("*", "").replace("\n", " ").strip()


def _instruction(subject: Subject) -> str:
    """All turns of the prompt; their roles are named when there are several."""
    turns = subject.conversation
    if not turns:
        return _UNKNOWN
    text = turns[0].content if len(turns) == 1 else "\n".join(f"[{turn.role}]\n{turn.content}" for turn in turns)
    cut = text[:MOST_CHARACTERS_ASKED]
    quoted = "\n".join(LINE_MARK + line for line in harmless(cut).split("\n"))
    return quoted + (_LEFT_OUT if len(cut) < len(text) else "")
