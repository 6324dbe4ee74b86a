"""Which facets are measured: by name, or as a group."""

from collections.abc import Sequence

from crosstune.errors import InvalidStudy, ModelUnavailable, did_you_mean
from crosstune.scoring.score import CHEAP_FACETS, SCORERS, scorer_identities
from crosstune.scoring.scorer import Scorer
from crosstune.scoring.scorers.line_pass import line_pass_with
from crosstune.scoring.scorers.word_pass import word_pass_with
from crosstune.text.segmenters import Segmenters

CHEAP = "cheap"
ALL = "all"


def chosen_facets(named: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The facets that are meant, each once, in the order of their table.

    Args:
        named: names of facets; `cheap` stands for those that cost little, `all` for those for which everything that
            they need is installed.

    Returns:
        The facets, and of `all` a note on each that is left out.

    Raises:
        InvalidStudy: there is no such facet.
        ModelUnavailable: what a facet needs that is asked for by name is not installed.
    """
    wanted: set[str] = set()
    notes: dict[str, str] = {}
    for name in named:
        if name == CHEAP:
            wanted.update(CHEAP_FACETS)
        elif name == ALL:
            for facet in SCORERS:
                try:
                    scorer_identities([facet])
                except ModelUnavailable as error:
                    notes[facet] = f"'{facet}' is left out: {error}"
                else:
                    wanted.add(facet)
        elif name in SCORERS:
            wanted.add(name)
            scorer_identities([name])
            notes.pop(name, None)
        else:
            raise InvalidStudy(
                f"'{name}' is not a facet that is measured", hint=did_you_mean(name, (*SCORERS, CHEAP, ALL))
            )
    return tuple(facet for facet in SCORERS if facet in wanted), tuple(notes.values())


def chosen_scorers(facets: Sequence[str], segmenters: Segmenters) -> list[Scorer]:
    """The scorers of facets.

    Args:
        facets: names in `SCORERS`.
        segmenters: `original` gives the pass rates of Marchisio et al. 2024: lines cut by their segmenters, and of
            foreign words English ones alone.

    Raises:
        ModelUnavailable: a segmenter is not installed.
    """
    if segmenters == "icu":
        return [SCORERS[facet] for facet in facets]
    as_published = (line_pass_with(segmenters), word_pass_with(segmenters, beyond=False))
    instead = {scorer.facet: scorer for scorer in as_published}
    scorers = [instead.get(facet, SCORERS[facet]) for facet in facets]
    for scorer in scorers:
        scorer.identity()
    return scorers
