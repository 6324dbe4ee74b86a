"""What is wrong with a search that each of its settings alone does not show."""

from collections.abc import Callable, Iterator
from itertools import pairwise

from crosstune.errors import CrosstuneError, InvalidStudy
from crosstune.study.config import StudyConfig
from crosstune.study.document import Location


def search_problems(config: StudyConfig, where: Callable[[Location], str]) -> Iterator[CrosstuneError]:
    """Why a study's search cannot be done as it is written.

    Args:
        config: the study.
        where: gives the place in the study file of a location.
    """
    search = config.search
    if not search.is_race:
        return
    if not config.instructions:
        yield InvalidStudy(
            "search.strategy is halving, and without instructions nothing is tuned",
            where=where(("search",)),
            hint="add instructions, or remove search",
        )
        return
    count = configuration_count(config)
    if count <= search.at_least:
        at_least = f" and search.at_least is {search.at_least}" if search.at_least > 1 else ""
        yield InvalidStudy(
            f"search.strategy is halving, and the grid has {count} configuration{'s' if count > 1 else ''} "
            f"to tune{at_least}: none could be left out",
            where=where(("search",)),
            hint="add learning rates or other values, or remove search",
        )
    lengths = {
        setting.max_steps for adaptation in config.adaptation for setting in getattr(config.training, adaptation.kind)
    }
    for length in sorted(lengths):
        updates = (0, *search.updates(length), length)
        if any(after <= before for before, after in pairwise(updates)):
            listed = ", ".join(str(update) for update in updates[1:-1])
            yield InvalidStudy(
                f"search.rungs: of {length} updates the rungs are after {listed}, which is no progress at each",
                where=where(("search", "rungs")),
                hint="set fewer rungs, or a larger training.max_steps",
            )


def configuration_count(config: StudyConfig) -> int:
    """Configurations that are tuned; the seeds of one are one."""
    tunings = sum(
        len(getattr(config.learning_rate, adaptation.kind)) * len(getattr(config.training, adaptation.kind))
        for adaptation in config.adaptation
    )
    return len(config.base_models) * len(config.instructions) * tunings * len(config.generation)
