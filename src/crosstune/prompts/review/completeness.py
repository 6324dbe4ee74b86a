"""Is a set whole in a language: no row missing, none of no set, answers and glosses where they should be."""

from collections.abc import Iterator, Mapping, Sequence

from crosstune.errors import did_you_mean
from crosstune.prompts.language_file import LanguageFile
from crosstune.prompts.packaged import SOURCE_LANGUAGE, packaged_sets, set_rows
from crosstune.prompts.review.row import Problem, Row
from crosstune.records import instruction_of

_IDS_NAMED = 5


def missing_problem(where: str, code: str, name: str, ids: Sequence[str], *, total: int, note: str = "") -> Problem:
    """All rows that a set lacks in a language, as one problem.

    Args:
        where: the file.
        code: the language.
        name: of the set, or `modifiers`.
        ids: of the rows, at least one.
        total: the number of rows that there should be.
        note: what else to say.
    """
    known = f"{name}/" if name in packaged_sets() else ""
    shown = ", ".join(row.removeprefix(known) for row in ids[:_IDS_NAMED])
    more = ", …" if len(ids) > _IDS_NAMED else ""
    return Problem(where, "", code, name, "missing", f"{len(ids)} of {total} missing ({shown}{more}){note}", tuple(ids))


def incomplete(name: str, file: LanguageFile, english: LanguageFile | None, glossed: set[str]) -> Iterator[Problem]:
    """What rows of a packaged set lack in a language's file.

    Args:
        name: of the set.
        file: of the language.
        english: the source.
        glossed: ids of rows that have a translation into English in some language.
    """
    code = file.language
    missing = []
    for row in set_rows(name):
        text = file.texts.get(row.id)
        if text is None:
            missing.append(row.id)
            continue
        source = english.texts.get(row.id, {}) if english is not None else {}
        if ("answers" in source) != ("answers" in text) and source:
            which = "has no answers, and its source has" if "answers" in source else "has answers, its source none"
            yield Problem(file.where(row.id), row.id, code, name, "answers", which)
        if row.id in glossed and code != SOURCE_LANGUAGE and "gloss" not in text:
            yield Problem(file.where(row.id), row.id, code, name, "gloss", "there is no English translation of it")
    if missing:
        yield missing_problem(str(file.path), code, name, missing, total=len(set_rows(name)))


def extra(file: LanguageFile) -> list[Problem]:
    """Rows of a language's file that belong to no packaged set."""
    known = {row.id for rows in packaged_sets().values() for row in rows}
    found = []
    for row_id in file.texts:
        if row_id not in known:
            set_name = row_id.partition("/")[0]
            if set_name in packaged_sets():
                message = f"no set has the id '{row_id}'"
            else:
                message = f"'{row_id}' is of no packaged set; {did_you_mean(set_name, packaged_sets())}"
            found.append(Problem(file.where(row_id), row_id, file.language, "", "extra", message))
    return found


def not_parallel(
    name: str, by_language: Mapping[str, Sequence[Row]], refused: Mapping[str, set[str]]
) -> Iterator[Problem]:
    """Rows that a set from elsewhere has in one language and not in another.

    Args:
        name: of the set.
        by_language: its rows.
        refused: ids of the rows by language that are there and cannot be used.
    """
    there: dict[str, str] = {}
    for code, rows in by_language.items():
        for row in rows:
            there.setdefault(base_id(row), code)
    for code, rows in by_language.items():
        own = {base_id(row) for row in rows} | refused.get(code, set())
        missing = [row_id for row_id in there if row_id not in own]
        if missing and rows:
            file = rows[0].where.rpartition(", ")[0]
            others = ", ".join(f"'{other}'" for other in dict.fromkeys(there[row_id] for row_id in missing))
            note = f"; {'it is' if len(missing) == 1 else 'they are'} there in {others}"
            yield missing_problem(file, code, name, missing, total=len(there), note=note)


def base_id(row: Row) -> str:
    """The id of an instruction without its modifiers."""
    return instruction_of(row.id)
