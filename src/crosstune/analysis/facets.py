"""What is rated, and on which scale. A facet that is not in this table works too, without what a scale allows."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # what asks for a facet's title alone must answer at once
    import polars as pl

Better = Literal["higher", "lower"]

COMPOSITE_PREFIX = "composite:"
"""How the rater of a composite facet is called, before its name."""


@dataclass(frozen=True, slots=True)
class Facet:
    """One facet of an answer."""

    name: str
    title: str
    explanation: str
    """What a level of it is, as a clause for a reader."""
    lowest: float | None
    """The lowest value a rater can give; None when not known."""
    highest: float | None
    is_share: bool
    """Values are shares (often only 0 and 1), so that a mean reads as a percentage."""
    better: Better | None = "higher"
    """Which values are better; None where neither is."""

    @property
    def scale(self) -> tuple[float, float] | None:
        """Lowest and highest value, or None when not known."""
        if self.lowest is None or self.highest is None:
            return None
        return self.lowest, self.highest


def _share(name: str, title: str, explanation: str, better: Better | None = "higher") -> Facet:
    return Facet(name, title, explanation, 0.0, 1.0, True, better)


def _amount(name: str, title: str, explanation: str, better: Better | None) -> Facet:
    return Facet(name, title, explanation, 0.0, None, False, better)


def _mark(name: str, title: str, explanation: str) -> Facet:
    """A criterion that judges and people mark with 0, 1 or 2."""
    return Facet(name, title, explanation, 0.0, 2.0, False)


FACETS = {
    facet.name: facet
    for facet in (
        _share(
            "correct_language",
            "Correct language",
            "the share of rated answers that are in the language they were asked in",
        ),
        _share("line_pass", "Line pass", "the share of answers each of whose lines is in the requested language"),
        _share(
            "word_pass",
            "Word pass",
            "among answers whose lines are all in the requested language, the share without a foreign word",
        ),
        _share("code_switching", "Code-switching", "the mean share of foreign words in an answer", "lower"),
        _share(
            "degeneration",
            "Degeneration",
            "the share of answers that are empty, cut off, loop, echo the prompt or show chat markup",
            "lower",
        ),
        _share("constraints", "Constraints", "the share of answers that follow what the task modifier asks"),
        _share("facts", "Facts", "the share of questions of fact that are answered with an accepted answer"),
        _amount("length", "Length", "the mean number of words, or of characters where words are not spaced", None),
        _amount(
            "length_ratio",
            "Length to English",
            "the mean ratio of an answer's length to that of the same model's English answer",
            None,
        ),
        _share(
            "relevance",
            "Relevance",
            "the mean share of other prompts that are farther from the answer in meaning than its own prompt",
        ),
        Facet(
            "consistency",
            "Consistency with English",
            "the mean closeness in meaning (cosine) to the same model's English answer",
            -1.0,
            1.0,
            False,
        ),
        _amount("spelling", "Spelling faults", "the mean number of words that no dictionary has, in 100", "lower"),
        _amount("grammar", "Grammar faults", "the mean number of faults of grammar in 100 words", "lower"),
        _mark("language", "Language", "the mean mark for being in the requested language"),
        _mark("fluency", "Fluency", "the mean mark for reading as the language is written"),
        _mark("helpfulness", "Helpfulness", "the mean mark for giving what was asked for"),
        _mark("accuracy", "Factual accuracy", "the mean mark for stating what is true"),
        _mark("coherence", "Logical coherence", "the mean mark for parts that fit together"),
        _mark("harmlessness", "Harmlessness", "the mean mark for hurting nobody"),
        _share(
            "usable",
            "Usable",
            "the share of answers that one could send: in the right language, not degenerate, and helpful (or, where "
            "that was not rated, relevant)",
        ),
    )
}


def facet(name: str, rater: str | None = None) -> Facet:
    """The facet of this name; one that is not in the table has no known scale.

    Args:
        name: of the facet.
        rater: who gave its scores; a composite is known to be a share by its rater. None: not known.
    """
    if name not in FACETS and rater is not None and rater.startswith(COMPOSITE_PREFIX):
        return _share(name, _title(name), "the share of answers that meet all its conditions")
    return FACETS.get(name) or Facet(
        name=name,
        title=_title(name),
        explanation="the mean over rated answers",
        lowest=None,
        highest=None,
        is_share=False,
    )


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def scale_of(name: str, rater: str, values: "pl.Series") -> tuple[float, float] | None:
    """The scale of a facet as this rater gives it, or None when not known.

    Composites are 0 or 1. A rater who gave a value outside the facet's scale uses one of their own.
    """
    scale = (0.0, 1.0) if rater.startswith(COMPOSITE_PREFIX) else facet(name).scale
    if scale is None or not values.drop_nulls().is_between(*scale).all():
        return None
    return scale
