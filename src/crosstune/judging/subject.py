"""What is judged: an answer, with all that the judge is told of it."""

from dataclasses import dataclass

from crosstune.records import Ending, Message, Prompt, Response
from crosstune.scoring.answer_row import AnswerRow


@dataclass(frozen=True, slots=True)
class Subject:
    """One answer to one prompt."""

    run: str
    prompt_id: str
    language: str
    """Code of the prompt's language."""
    requested_language: str
    """Code of the language that the answer must be in."""
    conversation: tuple[Message, ...]
    """What was asked, all turns of it."""
    text: str | None
    """The answer, untrusted; None when there is none."""
    modifiers: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    """For a question of facts: what counts as right (see `text.answers`)."""
    cut_off: bool = False
    """Whether it ended at the limit of tokens."""


def subject_of(response: Response, prompt: Prompt, *, run: str | None = None) -> Subject:
    """A subject from a study's records.

    Args:
        response: the answer.
        prompt: what it is to.
        run: what the configuration is called; None: as in the response.
    """
    return Subject(
        run=run or response.run,
        prompt_id=response.prompt_id,
        language=response.language,
        requested_language=prompt.requested_language,
        conversation=prompt.messages,
        text=response.text,
        modifiers=prompt.modifiers,
        accepted=prompt.answers,
        cut_off=response.ending is Ending.LENGTH,
    )


def subject_of_row(row: AnswerRow) -> Subject:
    """A subject from a row of a file of answers."""
    answer = row.answer
    return Subject(
        run=answer.run,
        prompt_id=answer.prompt_id,
        language=answer.language,
        requested_language=answer.requested_language,
        conversation=row.conversation,
        text=answer.text,
        modifiers=row.modifiers,
        accepted=answer.accepted,
        cut_off=answer.ending is Ending.LENGTH,
    )
