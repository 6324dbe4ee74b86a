"""Looking through prompt sets: everything that is wrong with them at once, by file and line."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crosstune.errors import CrosstuneError, InvalidData
from crosstune.progress import OnProgress, Progress, ignore_progress
from crosstune.prompts.asked import notes_on_unchecked
from crosstune.prompts.config import PromptSource
from crosstune.prompts.language_file import (
    LANGUAGES_FOLDER,
    LanguageFile,
    language_of_path,
    packaged_language_codes,
    read_language_file,
)
from crosstune.prompts.packaged import SOURCE_LANGUAGE, set_rows
from crosstune.prompts.review import wordings
from crosstune.prompts.review.completeness import base_id, extra, incomplete, not_parallel
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
    """The number of rows looked at by set and language. Rows of a language's file that are of no set have an empty set,
    rows whose language cannot be told an empty language."""
    unread: list[tuple[str, str]] = field(default_factory=list)
    """What could not be read at all: set and language, one of them empty where it is a whole file or set."""
    notes: list[str] = field(default_factory=list)
    """What is no problem and good to know."""
    neighbours: list[Neighbours] = field(default_factory=list)


def review_packaged(
    sets: Sequence[str],
    codes: Sequence[str],
    own_files: Sequence[Path] = (),
    *,
    modifiers: bool = True,
    partial: bool = False,
    on_progress: OnProgress = ignore_progress,
) -> Review:
    """Looks through packaged sets, and the modifiers, in some languages.

    Args:
        sets: names of packaged sets.
        codes: the languages.
        own_files: language files of one's own, each in the place of the packaged one.
        modifiers: whether to look at the modifiers too.
        partial: whether a set of which a file of one's own has no row is passed over with a note.
        on_progress: told after each language.

    Returns:
        Problems in the order of the languages and lines. A file that cannot be read at all is one problem.
    """
    review = Review()
    english = _read(SOURCE_LANGUAGE, own_files, Review())
    known = dict.fromkeys([*packaged_language_codes(), *codes])
    glossed = {row for code in known for row in _glossed(_read(code, own_files, Review()))}
    for done, code in enumerate(codes):
        on_progress(Progress(done, len(codes), "languages", note=code))
        before = len(review.problems)
        file = _read(code, own_files, review)
        if file is None:
            continue
        refused = len(review.problems) - before
        may_lack = partial and file.path in own_files
        by_set = {name: _rows(name, file) for name in sets}
        for name, rows in by_set.items():
            if may_lack and not rows:
                review.notes.append(f"{file.path}: {name}: no rows")
                continue
            review.problems += incomplete(name, file, english, glossed)
            source = {row.id: row.text for row in _rows(name, english)} if english is not None else {}
            _review_rows(review, name, code, rows, source)
        everything = [row for rows in by_set.values() for row in rows]
        review.problems += _duplicates(sorted(everything, key=lambda row: _place(row.where)))
        of_no_set = extra(file)
        review.problems += of_no_set
        if refused or of_no_set:
            review.checked["", code] = refused + len(of_no_set)
        if modifiers and may_lack and not file.modifiers:
            review.notes.append(f"{file.path}: {wordings.SET}: no rows")
        elif modifiers:
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
        As `review_packaged`; a language, or the whole, that cannot be read is one problem.
    """
    review = Review()
    name = source.set_name
    refused: dict[str, list[str]] = defaultdict(list)

    def refuse(error: InvalidData, code: str, row_id: str) -> None:
        refused[code].append(row_id)
        review.problems.append(_unreadable(error, code, name, row_id))

    def refuse_in_language(error: InvalidData, code: str, row_id: str) -> None:
        if code:  # rows in no language are told of once for all languages
            refuse(error, code, row_id)

    try:
        there = set_languages(source, base, refuse) if not (codes and source.is_by_language) else []
        if not (there or codes):
            nothing = "there is no file of it in any language" if source.is_by_language else "no row has a language"
            raise InvalidData(nothing, where=source.source)
    except CrosstuneError as error:
        if len(review.problems) > 1:  # of many rows alike, the first says it
            del review.problems[1:]
        review.problems = review.problems or [_unreadable(error, "", name)]
        review.unread.append((name, ""))
        return review
    by_language: dict[str, list[Row]] = {}
    for code in codes or there:
        try:
            found = read_set(source, [code], base, refuse=refuse_in_language)[code]
        except CrosstuneError as error:
            review.problems.append(_unreadable(error, code, name))
            review.unread.append((name, code))
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
        review.notes += [
            f"{name}, {code}: {note}"
            for note in notes_on_unchecked(word for row in found for word in row.prompt.modifiers)
        ]
    review.problems += not_parallel(name, by_language, {code: set(ids) for code, ids in refused.items()})
    english = {row.id: row.text for row in by_language.get(SOURCE_LANGUAGE, [])}
    for done, (code, rows) in enumerate(by_language.items()):
        on_progress(Progress(done, len(by_language), "languages", note=code))
        _review_rows(review, name, code, rows, english)
        review.problems += _duplicates(rows)
    for code, ids in refused.items():
        review.checked[name, code] = review.checked.get((name, code), 0) + len(ids)
    on_progress(Progress(len(by_language), len(by_language), "languages"))
    _finish(review)
    return review


def _read(code: str, own_files: Sequence[Path], review: Review) -> LanguageFile | None:
    own = [path for path in own_files if language_of_path(path) == code]
    path = own[0] if own else LANGUAGES_FOLDER / f"{code}.jsonl"
    try:
        return read_language_file(path, lambda error: review.problems.append(_unreadable(error, code, "")))
    except InvalidData as error:
        review.problems.append(_unreadable(error, code, ""))
        review.unread.append(("", code))
        return None


def _unreadable(error: CrosstuneError, code: str, name: str, row_id: str = "") -> Problem:
    message = f"{error.message}; {error.hint}" if error.hint else error.message
    return Problem(error.where or "", row_id, code, name, "unreadable", message)


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
        plain = [row for row in rows if MADE_ANEW not in row.tags and row.id == base_id(row)]
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


def _finish(review: Review) -> None:
    """Adds what only the whole of a language shows, and sorts all by files and lines, what is missing last."""
    _judge_neighbours(review)
    places = {code: place for place, code in enumerate(dict.fromkeys(code for _, code in review.checked))}
    review.problems.sort(key=lambda problem: places.get(problem.language, -1))
    files = {path: place for place, path in enumerate(dict.fromkeys(_place(item.where)[0] for item in review.problems))}

    def order(problem: Problem) -> tuple[bool, int, int]:
        path, line = _place(problem.where)
        return bool(problem.ids), files[path], line

    review.problems.sort(key=order)


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
