"""Does a version mean what its source does: of all English texts of its set, is its own the nearest in meaning?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from crosstune.prompts.review.row import Row
from crosstune.text.embed import embed, encoder_languages

if TYPE_CHECKING:
    import numpy as np

LEAST_RATE = 0.97
"""Below this share of right neighbours a language has a problem: single misses are short or much alike."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """How many texts of a set in a language are nearest to their own source."""

    set: str
    language: str
    compared: int
    misses: tuple[tuple[Row, str], ...]
    """Rows whose nearest English text is another's, with the id of that one."""

    @property
    def rate(self) -> float:
        """The share of right ones, between 0 and 1."""
        return 1 - len(self.misses) / self.compared


@lru_cache(maxsize=16)  # the same for every language
def _english(texts: tuple[str, ...]) -> "np.ndarray[Any, np.dtype[np.float32]]":
    return embed(texts)


def neighbours(rows: Sequence[Row], sources: Mapping[str, str]) -> Neighbours | None:
    """The nearest English text of each row.

    Args:
        rows: of one set in one language.
        sources: English texts by id. A row with a gloss is compared with the glosses of its fellows instead.

    Returns:
        None when there is nothing to compare: a language that the encoder does not know, or fewer than two sources.
    """
    if not rows or rows[0].language not in encoder_languages():
        return None
    texts = {row.id: row.gloss or sources.get(row.id, "") for row in rows}
    compared = [row for row in rows if texts[row.id]]
    if len(compared) < 2:
        return None
    vectors = embed([row.text for row in compared])  # rows, dimensions
    english = _english(tuple(texts[row.id] for row in compared))
    nearest = (vectors @ english.T).argmax(axis=1)
    misses = tuple(
        (row, compared[place].id) for row, place in zip(compared, nearest, strict=True) if compared[place].id != row.id
    )
    return Neighbours(compared[0].set, compared[0].language, len(compared), misses)
