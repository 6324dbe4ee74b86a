"""Looking through prompt sets: everything that is wrong with them at once, by file and line."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crosstune.errors import CrosstuneError, InvalidData
from crosstune.progress import OnProgress, Progress, ignore_progress
from crosstune.prompts.config import PromptSource
from crosstune.prompts.language_file import (
    LANGUAGES_FOLDER,
    LanguageFile,
    language_of_path,
    packaged_language_codes,
    read_language_file,
)
from crosstune.prompts.packaged import SOURCE_LANGUAGE, packaged_sets, set_rows
from crosstune.prompts.review import wordings
from crosstune.prompts.review.facts import answer_problems
from crosstune.prompts.review.neighbours import LEAST_RATE, Neighbours, neighbours
from crosstune.prompts.review.row import Problem, Row
from crosstune.prompts.review.texts import english_problems, form_problems, language_problems
from crosstune.prompts.sets import read_set, set_languages
from crosstune.text.case import fold

MADE_ANEW = "language-heavy"
"""The tag of prompts that are about words: made anew in each language, so they mean something else in each."""


@dataclass(slots=True)
class Review:
    """What was found."""

    problems: list[Problem] = field(default_factory=list)
    checked: dict[tuple[str, str], int] = field(default_factory=dict)
    """The number of rows looked at by set and language."""
    neighbours: list[Neighbours] = field(default_factory=list)


def review_packaged(
    sets: Sequence[str],
    codes: Sequence[str],
    extra: Sequence[Path] = (),
    *,
    modifiers: bool = True,
    on_progress: OnProgress = ignore_progress,
) -> Review:
    """Looks through packaged sets, and the modifiers, in some languages.

    Args:
        sets: names of packaged sets.
        codes: the languages.
        extra: language files of one's own, each in the place of the packaged one.
        modifiers: whether to look at the modifiers too.
        on_progress: told after each language.

    Returns:
        Problems in the order of the languages and lines. A file that cannot be read at all is one problem.
    """
    review = Review()
    english = _read(SOURCE_LANGUAGE, extra, Review())
    known = dict.fromkeys([*packaged_language_codes(), *codes])
    glossed = {row for code in known for row in _glossed(_read(code, extra, Review()))}
    for done, code in enumerate(codes):
        on_progress(Progress(done, len(codes), "languages", note=code))
        file = _read(code, extra, review)
        if file is None:
            continue
        by_set = {name: _rows(name, file) for name in sets}
        for name, rows in by_set.items():
            review.problems += _incomplete(name, file, english, glossed)
            source = {row.id: row.text for row in _rows(name, english)} if english is not None else {}
            _review_rows(review, name, code, rows, source)
        everything = [row for rows in by_set.values() for row in rows]
        review.problems += _duplicates(sorted(everything, key=lambda row: _place(row.where)))
        review.problems += _extra(file)
        if modifiers:
            review.checked[wordings.SET, code] = len(file.modifiers)
            review.problems += wordings.modifier_problems(file)
    on_progress(Progress(len(codes), len(codes), "languages"))
    _finish(review)
    return review


def review_source(
    source: PromptSource, base: Path, codes: Sequence[str] = (), on_progress: OnProgress = ignore_progress
) -> Review:
    """Looks through a set from a file or the hub.

    Args:
        source: which.
        base: folder that relative paths are relative to.
        codes: the languages. None: all that it has.
        on_progress: told after each language.

    Returns:
        As `review_packaged`; each language that cannot be read is one problem.

    Raises:
        InvalidData: its languages cannot be told, since no row can be read.
    """
    review = Review()
    name = source.set_name
    wanted = list(codes) or set_languages(source, base)
    if not wanted:
        raise InvalidData("there is no file of it in any language", where=source.source)
    by_language: dict[str, list[Row]] = {}
    for code in wanted:
        try:
            found = read_set(source, [code], base)[code]
        except CrosstuneError as error:
            review.problems.append(_unreadable(error, code, name))
            continue
        by_language[code] = [
            Row(
                name,
                row.prompt.id,
                code,
                "\n".join(message.content for message in row.prompt.messages if message.role != "assistant"),
                row.where,
                row.prompt.tags,
                row.prompt.answers,
                row.prompt.gloss,
            )
            for row in found
        ]
    review.problems += _not_parallel(by_language)
    english = {row.id: row.text for row in by_language.get(SOURCE_LANGUAGE, [])}
    for done, (code, rows) in enumerate(by_language.items()):
        on_progress(Progress(done, len(by_language), "languages", note=code))
        _review_rows(review, name, code, rows, english)
        review.problems += _duplicates(rows)
    on_progress(Progress(len(by_language), len(by_language), "languages"))
    _finish(review)
    return review


def _read(code: str, extra: Sequence[Path], review: Review) -> LanguageFile | None:
    own = [path for path in extra if language_of_path(path) == code]
    path = own[0] if own else LANGUAGES_FOLDER / f"{code}.jsonl"
    try:
        return read_language_file(path, lambda error: review.problems.append(_unreadable(error, code, "")))
    except InvalidData as error:
        review.problems.append(_unreadable(error, code, ""))
        return None


def _unreadable(error: CrosstuneError, code: str, name: str) -> Problem:
    message = f"{error.message}; {error.hint}" if error.hint else error.message
    return Problem(error.where or "", "", code, name, "unreadable", message)


def _rows(name: str, file: LanguageFile) -> list[Row]:
    return [
        Row(
            name,
            row.id,
            file.language,
            text["text"],
            file.where(row.id),
            row.tags,
            tuple(text.get("answers", ())),
            text.get("gloss", ""),
        )
        for row in set_rows(name)
        if (text := file.texts.get(row.id)) is not None
    ]


def _glossed(file: LanguageFile | None) -> list[str]:
    return [name for name, row in file.texts.items() if "gloss" in row] if file is not None else []


def _incomplete(name: str, file: LanguageFile, english: LanguageFile | None, glossed: set[str]) -> Iterator[Problem]:
    code = file.language
    for row in set_rows(name):
        text = file.texts.get(row.id)
        if text is None:
            yield Problem(str(file.path), row.id, code, name, "missing", f"'{row.id}' is missing")
            continue
        source = english.texts.get(row.id, {}) if english is not None else {}
        if ("answers" in source) != ("answers" in text) and source:
            which = "has no answers, and its source has" if "answers" in source else "has answers, its source none"
            yield Problem(file.where(row.id), row.id, code, name, "answers", which)
        if row.id in glossed and code != SOURCE_LANGUAGE and "gloss" not in text:
            yield Problem(file.where(row.id), row.id, code, name, "gloss", "there is no English translation of it")


def _extra(file: LanguageFile) -> Iterator[Problem]:
    known = {row.id for rows in packaged_sets().values() for row in rows}
    for name in file.texts:
        if name not in known:
            yield Problem(file.where(name), name, file.language, "", "extra", f"no set has the id '{name}'")


def _review_rows(review: Review, name: str, code: str, rows: Sequence[Row], source: Mapping[str, str]) -> None:
    review.checked[name, code] = len(rows)
    for row in rows:
        anew = MADE_ANEW in row.tags
        found = [*form_problems(row.text), *language_problems(row.text, code, is_about_words=anew)]
        if code != SOURCE_LANGUAGE and source.get(row.id) == row.text:
            found.append(("english", "the same as the English text"))
        elif "script" not in [kind for kind, _ in found]:
            found += english_problems(row.text, code, is_about_words=anew)
        if row.gloss:
            found += [(kind, f"gloss: {message}") for kind, message in form_problems(row.gloss)]
            found += [
                (kind, f"gloss: {message}")
                for kind, message in language_problems(row.gloss, SOURCE_LANGUAGE, is_about_words=True)
            ]
        for alias in row.answers:
            found += [(kind, f"answer '{alias}': {message}") for kind, message in form_problems(alias)]
        review.problems += [Problem(row.where, row.id, code, name, kind, message) for kind, message in found]
    review.problems += answer_problems(rows)
    if code != SOURCE_LANGUAGE:
        # With a modifier in it, a text is nearly that of the same instruction with another.
        plain = [row for row in rows if MADE_ANEW not in row.tags and row.id == _base(row)]
        same = neighbours(plain, source)
        if same is not None:
            review.neighbours.append(same)


def _duplicates(rows: Sequence[Row]) -> Iterator[Problem]:
    seen: dict[str, Row] = {}
    for row in rows:
        key = " ".join(fold(row.text, row.language).split())
        if key in seen:
            message = f"the same text as '{seen[key].id}'"
            yield Problem(row.where, row.id, row.language, row.set, "duplicate", message)
        seen.setdefault(key, row)


def _not_parallel(by_language: Mapping[str, Sequence[Row]]) -> Iterator[Problem]:
    there: dict[str, Row] = {}
    for rows in by_language.values():
        for row in rows:
            there.setdefault(_base(row), row)
    for code, rows in by_language.items():
        own = {_base(row) for row in rows}
        file = rows[0].where.rpartition(", ")[0] if rows else ""
        for base_id, row in there.items():
            if base_id not in own:
                message = f"'{base_id}' is missing; it is there in '{row.language}'"
                yield Problem(file, base_id, code, row.set, "missing", message)


def _base(row: Row) -> str:
    return row.id.partition("+")[0]


def _finish(review: Review) -> None:
    """Adds what only the whole of a language shows, and puts all in the order of files and lines."""
    _judge_neighbours(review)
    places = {code: place for place, code in enumerate(dict.fromkeys(code for _, code in review.checked))}
    review.problems.sort(key=lambda problem: (places.get(problem.language, -1), *_place(problem.where)))


def _place(where: str) -> tuple[str, int]:
    path, _, last = where.rpartition(", ")
    number = last.rpartition(" ")[2]
    return (path, int(number)) if path and number.isdigit() else (where, 0)


def _judge_neighbours(review: Review) -> None:
    """One problem for each miss in a language that has too many."""
    compared: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    misses: dict[str, list[tuple[Row, str]]] = defaultdict(list)
    for item in review.neighbours:
        compared[item.language] += item.compared
        missed[item.language] += len(item.misses)
        misses[item.language] += item.misses
    for code, total in compared.items():
        if 1 - missed[code] / total < LEAST_RATE:
            for row, other in misses[code]:
                message = f"its nearest English text is that of '{other}', not its own"
                review.problems.append(Problem(row.where, row.id, code, row.set, "meaning", message))
