"""A study's answers as what is judged."""

from typing import TYPE_CHECKING

from crosstune.judging.subject import Subject, subject_of
from crosstune.records import Prompt, Response
from crosstune.storage.tables import from_rows

if TYPE_CHECKING:
    from crosstune.analysis.tables import StudyTables


def subjects_of_study(tables: "StudyTables") -> list[Subject]:
    """The answers of all configurations.

    Raises:
        InvalidData: a row is of another schema version.
    """
    prompts = {
        (prompt.id, prompt.language): prompt
        for prompt in from_rows(Prompt, tables.prompts.iter_rows(named=True), "prompts")
    }
    responses = from_rows(Response, tables.responses.iter_rows(named=True), "responses")
    return [subject_of(response, prompts[response.prompt_id, response.language]) for response in responses]
