"""One judge with all that it is to do: what it is asked about each answer, and what becomes of its replies."""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from crosstune.errors import CrosstuneError
from crosstune.judging.calls import BudgetSpent, Calls
from crosstune.judging.chosen import blank, is_repeated, is_translated, pairs
from crosstune.judging.comparison import Comparison, outcome, read_choices
from crosstune.judging.config import Budget, JudgeConfig, JudgeModel
from crosstune.judging.endpoint import Schema
from crosstune.judging.exchange import CUT_OFF, Exchange
from crosstune.judging.marks import RATER_PREFIX, scores_of, unmarked
from crosstune.judging.reply import read_marks, without_thoughts
from crosstune.judging.request import (
    Request,
    comparing_request,
    marking_request,
    repair_request,
    translating_request,
)
from crosstune.judging.rubric import FLUENCY, LANGUAGE, Rubric
from crosstune.judging.subject import Subject
from crosstune.records import Message, Reason, Score

AGAIN, TRANSLATED = " (again)", " (translated)"
"""What is added to a judge's name for marks of the same answers a second time, and of their translations."""
_ENGLISH = "en"

Ask = Callable[[Calls], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class JudgedSample:
    """One answer with what a judge was asked and replied."""

    judge: JudgeModel
    subject: Subject
    messages: tuple[Message, ...]
    exchange: Exchange
    scores: tuple[Score, ...]


class Side:
    """One judge with all that it is to do."""

    def __init__(
        self, model: JudgeModel, rubric: Rubric, calls: Calls, config: JudgeConfig, *, keeps_samples: bool = True
    ) -> None:
        """Plans nothing yet.

        Args:
            model: the judge.
            rubric: the criteria.
            calls: to the judge.
            config: what is asked of it.
            keeps_samples: whether `samples` are kept.
        """
        self.model = model
        self.rater = RATER_PREFIX + model.name
        self.calls = calls
        self.error: CrosstuneError | None = None
        self.scores: dict[tuple[int, str], list[Score]] = {}
        """By place of the answer and what is added to the judge's name."""
        self.comparisons: dict[tuple[int, int], list[Comparison]] = {}
        self.samples: dict[tuple[int, str], JudgedSample] = {}
        self.tasks: list[Ask] = []
        self._keeps_samples = keeps_samples
        self._rubric = rubric
        self._config = config
        self._has_budget = config.budget != Budget()
        self._marks = Schema("marks", rubric.schema)
        self._choices = Schema("comparison", rubric.compare_schema)

    def plan(self, subjects: Sequence[Subject]) -> None:
        """Lists what is to be asked, in the order in which it is."""
        config = self._config
        for place, subject in enumerate(subjects):
            if (reason := blank(subject)) is not None:
                self.scores[place, ""] = unmarked(reason, "", subject, self.rater, self._rubric)
                continue
            self.tasks.append(self._marking(place, subject))
            if is_repeated(subject, config):
                self.tasks.append(self._marking(place, subject, again=True))
            if is_translated(subject, config):
                self.tasks.append(self._marking_of_translation(place, subject))
        if config.compare is not None:
            for first, second in pairs(subjects, config.compare):
                self.tasks.append(self._comparing((first, second), subjects[first], subjects[second]))
        random.Random(config.seed).shuffle(self.tasks)

    def _marking(self, place: int, subject: Subject, *, again: bool = False) -> Ask:
        added = AGAIN if again else ""
        if self._has_budget:
            self._count_marking(subject, subject.text or "", repeat=int(again))

        async def ask(calls: Calls) -> None:
            request = marking_request(subject, subject.text or "", self._rubric)
            await self._mark(calls, (place, added), subject, request, repeat=int(again))

        return ask

    def _count_marking(self, subject: Subject, text: str, *, repeat: int = 0) -> None:
        """Has what earlier runs paid for a mark count as spent, before anything is asked."""
        request = marking_request(subject, text, self._rubric)
        for exchange in self.calls.earlier(request.messages, repeat=repeat):
            if problem := read_marks(exchange.reply, self._rubric).problem:
                repair = repair_request(request, exchange.reply, problem, self._rubric)
                self.calls.earlier(repair.messages, repeat=repeat)

    def _count_comparison(self, subject: Subject, texts: tuple[str, str]) -> None:
        for order in (texts, texts[::-1]):
            request = comparing_request(subject, order, self._rubric)
            for exchange in self.calls.earlier(request.messages):
                if problem := read_choices(exchange.reply, self._rubric).problem:
                    self.calls.earlier(repair_request(request, exchange.reply, problem, self._rubric).messages)

    def _marking_of_translation(self, place: int, subject: Subject) -> Ask:
        if self._has_budget:
            for exchange in self.calls.earlier(translating_request(subject, subject.text or "", self._rubric).messages):
                self._count_marking(_english(subject, exchange), _translation(exchange))

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
            text = _translation(translation)
            if not text.strip():
                self.scores[key] = self._nothing(Reason.JUDGE_UNPARSABLE, "no translation", subject, TRANSLATED)
                calls.spoil(translation, Reason.JUDGE_UNPARSABLE, "no translation")
                return
            request = marking_request(_english(subject, translation), text, self._rubric)
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
                can_go_on = True
                try:
                    again, repaired = await self._repaired(calls, request, exchange, marks.problem, repeat=repeat)
                except BudgetSpent:  # the next run asks for the repair alone
                    again, repaired, can_go_on = None, request, False
                second = read_marks(again.reply, self._rubric) if again is not None else None
                if second is not None and not (second.problem and _values(second) <= _values(marks)):
                    marks, exchange, request = second, again or exchange, repaired
                if marks.problem and can_go_on:
                    calls.spoil(exchange, Reason.JUDGE_UNPARSABLE, marks.problem)
            self.scores[key] = scores_of(marks, subject, rater, self._rubric)
        if key[1] == TRANSLATED:
            self.scores[key] = [one for one in self.scores[key] if one.facet not in (LANGUAGE, FLUENCY)]
        if self._keeps_samples:
            scores = tuple(self.scores[key])
            self.samples[key] = JudgedSample(self.model, subject, request.messages, exchange, scores)

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
        run if this one is no good either.

        Raises:
            BudgetSpent: it was not asked.
        """
        again = repair_request(request, exchange.reply, problem, self._rubric)
        schema = self._choices if is_comparison else self._marks
        second = await calls.call(again.messages, schema, repeat=repeat)
        return (None, request) if second.failure else (second, again)

    def _comparing(self, places: tuple[int, int], a: Subject, b: Subject) -> Ask:
        texts = a.text or "", b.text or ""
        if self._has_budget:
            self._count_comparison(a, texts)

        async def ask(calls: Calls) -> None:
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


def _values(marks: Any) -> int:
    return sum(mark.value is not None for mark in marks.by_facet.values())


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


def _english(subject: Subject, translation: Exchange) -> Subject:
    """What a translation is judged as."""
    return replace(subject, requested_language=_ENGLISH, cut_off=subject.cut_off or translation.detail == CUT_OFF)


def _translation(exchange: Exchange) -> str:
    return without_thoughts(exchange.reply)
