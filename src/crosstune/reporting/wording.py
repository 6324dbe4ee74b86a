"""The report's sentences: the decision and its uncertainty in plain words, and what cannot be said."""

import polars as pl

from crosstune.analysis.bootstrap import LEAST_CLUSTERS, Interval
from crosstune.analysis.configurations import Configuration
from crosstune.analysis.facets import Facet
from crosstune.analysis.levels import LevelGrid
from crosstune.analysis.selection import Choice, Selection
from crosstune.reporting.text import bounds, difference, language_name, level, listing, plural, points, points_range

MANY_UNRATED = 0.1
"""From this share of answers without a verdict on, the report warns of it."""


def _around(interval: Interval | None, facet: Facet) -> str:
    if interval is None:
        return ""
    shown = level(interval.estimate, facet)
    around = bounds(interval.low, interval.high, facet)
    return f"{shown} ({around})" if around else shown


def quoted(labels: tuple[str, ...]) -> str:
    """Configurations in a sentence."""
    return listing([_quote(label) for label in labels], limit=5)


def _quote(label: str) -> str:
    return f"“{label}”"


def headline(selection: Selection, facet: Facet) -> str:
    """The result in one line."""
    by_english, by_all = selection.by_english, selection.by_all
    if not by_all.tied:
        return "No choice can be made from this study"
    if by_all.level is not None and by_all.level.low is None and len(selection.candidates) > 1:
        return "Too little was asked to say which configuration carries over best"
    shown = f"{_around(by_all.level, facet)} over all languages"
    if len(selection.candidates) == 1:
        return f"{_quote(by_all.tied[0])} reaches {shown}"
    if not by_english.tied or selection.same:
        unsure = ", though not for sure" if by_all.not_worse_for_sure else ""
        return f"{quoted(by_all.taken)} {'carries' if by_all.pick else 'carry'} over best{unsure}: {shown}"
    return _headline_of_cost(selection, facet)


def _headline_of_cost(selection: Selection, facet: Facet) -> str:
    by_english, by_all = selection.by_english, selection.by_all
    mean = selection.cost.row(-1, named=True)
    if mean["low"] is None:
        return f"English alone would choose {quoted(by_english.taken)}, all languages {quoted(by_all.taken)}"
    if mean["low"] <= 0:
        return "English alone and all languages choose differently, but the difference may be chance"
    if by_english.pick is None:
        return f"English alone cannot tell {len(by_english.tied)} configurations apart; other languages can"
    return f"Choosing by English alone costs {difference(mean['cost'], facet)} on average over all languages"


def opening(
    selection: Selection, grid: LevelGrid | None, bases: list[Configuration], facet: Facet, pruned: pl.DataFrame
) -> list[str]:
    """The opening paragraph's sentences: what English alone says, what all languages say, the cost, the base model."""
    if grid is None:
        return [f"Nothing can be said of {facet.title.lower()}: {selection.by_all.why_not}."]
    several = len(selection.candidates) > 1
    sentences = [
        *_left_out_early(pruned),
        *(
            f"The training of {_quote(label)} diverged at update {step}, so it is left out of the choice."
            for label, step in list(selection.diverged.items())[:3]
        ),
    ]
    if several:
        sentences += [_english(selection, facet), _all_languages(selection, facet), _cost(selection, facet)]
        sentences.append(_unseen_by_english(selection, grid, facet))
    elif selection.candidates and selection.by_all.tied:
        sentences.append(
            f"{'One was tuned to the end' if len(pruned) else 'The study has one tuned configuration'}, so there is "
            f"nothing {'more ' if len(pruned) else ''}to choose. It reaches "
            f"{_around(selection.by_all.level, facet)} on average over {_languages(selection)}."
        )
    elif selection.candidates:
        sentences.append(f"Nothing can be chosen by all languages: {selection.by_all.why_not}.")
    else:
        sentences.append("No tuned configuration has scores, so there is nothing to choose.")
    sentences.append(_base_models(selection, grid, bases, facet))
    return [sentence for sentence in sentences if sentence]


def _left_out_early(pruned: pl.DataFrame) -> list[str]:
    """What a search left out before the end, where there was one."""
    if pruned.is_empty():
        return []
    out = pruned.filter(~pl.col("goes_on"))
    count = f"{out['configuration'].n_unique()} of {pruned['configuration'].n_unique()} configurations"
    return [f"The search left {count} out before they were tuned to the end."] if len(out) else []


