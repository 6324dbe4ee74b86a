"""Has answers marked by one judge or several.

Every call goes through the ledger, so that judging may be stopped and gone on with at any point, and marks are read
from what it holds. Answers are judged in an order shuffled over configurations and languages: what a budget leaves out
is then a sample, and a change at the endpoint meets all configurations alike.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from crosstune.errors import CrosstuneError
from crosstune.judging.calls import Calls
from crosstune.judging.chosen import drawn
from crosstune.judging.comparison import Comparison
from crosstune.judging.config import JudgeConfig, JudgeModel
from crosstune.judging.endpoint import Endpoint
from crosstune.judging.exchange import Exchange, open_ledger
from crosstune.judging.loop import run_to_end
from crosstune.judging.panel import PANEL, panel_score
from crosstune.judging.rubric import load_rubric
from crosstune.judging.side import AGAIN, TRANSLATED, JudgedSample, Side
from crosstune.judging.spending import Purse, Spending, spent_on
from crosstune.judging.subject import Subject
from crosstune.progress import OnProgress, Progress, ignore_progress
from crosstune.records import Reason, Score

_LATELY = 200
"""Calls of which the failed ones are counted for those who watch."""


@dataclass(slots=True)
class JudgeRun:
    """What one judge did."""

    judge: JudgeModel
    spent: Spending
    """On all that is in the scores, in this run and earlier ones."""
    new: Spending
    """In this run."""
    used: Mapping[str, Exchange]
    """By request digest."""


@dataclass(slots=True)
class Judging:
    """What came of judging."""

    scores: list[Score]
    """Of each judge, and of the panel; in the order of the answers."""
    checks: list[Score]
    """The marks of a second time, and of translations."""
    comparisons: list[Comparison]
    runs: list[JudgeRun]
    samples: list[JudgedSample] = field(default_factory=list)
    """What was asked and replied, for logs."""

    @property
    def unmarked(self) -> dict[str, int]:
        """How many scores of judges have no value and may have one after another run, by reason."""
        return dict(Counter(reason for reason in self._reasons() if reason in _MAY_SUCCEED))

    @property
    def unmarked_share(self) -> float:
        """The share of the scores that a judge was asked for."""
        asked = [reason for reason in self._reasons() if reason not in _NOT_ASKED]
        return sum(reason in _MAY_SUCCEED for reason in asked) / len(asked) if asked else 0.0

    def _reasons(self) -> Iterator[str | None]:
        """Of judges; a panel is asked nothing."""
        for some in (self.scores, self.checks, self.comparisons):
            yield from (one.reason for one in some if one.rater != PANEL)


_NOT_ASKED = {Reason.EMPTY, Reason.NO_ANSWER}
_MAY_SUCCEED = {
    Reason.JUDGE_UNPARSABLE,
    Reason.OUT_OF_RANGE,
    Reason.JUDGE_REFUSED,
    Reason.ENDPOINT_FAILED,
    Reason.BUDGET_SPENT,
}


def judge(
    subjects: Sequence[Subject],
    config: JudgeConfig,
    ledger: Path,
    *,
    on_progress: OnProgress = ignore_progress,
    wait: bool = True,
    on_wait: Callable[[str], None] | None = None,
    keeps_samples: bool = True,
) -> Judging:
    """Has answers marked.

    Args:
        subjects: answers; several of one run to the same prompt stand each for itself.
        config: by whom and how.
        ledger: folder of the files that keep every exchange, one a judge; made when it is not there.
        on_progress: told how far it is.
        wait: for another process that judges with the same files, or refuse.
        on_wait: told who that is when waiting starts.
        keeps_samples: whether `Judging.samples` are kept, for logs; they hold all that was asked.

    Returns:
        Scores for every answer that `config` asks for, each a value or a reason.

    Raises:
        InvalidData: the rubric cannot be used, or a configuration to compare has no answers.
        ModelUnavailable: a judge cannot be reached, refuses the key, or is not there; what was marked is kept.
        Busy: another process judges with the same files.
        StorageFailure: exchanges cannot be written.
    """
    rubric = load_rubric(config.rubric)
    chosen = drawn(subjects, config)
    purse = Purse(config.budget)
    endpoints = [(ledger_file(ledger, model), Endpoint(model)) for model in config.models]
    with ExitStack() as stack:
        # In one order, whichever the models are named in: two processes with the same judges never wait for each other.
        ledgers = {
            path: stack.enter_context(open_ledger(path, wait=wait, on_wait=on_wait))
            for path in sorted(path for path, _ in endpoints)
        }
        sides = [
            Side(
                endpoint.judge,
                rubric,
                Calls(endpoint, ledgers[path], purse, seed=config.seed),
                config,
                keeps_samples=keeps_samples,
            )
            for path, endpoint in endpoints
        ]
        for side in sides:
            side.plan(chosen)
        run_to_end(_all(sides, on_progress))
    return _gathered(sides, chosen, config)


def ledger_file(folder: Path, model: JudgeModel) -> Path:
    """The file of a judge's exchanges: readable, and different for different models and addresses."""
    readable = "".join(letter if letter.isalnum() or letter in "-._" else "-" for letter in model.name)
    digest = hashlib.sha256(f"{model.model}\0{model.base_url or ''}".encode()).hexdigest()
    return folder / f"{readable[:80]}-{digest[:8]}.jsonl"


async def _all(sides: Sequence[Side], on_progress: OnProgress) -> None:
    """Lets all judges work; one that cannot go on stops alone.

    Raises:
        ModelUnavailable: one of them could not.
    """
    total = sum(len(side.tasks) for side in sides)
    done = 0

    def advanced() -> None:
        nonlocal done
        done += 1
        failed = sum(exchange.failure != "" for side in sides for exchange in side.calls.made[-_LATELY:])
        on_progress(Progress(done, total, "marks", note=f"{failed} calls failed lately" if failed else ""))

    on_progress(Progress(0, total, "marks"))
    await asyncio.gather(*(_one(side, advanced) for side in sides))
    errors = [side.error for side in sides if side.error is not None]
    if errors:
        raise errors[0]


async def _one(side: Side, advanced: Callable[[], None]) -> None:
    left = iter(side.tasks)

    async def work() -> None:
        for ask in left:
            await ask(side.calls)
            advanced()

    workers = [asyncio.ensure_future(work()) for _ in range(min(side.calls.workers, len(side.tasks)))]
    try:
        await asyncio.gather(*workers)
    except CrosstuneError as error:
        side.error = error
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        await side.calls.close()


def _gathered(sides: Sequence[Side], subjects: Sequence[Subject], config: JudgeConfig) -> Judging:
    scores: list[Score] = []
    checks: list[Score] = []
    for place in range(len(subjects)):
        of_judges = [side.scores[place, ""] for side in sides]
        for some in of_judges:
            scores += some
        if config.panel is not None and len(sides) > 1:
            scores += [panel_score(of_facet, config.panel) for of_facet in zip(*of_judges, strict=True)]
        for side in sides:
            for added in (AGAIN, TRANSLATED):
                checks += side.scores.get((place, added), [])
    return Judging(
        scores=scores,
        checks=checks,
        comparisons=[one for side in sides for _, some in sorted(side.comparisons.items()) for one in some],
        runs=[
            JudgeRun(
                side.model,
                spent_on([*side.calls.used.values(), *side.calls.wasted]),
                spent_on(side.calls.made),
                side.calls.used,
            )
            for side in sides
        ],
        samples=[sample for side in sides for _, sample in sorted(side.samples.items())],
    )
