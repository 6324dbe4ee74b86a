"""Do the modifiers work in a language: each has a wording, and its check tells its right example from its wrong one."""

from collections.abc import Iterator, Mapping
from typing import Any

from crosstune.errors import InvalidData
from crosstune.prompts.checks.table import verify
from crosstune.prompts.language_file import LanguageFile
from crosstune.prompts.modifiers import NONE, Modifier, families
from crosstune.prompts.review.completeness import missing_problem
from crosstune.prompts.review.row import Problem
from crosstune.prompts.review.texts import english_problems, form_problems, language_problems

SET = "modifiers"


def modifier_problems(file: LanguageFile) -> Iterator[Problem]:
    """What is wrong with the modifiers of a language's file."""

    def problem(name: str, kind: str, message: str) -> Problem:
        return Problem(file.where(name), name, file.language, SET, kind, message)

    for name in file.modifiers:
        if name not in families() or name == NONE:
            yield problem(name, "extra", f"'{name}' is not a modifier")
    missing = []
    applicable = 0
    for name, members in families().items():
        if name == NONE:
            continue
        reason = members[0].why_not_language(file.language)
        applicable += reason is None
        row = file.modifiers.get(name)
        if row is None:
            if reason is None:
                missing.append(name)
        elif reason is not None:
            yield problem(name, "extra", f"'{name}' does not apply here: {reason}")
        else:
            for kind, message in _row_problems(row, members, file.language):
                yield problem(name, kind, message)
    if missing:
        yield missing_problem(str(file.path), file.language, SET, missing, total=applicable)


def _row_problems(row: Mapping[str, Any], members: tuple[Modifier, ...], code: str) -> Iterator[tuple[str, str]]:
    wordings: list[str] = []
    try:
        for modifier in members:
            wordings.append(modifier.wording(row, code))
            modifier.check_in(row, code)
    except InvalidData as error:
        yield "wording", error.message
        return
    if len(set(wordings)) < len(members):
        yield "wording", "two numbers have the same wording"
    about_words = bool(row.get("parameters"))
    for text in dict.fromkeys((wordings[0], wordings[-1])):
        yield from form_problems(text)
        yield from language_problems(text, code, is_about_words=True)
        yield from english_problems(text, code, is_about_words=about_words)
    for value in _texts(row.get("parameters", {})):
        for wording in wordings:
            if value not in wording:
                yield "wording", f"the parameter '{value}' is not in the text '{wording}'"
                break
    example = next((modifier for modifier in members if modifier.is_example), members[0])
    if example.is_judged or example.requested_language is not None:
        return
    yield from _example_problems(row, example, code)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def _example_problems(row: Mapping[str, Any], modifier: Modifier, code: str) -> Iterator[tuple[str, str]]:
    check = modifier.check_in(row, code)
    if check is None:
        return
    for key, wanted in (("right", True), ("wrong", False)):
        if key not in row:
            yield "example", f"there is no '{key}'"
            continue
        verdict = verify(check, row[key], code)
        if verdict.passed is not wanted:
            said = "passes" if verdict.passed else "fails" if verdict.reason is None else f"is {verdict.reason}"
            detail = f" ({verdict.detail})" if verdict.detail else ""
            yield "example", f"'{key}' {said} the check '{check.kind}' of '{modifier.name}'{detail}"
        yield from form_problems(row[key])
        yield from language_problems(row[key], code, is_about_words=True)
