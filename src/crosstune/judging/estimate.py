"""What judging will take, before it does: calls, tokens and money."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from crosstune.judging.chosen import blank, drawn, is_repeated, is_translated, pairs
from crosstune.judging.config import JudgeConfig, JudgeModel
from crosstune.judging.exchange import Exchange, read_exchanges
from crosstune.judging.judge import ledger_file
from crosstune.judging.request import Request, comparing_request, marking_request, translating_request
from crosstune.judging.rubric import load_rubric
from crosstune.judging.subject import Subject

_BYTES_PER_TOKEN = 4.0
"""Of UTF-8: four letters of English, two of Russian, one and a third of Chinese; tokenizers differ by a half."""
_TOKENS_PER_CRITERION = 40
"""Of a reply: a reason of at most 20 words, a mark, and the names."""
_LEAST_MEASURED = 20
_TRANSLATING, _COMPARING = 0.4, 1.2
"""Sizes of such requests, of one for marks: no criteria, or one more answer."""


@dataclass(frozen=True, slots=True)
class JudgingCost:
    """Of one judge."""

    judge: JudgeModel
    calls: int
    """All that there are to make, those that are in the ledger already included; without attempts to repair."""
    input_tokens: int
    output_tokens: int
    measured: bool
    """Whether the length of replies is that of earlier ones of this judge."""

    @property
    def dollars(self) -> float | None:
        """None without a price."""
        price = self.judge.price
        if price is None:
            return None
        return (self.input_tokens * price.input + self.output_tokens * price.output) / 1e6


@dataclass(slots=True)
class _Work:
    """Of each judge alike."""

    replies: float = 0.0
    """With marks or choices."""
    input_tokens: float = 0.0
    translations: float = 0.0
    translated_tokens: float = 0.0


def estimate(subjects: Sequence[Subject], config: JudgeConfig, ledger: Path) -> list[JudgingCost]:
    """What judging these answers takes, for each judge.

    Args:
        subjects: as for `judge.judge`.
        config: by whom and how.
        ledger: folder of earlier exchanges, for the length of replies; need not be there.

    Raises:
        InvalidData: the rubric or an earlier exchange cannot be read, or a configuration to compare has no answers.
    """
    rubric = load_rubric(config.rubric)
    chosen = drawn(subjects, config)
    work = _Work()
    for subject in chosen:
        if blank(subject) is not None:
            continue
        text = subject.text or ""
        marking = request_tokens(marking_request(subject, text, rubric))
        times = 1 + is_repeated(subject, config)
        if is_translated(subject, config):
            times += 1
            work.translations += 1
            work.translated_tokens += _tokens(text)
            work.input_tokens += request_tokens(translating_request(subject, text, rubric))
        work.replies += times
        work.input_tokens += times * marking
    for first, second in pairs(chosen, config.compare) if config.compare is not None else ():
        texts = chosen[first].text or "", chosen[second].text or ""
        work.replies += 2
        work.input_tokens += 2 * request_tokens(comparing_request(chosen[first], texts, rubric))
    return _costs(work, config, ledger, criteria=len(rubric.facets))


def request_tokens(request: Request) -> float:
    """About how many tokens a request has."""
    return sum(_tokens(message.content) for message in request.messages)


def _tokens(text: str) -> float:
    return len(text.encode("utf-8", "replace")) / _BYTES_PER_TOKEN


def estimate_from_sizes(
    sizes: Sequence[float], config: JudgeConfig, ledger: Path, *, foreign: Sequence[bool] = (), runs: int = 2
) -> list[JudgingCost]:
    """The same from the sizes of requests alone, when answers are not there yet.

    Args:
        sizes: tokens of each request for marks.
        config: by whom and how.
        ledger: as for `estimate`.
        foreign: of answers, whether they are to be in another language than English; all, where that is not known.
        runs: configurations that answers are of; each has the same number of them.
    """
    marks = len(sizes) * (1 + config.repeat)
    share = sum(foreign) / len(foreign) if foreign else 1.0
    translated = len(sizes) * share if config.translated else 0.0
    compared = len(sizes) / max(runs, 1) if config.compare is not None else 0.0
    each = sum(sizes) / len(sizes) if sizes else 0.0
    work = _Work(
        replies=marks + translated + 2 * compared,
        input_tokens=each * (marks + (1 + _TRANSLATING) * translated + 2 * _COMPARING * compared),
        translations=translated,
        translated_tokens=each * _TRANSLATING * translated,
    )
    return _costs(work, config, ledger, criteria=len(load_rubric(config.rubric).facets))


def _costs(work: _Work, config: JudgeConfig, ledger: Path, *, criteria: int) -> list[JudgingCost]:
    costs = []
    for model in config.models:
        known = [one.output_tokens for one in _earlier(model, ledger) if not one.failure and one.output_tokens]
        measured = len(known) >= _LEAST_MEASURED
        reply = fmean(known) if measured else criteria * _TOKENS_PER_CRITERION
        costs.append(
            JudgingCost(
                judge=model,
                calls=round(work.replies + work.translations),
                input_tokens=round(work.input_tokens),
                output_tokens=round(reply * work.replies + work.translated_tokens),
                measured=measured,
            )
        )
    return costs


def _earlier(model: JudgeModel, ledger: Path) -> Iterable[Exchange]:
    return read_exchanges(ledger_file(ledger, model))
