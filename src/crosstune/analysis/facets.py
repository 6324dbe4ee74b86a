"""What is rated, and on which scale. A facet that is not in this table works too, without what a scale allows."""

from dataclasses import dataclass


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
    """Values are 0 or 1, so that their mean is a share and reads as a percentage."""

    @property
    def scale(self) -> tuple[float, float] | None:
        """Lowest and highest value, or None when not known."""
        if self.lowest is None or self.highest is None:
            return None
        return self.lowest, self.highest


FACETS = {
    facet.name: facet
    for facet in (
        Facet(
            name="correct_language",
            title="Correct language",
            explanation="the share of rated answers that are in the language they were asked in",
            lowest=0.0,
            highest=1.0,
            is_share=True,
        ),
    )
}


def facet(name: str) -> Facet:
    """The facet of this name; one that is not in the table has no known scale."""
    return FACETS.get(name) or Facet(
        name=name,
        title=name.replace("_", " ").capitalize(),
        explanation="the mean over rated answers",
        lowest=None,
        highest=None,
        is_share=False,
    )
