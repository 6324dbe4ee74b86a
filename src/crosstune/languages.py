"""The one table of languages. Everything that crosstune knows of a language by name stands in `languages.tsv`.

Columns: code (ISO 639-1), English name, endonym, ISO 15924 script of everyday writing, direction, the labels that the
fastText detector lid.176 gives it (more than one where the detector splits what we count as one language), whether its
letters have capitals, whether its sentences end in a mark, and whether the multilingual sentence encoder knows it (the
16 languages that its authors name).
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, cast

from crosstune.errors import InvalidStudy, did_you_mean

Direction = Literal["ltr", "rtl"]
Case = Literal["none", "plain", "dotted"]


@dataclass(frozen=True, slots=True)
class Language:
    """One row of the table."""

    code: str
    name: str
    endonym: str
    script: str
    direction: Direction
    lid176: tuple[str, ...]
    case: Case
    """`none`: its letters have no capitals; `dotted`: the capital of i is İ, and the small letter of I is ı."""
    sentence_marks: bool
    """Whether sentences end in a mark; Thai and Lao part them by spaces, as they do phrases."""
    encoder: bool
    """Whether the sentence encoder of `text.embed` was trained on it."""
    eldc: str
    """What the detector ELD calls it; empty when it does not know it."""
    flores: str
    """What translation models trained on FLORES call it, such as `fra_Latn`; empty when they do not know it."""


@cache
def languages() -> dict[str, Language]:
    """All known languages by code, in the order of the table."""
    text = files("crosstune").joinpath("languages.tsv").read_text("utf-8")
    return {
        row["code"]: Language(
            code=row["code"],
            name=row["name"],
            endonym=row["endonym"],
            script=row["script"],
            direction=cast(Direction, row["direction"]),
            lid176=tuple(row["lid176"].split()),
            case=cast(Case, row["case"]),
            sentence_marks=row["sentence_marks"] == "yes",
            encoder=row["encoder"] == "yes",
            eldc=row["eldc"],
            flores=row["flores"],
        )
        for row in csv.DictReader(text.splitlines(), delimiter="\t")
    }


def language(code: str, *, where: str | None = None) -> Language:
    """The language with this code.

    Raises:
        InvalidStudy: it is not in the table; names the nearest code, also by English name or region tag.
    """
    table = languages()
    if code in table:
        return table[code]
    base = code.lower().replace("_", "-").split("-")[0]
    by_name = {entry.name.lower(): entry.code for entry in table.values()}
    if base in table or code.lower() in by_name:
        hint = f"did you mean '{base if base in table else by_name[code.lower()]}'?"
    else:
        hint = did_you_mean(code, table)
    raise InvalidStudy(f"'{code}' is not a language crosstune knows", where=where, hint=hint)


def known_code(code: str) -> str:
    """A code that stands in the table, as pydantic's validators check it.

    Raises:
        ValueError: it does not; as `language` says it.
    """
    try:
        return language(code).code
    except InvalidStudy as error:
        raise ValueError(str(error)) from error


def code_of(named: str) -> str | None:
    """The code that a column of languages means: a code, or a language's English name; None when it is neither."""
    table = languages()
    if named in table:
        return named
    return next((code for code, entry in table.items() if entry.name.lower() == named.lower()), None)


@cache
def language_of_lid176(label: str) -> str | None:
    """The code of the language that lid.176 calls `label`, or None when the table has no such language."""
    for entry in languages().values():
        if label in entry.lid176:
            return entry.code
    return None