def _languages(selection: Selection) -> str:
    return listing([language_name(code) for code in selection.languages])


def _english(selection: Selection, facet: Facet) -> str:
    choice = selection.by_english
    if not choice.tied:
        return f"English alone says nothing here: {choice.why_not}."
    shown = _around(choice.level, facet)
    if len(choice.tied) == 1:
        others = choice.not_worse_for_sure
        unsure = f" These prompts do not show that {quoted(others)} would be worse in English." if others else ""
        return f"Looking at English alone, {_quote(choice.tied[0])} is best with {shown}.{unsure}"
    if len(choice.tied) == len(selection.candidates):
        number = "both" if len(choice.tied) == 2 else f"all {len(choice.tied)}"
        start = f"Looking at English alone, {number} configurations look the same: {shown}."
    else:
        start = (
            f"Looking at English alone, {len(choice.tied)} of {len(selection.candidates)} configurations "
            f"share the best level of {shown}: {quoted(choice.tied)}."
        )
    if choice.pick:
        return f"{start} The training loss would then decide for {_quote(choice.pick)}."
    return f"{start} The training loss does not decide between them: {choice.why_not}."


def _all_languages(selection: Selection, facet: Facet) -> str:
    choice = selection.by_all
    if not choice.tied:
        return f"Nothing can be chosen by all languages: {choice.why_not}."
    shown = _around(choice.level, facet)
    verb = "is" if len(choice.taken) == 1 else "are"
    sentence = (
        f"Looking at {_languages(selection)} together, {quoted(choice.taken)} {verb} best with {shown} on average."
    )
    if len(choice.tied) > 1 and choice.pick:
        sentence = (
            f"Looking at {_languages(selection)} together, {quoted(choice.tied)} are best with {shown} on average, "
            f"and {_quote(choice.pick)} has the lower training loss."
        )
    if choice.not_worse_for_sure:
        sentence += f" These prompts do not show for sure that {quoted(choice.not_worse_for_sure)} would be worse."
    return sentence


def _cost(selection: Selection, facet: Facet) -> str:
    by_english, by_all = selection.by_english, selection.by_all
    if not by_english.tied or not by_all.tied:
        return ""
    if selection.same:
        return "So English alone leads to the same choice here, and costs nothing."
    mean = selection.cost.row(-1, named=True)
    who = (
        f"Taking {_quote(by_english.pick)}"
        if by_english.pick
        else f"Picking blindly among the {len(by_english.tied)} that English cannot tell apart"
    )
    if mean["cost"] is None:
        return "What that costs on average cannot be said: rated answers are missing in some language."
    interval = points_range(mean["low"], mean["high"], facet)
    if not interval:
        return f"{who} costs {difference(mean['cost'], facet)} on average in these answers, too few to say more."
    sentence = f"{who} would cost {difference(mean['cost'], facet)} on average (95\u00a0% interval {interval})"
    known = [row for row in selection.cost.to_dicts()[:-1] if row["cost"] is not None]
    worst = max(known, key=lambda row: row["cost"], default=None)
    if worst and worst["cost"] > 0 and len(known) > 1:
        inside = points_range(worst["low"], worst["high"], facet)
        sentence += f", most in {language_name(worst['language'])}: {points(worst['cost'], facet)}"
        sentence += f" ({inside})" if inside else ""
    if mean["low"] is not None and mean["low"] <= 0:
        sentence += "; the interval reaches zero, so this difference may be chance"
    return sentence + "."


def _unseen_by_english(selection: Selection, grid: LevelGrid, facet: Facet) -> str:
    """The lowest of those that look alike in English, when it surely is below the best over all languages."""
    tied, best = selection.by_english.tied, selection.by_all.taken
    means = {label: grid.level(label, None).estimate for label in tied}
    known = {label: mean for label, mean in means.items() if mean is not None and label not in best}
    if not known or not best:
        return ""
    worst = min(known, key=lambda label: known[label])
    parts = [(1 / len(best), label, None) for label in best]
    gap = grid.bootstrap.interval(grid.coefficients(*parts, (-1.0, worst, None)))
    if gap.estimate is None or gap.low is None or gap.low <= 0 or worst in selection.by_english.taken:
        return ""
    below = f"{difference(gap.estimate, facet)} ({points_range(gap.low, gap.high, facet)})"
    return f"Nothing in English warns of {_quote(worst)}, which stands {below} below the best on average."


