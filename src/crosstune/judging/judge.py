"""Has answers marked by one judge or several.

Every call goes through the ledger, so that judging may be stopped and gone on with at any point, and marks are read
from what it holds. Answers are judged in an order shuffled over configurations and languages: what a budget leaves out
is then a sample, and a change at the endpoint meets all configurations alike.
"""

import asyncio
import gc
import hashlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from crosstune.errors import CrosstuneError, InvalidData
from crosstune.judging.calls import BudgetSpent, Calls
from crosstune.judging.comparison import Comparison, outcome, read_choices
from crosstune.judging.config import Budget, JudgeConfig, JudgeModel
from crosstune.judging.endpoint import Endpoint, Schema
from crosstune.judging.exchange import Exchange, open_ledger
from crosstune.judging.marks import RATER_PREFIX, scores_of, unmarked
from crosstune.judging.panel import panel_score
from crosstune.judging.reply import read_marks
from crosstune.judging.request import (
    Request,
    comparing_request,
    marking_request,
    repair_request,
    translating_request,
)
from crosstune.judging.rubric import FLUENCY, LANGUAGE, Rubric, load_rubric
from crosstune.judging.spending import Purse, Spending, spent_on
from crosstune.judging.subject import Subject
from crosstune.progress import OnProgress, Progress, ignore_progress
from crosstune.records import Message, Reason, Score

AGAIN, TRANSLATED = " (again)", " (translated)"
"""What is added to a judge's name for marks of the same answers a second time, and of their translations."""
_ENGLISH = "en"
_SYNCED_EVERY = 200

Ask = Callable[[Calls], Awaitable[None]]


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
    samples: list["JudgedSample"] = field(default_factory=list)
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
        for some in (self.scores, self.checks, self.comparisons):
            yield from (one.reason for one in some)


_NOT_ASKED = {Reason.EMPTY, Reason.NO_ANSWER}
_MAY_SUCCEED = {
    Reason.JUDGE_UNPARSABLE,
    Reason.OUT_OF_RANGE,
    Reason.JUDGE_REFUSED,
    Reason.ENDPOINT_FAILED,
    Reason.BUDGET_SPENT,
}


@dataclass(frozen=True, slots=True)
class JudgedSample:
    """One answer with what a judge was asked and replied."""

    judge: JudgeModel
    subject: Subject
    messages: tuple[Message, ...]
    exchange: Exchange
    scores: tuple[Score, ...]


def judge(
    subjects: Sequence[Subject],
    config: JudgeConfig,
    ledger: Path,
    *,
    on_progress: OnProgress = ignore_progress,
    wait: bool = True,
) -> Judging:
    """Has answers marked.

    Args:
        subjects: answers, one of each run, prompt and language.
        config: by whom and how.
        ledger: folder of the files that keep every exchange, one a judge; made when it is not there.
        on_progress: told how far it is.
        wait: for another process that judges with the same files, or refuse.

    Returns:
        Scores for every answer that `config` asks for, each a value or a reason.

    Raises:
        InvalidData: the rubric cannot be used, or a configuration to compare has no answers.
        ModelUnavailable: a judge cannot be reached, refuses the key, or is not there; what was marked is kept.
        Busy: another process judges with the same files.
        StorageFailure: exchanges cannot be written.
    """
    rubric = load_rubric(config.rubric)
    chosen = _drawn(subjects, config)
    purse = Purse(config.budget)
    with ExitStack() as stack:
        sides = [
            _Side(model, rubric, Calls(Endpoint(model), stack.enter_context(opened), purse, seed=config.seed), config)
            for model in config.models
            for opened in [open_ledger(ledger_file(ledger, model), wait=wait)]
        ]
        for side in sides:
            side.plan(chosen)
        _run(_all(sides, on_progress))
    return _gathered(sides, chosen, config)


