"""Facets that a study names and does not have: in its scorers, its composites, and what it selects by."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from crosstune.analysis.composite_config import USABLE, Composite, Term
from crosstune.analysis.facets import COMPOSITE_PREFIX, FACETS, facet
from crosstune.annotation.criteria import FACETS as PEOPLES_CRITERIA
from crosstune.errors import CrosstuneError, InvalidStudy, did_you_mean, nearest
from crosstune.judging.rubric import load_rubric
from crosstune.scoring.score import RATER_PREFIX, SCORERS
from crosstune.study.config import StudyConfig
from crosstune.study.document import Location

Where = Callable[[Location], str]

_JUDGE, _PERSON, _PANEL = "judge:", "person:", "judge:panel"
_USABLE_NEEDS = ("correct_language", "degeneration")


def facet_problems(config: StudyConfig, where: Where) -> Iterator[CrosstuneError]:
    """What is wrong with the facets that a study names.

    Args:
        config: the study.
        where: gives the place in the study file of a location.
    """
    unknown = [
        InvalidStudy(
            f"'{name}' is not a facet that a scorer measures",
            where=where(("scorers", index)),
            hint=did_you_mean(name, SCORERS),
        )
        for index, name in enumerate(config.scorers)
        if name not in SCORERS
    ]
    if unknown:
        yield from unknown
        return
    yield from _composite_problems(config, where)
    yield from _select_problems(config, where)


def _composites_of(config: StudyConfig) -> list[str]:
    """Names of all composites of a study, the default one included where there is one."""
    names = [composite.name for composite in config.composites]
    has_default = USABLE not in names and set(_USABLE_NEEDS) <= set(config.scorers)
    return [USABLE, *names] if has_default else names


def _select_problems(config: StudyConfig, where: Where) -> Iterator[CrosstuneError]:
    by, composites = config.select.by, _composites_of(config)
    place = where(("select", "by"))
    if by in composites:
        return
    if by == USABLE:
        yield InvalidStudy(f"select.by is '{USABLE}', and the study has none", where=place, hint=_usable_hint(config))
    elif by not in config.scorers:
        own = [name for name in composites if name != USABLE]
        yield InvalidStudy(
            f"select.by is '{by}', which no scorer of the study gives",
            where=place,
            hint=f"add it to scorers, or choose one of: {', '.join([*config.scorers, *own])}",
        )
    elif facet(by).better != "higher":
        higher = [name for name in config.scorers if facet(name).better == "higher"]
        yield InvalidStudy(
            f"select.by is '{by}', of which more is not better",
            where=place,
            hint=f"choose one of: {', '.join([*higher, *composites])}",
        )


def _usable_hint(config: StudyConfig) -> str:
    missing = [name for name in _USABLE_NEEDS if name not in config.scorers]
    return f"it is made of {' and '.join(_USABLE_NEEDS)}: add {' and '.join(missing)} to scorers"


def _composite_problems(config: StudyConfig, where: Where) -> Iterator[CrosstuneError]:
    if not config.composites:
        return
    criteria = _criteria(config)
    names = [composite.name for composite in config.composites]
    known = [*config.scorers, *criteria]
    if names.count(USABLE) == 0 and USABLE in _composites_of(config):
        known.append(USABLE)
    for index, composite in enumerate(config.composites):
        place = where(("composites", index, "name"))
        subject = f"composites[{index}]"
        if composite.name in names[:index]:
            yield InvalidStudy(f"{subject}: there is a composite '{composite.name}' already", where=place)
        if composite.name in {*SCORERS, *criteria, *FACETS} - {USABLE}:
            yield InvalidStudy(
                f"{subject}: '{composite.name}' is a facet that is rated itself",
                where=place,
                hint="give the composite a name of its own",
            )
        names_known = _Names(tuple(known), tuple(names[index:]))
        for key, terms in (("all", composite.all), ("any", composite.any)):
            for position, term in enumerate(terms):
                location = ("composites", index, key, position)
                for part, problem, hint in _term_problems(config, composite, term, names_known):
                    told = f"{subject}.{key}[{position}]: {problem}"
                    yield InvalidStudy(told, where=where((*location, part)), hint=hint)
        known.append(composite.name)


@dataclass(frozen=True, slots=True)
class _Names:
    """Facets that a composite may ask for, and composites that it may not, since they stand after it."""

    known: tuple[str, ...]
    later: tuple[str, ...]


def _criteria(config: StudyConfig) -> tuple[str, ...]:
    """What judges and people mark; people may at any time, also where no judge does."""
    if config.judge is None:
        return PEOPLES_CRITERIA
    try:
        own = load_rubric(config.judge.rubric).facets
    except CrosstuneError:  # the graph of steps says so, at the line of the judge
        own = ()
    return tuple(dict.fromkeys((*own, *PEOPLES_CRITERIA)))


def _term_problems(
    config: StudyConfig, composite: Composite, term: Term, names: _Names
) -> Iterator[tuple[str, str, str]]:
    """The key that is wrong, what is wrong with it, and a hint."""
    if term.facet not in names.known:
        problem, hint = f"there is no facet '{term.facet}'", did_you_mean(term.facet, names.known)
        if term.facet in names.later:
            problem = f"the composite '{term.facet}' stands after '{composite.name}', which asks for it"
            hint = f"write '{term.facet}' first"
        elif term.facet in SCORERS:
            problem, hint = f"no scorer of the study gives '{term.facet}'", "add it to scorers"
        elif term.facet == USABLE:
            problem, hint = f"the study has no '{USABLE}'", _usable_hint(config)
        yield "facet", problem, hint
        return
    scale = (0.0, 1.0) if term.facet in _composites_of(config) else facet(term.facet).scale
    if scale is not None:
        too_high = term.at_least is not None and term.at_least > scale[1]
        too_low = term.at_most is not None and term.at_most < scale[0]
        if too_high or too_low:
            hint = f"{term.facet} is from {scale[0]:g} to {scale[1]:g}"
            yield "facet", f"no answer could meet {term}", hint
    if term.rater is not None and (raters := _raters(config, term)) is not None and term.rater not in raters:
        near = nearest(term.rater, raters)
        hint = f"did you mean '{near}'?" if near else f"it is rated by {', '.join(raters) or 'people alone, person:…'}"
        yield "rater", f"'{term.rater}' does not rate {term.facet} in this study", hint


def _raters(config: StudyConfig, term: Term) -> list[str] | None:
    """Who rates a facet in a study; None where it cannot be told, as of people."""
    if term.facet in config.scorers:
        return [RATER_PREFIX + term.facet]
    if term.facet in _composites_of(config):
        return [COMPOSITE_PREFIX + term.facet]
    if term.rater is not None and term.rater.startswith(_PERSON):
        return None
    judges = [] if config.judge is None else [_JUDGE + model.name for model in config.judge.models]
    return [*judges, _PANEL] if len(judges) > 1 and config.judge is not None and config.judge.panel else judges