def _base_models(selection: Selection, grid: LevelGrid, bases: list[Configuration], facet: Facet) -> str:
    parts = []
    for base in bases:
        if base.label not in grid.units:
            continue
        mean = grid.level(base.label, None)
        if mean.estimate is None:
            continue
        parts.append(_base_model(selection.by_all, grid, base, mean, facet))
    if parts:
        return " ".join(parts[:3])
    return "" if bases else "The untuned base model was not asked, so what tuning changed cannot be said."


def _base_model(by_all: Choice, grid: LevelGrid, base: Configuration, mean: Interval, facet: Facet) -> str:
    who = "The untuned base model" if base.label == "untuned base" else f"{_quote(base.label)}"
    start = f"{who} stands at {_around(mean, facet)}"
    if not by_all.taken:
        return start + "."
    share = 1 / len(by_all.taken)
    change = grid.bootstrap.interval(
        grid.coefficients(*[(share, label, None) for label in by_all.taken], (-1.0, base.label, None))
    )
    best = "the best choice" if len(grid.units) > 2 else "tuning"
    if change.estimate is None:
        return start + "."
    if change.low is None or change.high is None or change.low <= 0 <= change.high:
        around = points_range(change.low, change.high, facet)
        shown = f" (difference {points(change.estimate, facet)}, {around})" if around else ""
        return f"{start}; that {best} differs from it is not shown{shown}."
    word = "gains" if change.estimate > 0 else "loses"
    size = difference(abs(change.estimate), facet)
    ends = (change.low, change.high) if change.estimate > 0 else (-change.high, -change.low)
    return f"{start}; against it {best} {word} {size} ({points_range(*ends, facet)})."


def caveats(
    selection: Selection,
    grid: LevelGrid | None,
    configurations: list[Configuration],
    facet: Facet,
    *,
    unscored_answers: int,
    has_curves: bool,
) -> list[str]:
    """What the reader should not take from this report, and why."""
    unscored = f"{plural(unscored_answers, 'answer')} without any score of this facet: score them to count them."
    if grid is None:
        return [unscored] if unscored_answers else []
    found = []
    if grid.instructions == 0:
        found.append("No answer could be rated, so there is no level, no interval and no choice.")
    elif grid.instructions < LEAST_CLUSTERS:
        found.append(
            f"{plural(grid.instructions, 'instruction')} with rated answers: too few for any interval (at least "
            f"{LEAST_CLUSTERS} are needed). The levels describe these answers and promise nothing for others."
        )
    elif grid.instructions < 20:
        found.append(
            f"Only {grid.instructions} instructions: intervals are wide, and small differences cannot be seen."
        )
    if grid.instructions:
        found += _unrated(grid)
    tuned = [item for item in configurations if item.tuned]
    if tuned and all(len(item.runs) == 1 for item in tuned):
        found.append(
            "One training run a configuration: the intervals cover the choice of prompts, not the chance of training. "
            "Another seed may give another result; a study with more seeds would show it."
        )
    if len(selection.languages) == 1:
        name = language_name(selection.languages[0])
        found.append(f"The study asks in {name} alone: it cannot show what carries over to other languages.")
    if selection.by_english.why_not and not selection.by_english.tied and grid.instructions:
        found.append(f"What English alone would choose cannot be said: {selection.by_english.why_not}.")
    if tuned and not has_curves:
        found.append("There are no training curves, so the training loss cannot decide between tied configurations.")
    if unscored_answers:
        found.append(unscored)
    return found


def _unrated(grid: LevelGrid) -> list[str]:
    many = []
    for (unit_name, language, requested), row in grid.rows.items():
        if language == requested and row["n"] and 1 - row["n_scored"] / row["n"] >= MANY_UNRATED:
            share = row["n"] - row["n_scored"]
            many.append((share / row["n"], f"{_quote(unit_name)} in {language_name(language)} {share} of {row['n']}"))
    if not many:
        return []
    many.sort(reverse=True)
    return [
        "Many answers have no verdict, such as empty ones. Levels are over the others and may flatter: "
        + listing([words for _, words in many], limit=5)
        + "."
    ]
