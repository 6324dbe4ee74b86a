"""What arrives from an annotator's page: marks, notes, marked words and skips, each with a key made by the page.

An entry that cannot be used is refused by itself; the others are saved. Texts of errors are for annotators, in their
language, so a refusal is a name in `texts` (`ui.error.<name>`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from crosstune.annotation.criteria import FACETS, MARKS, SKIP_REASONS

LONGEST_NOTE = 10_000
"""Characters."""
LONGEST_DETAIL = 1_000
MOST_SPANS = 2_000
MOST_SECONDS = 3_600.0
"""Of one mark; a page that was left open overnight says nothing of how long rating takes."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    item: str = Field(max_length=40)
    """The item's key."""
    client_key: str = Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9-]+$")
    """Random; the same when it is sent again."""


class MarkEntry(_Entry):
    """A mark for one criterion."""

    kind: Literal["mark"]
    facet: str
    value: int = Field(strict=True)
    """0, 1 or 2; of pairs as the sides are shown to the annotator."""
    seconds: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Since the mark before, as far as the page was in front."""


class NoteEntry(_Entry):
    """The note as it is now."""

    kind: Literal["note"]
    text: str


class SpansEntry(_Entry):
    """All words that are marked as wrong now."""

    kind: Literal["spans"]
    spans: list[tuple[int, int, int]] = Field(max_length=MOST_SPANS)
    """Start, end, and the answer: 0, or of pairs 1 for the one shown second."""


class SkipEntry(_Entry):
    """The item is skipped, with all its criteria."""

    kind: Literal["skip"]
    reason: str
    detail: str = Field(default="", max_length=LONGEST_DETAIL)
    seconds: float = Field(default=0.0, ge=0, allow_inf_nan=False)


Entry = MarkEntry | NoteEntry | SpansEntry | SkipEntry
_ENTRY: TypeAdapter[Entry] = TypeAdapter(Annotated[Entry, Field(discriminator="kind")])


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an entry is not kept."""

    code: str
    """A name in `texts`: `ui.error.<code>`, or `note` for a note that is too long."""


def read_entry(value: Any) -> Entry | Refused:
    """An entry, or why it cannot be one; whether the item is the annotator's is looked at when it is saved."""
    try:
        entry = _ENTRY.validate_python(value)
    except ValidationError as error:
        places = {part for problem in error.errors() for part in problem["loc"]}
        return Refused("mark" if "value" in places else "request")
    except RecursionError:
        return Refused("request")
    problem = _problem(entry)
    return entry if problem is None else Refused(problem)


def _problem(entry: Entry) -> str | None:
    if isinstance(entry, MarkEntry):
        if entry.value not in MARKS:
            return "mark"
        return None if entry.facet in FACETS else "request"
    if isinstance(entry, NoteEntry) and len(entry.text) > LONGEST_NOTE:
        return "note"
    if isinstance(entry, SkipEntry) and entry.reason not in SKIP_REASONS:
        return "request"
    return None


def merged_spans(spans: Sequence[tuple[int, int, int]], lengths: Sequence[int]) -> list[tuple[int, int, int]] | None:
    """Spans in order, those that touch as one.

    Args:
        spans: start, end, and which answer.
        lengths: of the answers, in characters.

    Returns:
        None where one is not within its answer.
    """
    if any(which not in range(len(lengths)) or not 0 <= start < end <= lengths[which] for start, end, which in spans):
        return None
    merged: list[tuple[int, int, int]] = []
    for start, end, which in sorted(spans, key=lambda span: (span[2], span[0])):
        if merged and merged[-1][2] == which and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]), which)
        else:
            merged.append((start, end, which))
    return merged
