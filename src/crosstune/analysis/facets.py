"""What is rated, and on which scale. A facet that is not in this table works too, without what a scale allows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Facet:
    """One facet of an answer."""

    name: str
    title: str
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
    for facet in (Facet("correct_language", "Correct language", lowest=0.0, highest=1.0, is_share=True),)
}


def facet(name: str) -> Facet:
    """The facet of this name; one that is not in the table has no known scale."""
    return FACETS.get(name) or Facet(name, name.replace("_", " ").capitalize(), None, None, is_share=False)
