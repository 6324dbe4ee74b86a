"""How well a judge notices known faults, before money is spent on it (see `known_faults`)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from crosstune.judging.config import JudgeConfig
from crosstune.judging.judge import Judging, judge
from crosstune.judging.known_faults import FacetQuality, KnownFault, judge_quality
from crosstune.judging.subject import Subject
from crosstune.progress import OnProgress, ignore_progress
from crosstune.records import Message

RUN = "known-faults"


@dataclass(frozen=True, slots=True)
class JudgeCheck:
    """Of one judge, or of the panel."""

    rater: str
    quality: tuple[FacetQuality, ...]
    marks: dict[str, dict[str, float | None]]
    """By id of the answer and facet."""


def subject_of_fault(fault: KnownFault) -> Subject:
    """An answer with a known fault, as a judge is shown it: nothing tells that it is one."""
    return Subject(
        run=RUN,
        prompt_id=fault.id,
        language=fault.language,
        requested_language=fault.requested_language,
        conversation=(Message("user", fault.prompt),),
        text=fault.answer,
        accepted=tuple(fault.accepted),
    )


def check_judge(
    faults: Sequence[KnownFault],
    config: JudgeConfig,
    ledger: Path,
    *,
    on_progress: OnProgress = ignore_progress,
    on_wait: Callable[[str], None] | None = None,
) -> tuple[list[JudgeCheck], Judging]:
    """Has the answers with known faults marked, by each judge of a configuration.

    Args:
        faults: from `load_known_faults`.
        config: the judges.
        ledger: as for `judge.judge`.
        on_progress: told how far it is.
        on_wait: told who else judges with the same files when waiting for that starts.

    Returns:
        A check of each judge, then of the panel if there is one; and the marks themselves.

    Raises:
        ModelUnavailable: a judge cannot be reached, refuses the key, or is not there.
    """
    subjects = [subject_of_fault(fault) for fault in faults]
    judging = judge(subjects, config, ledger, on_progress=on_progress, on_wait=on_wait, keeps_samples=False)
    marks: dict[str, dict[str, dict[str, float | None]]] = {}
    for score in judging.scores:
        marks.setdefault(score.rater, {}).setdefault(score.prompt_id, {})[score.facet] = score.value
    return [JudgeCheck(rater, tuple(judge_quality(some, faults)), some) for rater, some in marks.items()], judging