def _run(main: Coroutine[Any, Any, None]) -> None:
    with _rare_collection(), asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(main)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """That of uvloop, which takes less of the processor; None where it is not installed, as on Windows."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return None
    return new_event_loop


@contextmanager
def _rare_collection() -> Iterator[None]:
    """Looks for garbage less often: a sixth of the processor's time goes into looking through what Inspect and the
    providers' packages have loaded, while calls hardly leave any."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def ledger_file(folder: Path, model: JudgeModel) -> Path:
    """The file of a judge's exchanges: readable, and different for different models and addresses."""
    readable = "".join(letter if letter.isalnum() or letter in "-._" else "-" for letter in model.name)
    digest = hashlib.sha256(f"{model.model}\0{model.base_url or ''}".encode()).hexdigest()
    return folder / f"{readable[:80]}-{digest[:8]}.jsonl"


def _drawn(subjects: Sequence[Subject], config: JudgeConfig) -> list[Subject]:
    """The answers to the instructions that are judged."""
    if config.prompts is None:
        return list(subjects)
    some = drawn_instructions([subject.prompt_id for subject in subjects], config)
    return [subject for subject in subjects if instruction_of(subject.prompt_id) in some]


def drawn_instructions(prompt_ids: Iterable[str], config: JudgeConfig) -> set[str]:
    """The instructions whose answers are judged: all, or as many as `config` says.

    Args:
        prompt_ids: of all prompts, in any languages and with any modifiers.
        config: how many, and the seed that draws them.
    """
    instructions = {instruction_of(prompt_id) for prompt_id in prompt_ids}
    return set(sorted(instructions, key=lambda name: _draw(config.seed, name))[: config.prompts])


def instruction_of(prompt_id: str) -> str:
    """The instruction behind a prompt: its id without modifiers."""
    return prompt_id.split("+", 1)[0]


def _draw(seed: int, name: str) -> bytes:
    return hashlib.blake2b(f"{seed}\0{name}".encode("utf-8", "surrogatepass"), digest_size=8).digest()


class _Side:
    """One judge with all that it is to do."""

    def __init__(self, model: JudgeModel, rubric: Rubric, calls: Calls, config: JudgeConfig) -> None:
        self.model = model
        self.rater = RATER_PREFIX + model.name
        self.calls = calls
        self.error: CrosstuneError | None = None
        self.scores: dict[tuple[int, str], list[Score]] = {}
        """By place of the answer and what is added to the judge's name."""
        self.comparisons: dict[tuple[int, int], list[Comparison]] = {}
        self.samples: dict[tuple[int, str], JudgedSample] = {}
        self.tasks: list[Ask] = []
        self._rubric = rubric
        self._config = config
        self._marks = Schema("marks", rubric.schema)
        self._choices = Schema("comparison", rubric.compare_schema)

    def plan(self, subjects: Sequence[Subject]) -> None:
        """Lists what is to be asked, in the order in which it is."""
        config = self._config
        for place, subject in enumerate(subjects):
            if (reason := _blank(subject)) is not None:
                self.scores[place, ""] = unmarked(reason, "", subject, self.rater, self._rubric)
                continue
            self.tasks.append(self._marking(place, subject))
            name = f"{subject.run}\0{subject.prompt_id}\0{subject.language}"
            if int.from_bytes(_draw(config.seed, name)) < config.repeat * 2**64:
                self.tasks.append(self._marking(place, subject, again=True))
            if config.translated and subject.requested_language != _ENGLISH:
                self.tasks.append(self._marking_of_translation(place, subject))
        if config.compare is not None:
            for first, second in _pairs(subjects, config.compare):
                self.tasks.append(self._comparing((first, second), subjects[first], subjects[second]))
        random.Random(config.seed).shuffle(self.tasks)

    def _marking(self, place: int, subject: Subject, *, again: bool = False) -> Ask:
        added = AGAIN if again else ""
        if self._config.budget != Budget():  # what earlier runs paid for counts before anything is asked
            self.calls.known(marking_request(subject, subject.text or "", self._rubric).messages, repeat=int(again))

        async def ask(calls: Calls) -> None:
            request = marking_request(subject, subject.text or "", self._rubric)
            await self._mark(calls, (place, added), subject, request, repeat=int(again))

        return ask

    def _marking_of_translation(self, place: int, subject: Subject) -> Ask:
        async def ask(calls: Calls) -> None:
            key = place, TRANSLATED
            try:
                translation = await calls.call(translating_request(subject, subject.text or "", self._rubric).messages)
            except BudgetSpent:
                self.scores[key] = self._nothing(Reason.BUDGET_SPENT, "", subject, TRANSLATED)
                return
            if translation.failure:
                reason = Reason(translation.failure)
                self.scores[key] = self._nothing(reason, f"translating: {translation.detail}", subject, TRANSLATED)
                return
            english = replace(subject, requested_language=_ENGLISH)
            request = marking_request(english, translation.reply, self._rubric)
            await self._mark(calls, key, subject, request)

        return ask

    async def _mark(
        self, calls: Calls, key: tuple[int, str], subject: Subject, request: Request, *, repeat: int = 0
    ) -> None:
        rater = self.rater + key[1]
        try:
            exchange = await calls.call(request.messages, self._marks, repeat=repeat)
        except BudgetSpent:
            self.scores[key] = self._nothing(Reason.BUDGET_SPENT, "", subject, key[1])
            return
        if exchange.failure:
            self.scores[key] = self._nothing(Reason(exchange.failure), exchange.detail, subject, key[1])
        else:
            marks = read_marks(exchange.reply, self._rubric)
            if marks.problem:
                again, repaired = await self._repaired(calls, request, exchange, marks.problem, repeat=repeat)
                second = read_marks(again.reply, self._rubric) if again is not None else None
                if second is not None and not (second.problem and _values(second) <= _values(marks)):
                    marks, exchange, request = second, again or exchange, repaired
                if marks.problem:
                    calls.spoil(exchange, Reason.JUDGE_UNPARSABLE, marks.problem)
            self.scores[key] = scores_of(marks, subject, rater, self._rubric)
        if key[1] == TRANSLATED:
            self.scores[key] = [one for one in self.scores[key] if one.facet not in (LANGUAGE, FLUENCY)]
        self.samples[key] = JudgedSample(self.model, subject, request.messages, exchange, tuple(self.scores[key]))

    async def _repaired(
        self,
        calls: Calls,
        request: Request,
        exchange: Exchange,
        problem: str,
        *,
        is_comparison: bool = False,
        repeat: int = 0,
    ) -> tuple[Exchange | None, Request]:
        """The reply to being asked once more; None when there is none. The first one is asked for anew by the next
        run if this one is no good either."""
        again = repair_request(request, exchange.reply, problem, self._rubric)
        try:
            schema = self._choices if is_comparison else self._marks
            second = await calls.call(again.messages, schema, repeat=repeat)
        except BudgetSpent:
            return None, request
        return (None, request) if second.failure else (second, again)

    def _comparing(self, places: tuple[int, int], a: Subject, b: Subject) -> Ask:
        async def ask(calls: Calls) -> None:
            texts = a.text or "", b.text or ""
            orders = [(texts, a), (texts[::-1], a)]
            try:
                replies = [await self._choices_of(calls, subject, order) for order, subject in orders]
            except BudgetSpent:
                replies = [(Reason.BUDGET_SPENT, {}), (Reason.BUDGET_SPENT, {})]
            self.comparisons[places] = [_comparison(a, b, self.rater, facet, replies) for facet in self._rubric.facets]

        return ask

    async def _choices_of(
        self, calls: Calls, subject: Subject, texts: tuple[str, str]
    ) -> tuple[Reason | None, Mapping[str, Any]]:
        request = comparing_request(subject, texts, self._rubric)
        exchange = await calls.call(request.messages, self._choices)
        if exchange.failure:
            return Reason(exchange.failure), {}
        choices = read_choices(exchange.reply, self._rubric)
        if choices.problem:
            again, _ = await self._repaired(calls, request, exchange, choices.problem, is_comparison=True)
            if again is not None:
                second = read_choices(again.reply, self._rubric)
                choices = second if not second.problem else choices
            if choices.problem:
                calls.spoil(exchange, Reason.JUDGE_UNPARSABLE, choices.problem)
        return None, choices.by_facet

    def _nothing(self, reason: Reason, detail: str, subject: Subject, added: str) -> list[Score]:
        return unmarked(reason, detail, subject, self.rater + added, self._rubric)


def _blank(subject: Subject) -> Reason | None:
    if subject.text is None:
        return Reason.NO_ANSWER
    return None if subject.text.strip() else Reason.EMPTY


def _values(marks: Any) -> int:
    return sum(mark.value is not None for mark in marks.by_facet.values())


def _pairs(subjects: Sequence[Subject], runs: tuple[str, str]) -> Iterator[tuple[int, int]]:
    """Places of the answers of two configurations to the same prompt; those where one is empty need no judge."""
    by_run: dict[str, dict[tuple[str, str], int]] = {run: {} for run in runs}
    for place, subject in enumerate(subjects):
        if subject.run in by_run and _blank(subject) is None:
            by_run[subject.run][subject.prompt_id, subject.language] = place
    for run in runs:
        if not by_run[run]:
            known = sorted({subject.run for subject in subjects})
            raise InvalidData(f"there is no answer of '{run}' to compare", hint=f"there are: {', '.join(known)}")
    first, second = (by_run[run] for run in runs)
    yield from ((first[prompt], second[prompt]) for prompt in first if prompt in second)


def _comparison(
    a: Subject, b: Subject, rater: str, facet: str, replies: Sequence[tuple[Reason | None, Mapping[str, Any]]]
) -> Comparison:
    first, second = replies
    (choice_a, why_a), (choice_b, why_b) = first[1].get(facet, (None, "")), second[1].get(facet, (None, ""))
    reason = first[0] or second[0]
    if reason is None and (choice_a is None or choice_b is None):
        reason = Reason.JUDGE_UNPARSABLE
    value, a_first, b_first = (None, "", "") if reason else outcome(choice_a, choice_b)
    return Comparison(
        run_a=a.run,
        run_b=b.run,
        prompt_id=a.prompt_id,
        language=a.language,
        requested_language=a.requested_language,
        rater=rater,
        facet=facet,
        value=value,
        reason=None if reason is None else reason.value,
        a_first=a_first,
        b_first=b_first,
        detail=" / ".join(why for why in (why_a, why_b) if why),
    )


async def _all(sides: Sequence[_Side], on_progress: OnProgress) -> None:
    """Lets all judges work; one that cannot go on stops alone.

    Raises:
        ModelUnavailable: one of them could not.
    """
    total = sum(len(side.tasks) for side in sides)
    done = 0

    def advanced() -> None:
        nonlocal done
        done += 1
        failed = sum(exchange.failure != "" for side in sides for exchange in side.calls.made[-_SYNCED_EVERY:])
        on_progress(Progress(done, total, "marks", note=f"{failed} calls failed lately" if failed else ""))

    on_progress(Progress(0, total, "marks"))
    await asyncio.gather(*(_one(side, advanced) for side in sides))
    errors = [side.error for side in sides if side.error is not None]
    if errors:
        raise errors[0]


async def _one(side: _Side, advanced: Callable[[], None]) -> None:
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


def _gathered(sides: Sequence[_Side], subjects: Sequence[Subject], config: JudgeConfig) -> Judging:
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
            JudgeRun(side.model, spent_on(side.calls.used.values()), spent_on(side.calls.made), side.calls.used)
            for side in sides
        ],
        samples=[sample for side in sides for _, sample in sorted(side.samples.items())],
    )


def requests_of(subjects: Iterable[Subject], config: JudgeConfig) -> Iterator[Request]:
    """The first requests that judging would send for each answer that is not blank, for estimates."""
    rubric = load_rubric(config.rubric)
    for subject in _drawn(list(subjects), config):
        if _blank(subject) is None:
            yield marking_request(subject, subject.text or "", rubric)
