"""What judging will take, before it does: calls, tokens and money."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from crosstune.judging.config import JudgeConfig, JudgeModel
from crosstune.judging.exchange import Exchange, read_exchanges
from crosstune.judging.judge import ledger_file, requests_of
from crosstune.judging.request import Request
from crosstune.judging.rubric import load_rubric
from crosstune.judging.subject import Subject

_BYTES_PER_TOKEN = 4.0
"""Of UTF-8: four letters of English, two of Russian, one and a third of Chinese; tokenizers differ by a half."""
_TOKENS_PER_CRITERION = 40
"""Of a reply: a reason of at most 20 words, a mark, and the names."""
_LEAST_MEASURED = 20


@dataclass(frozen=True, slots=True)
class JudgingCost:
    """Of one judge."""

    judge: JudgeModel
    calls: int
    """All that there are to make, those that are in the ledger already included."""
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


def estimate(subjects: Sequence[Subject], config: JudgeConfig, ledger: Path) -> list[JudgingCost]:
    """What judging these answers takes, for each judge.

    Args:
        subjects: as for `judge.judge`.
        config: by whom and how.
        ledger: folder of earlier exchanges, for the length of replies; need not be there.
    """
    sizes = [request_tokens(request) for request in requests_of(subjects, config)]
    runs = len({one.run for one in subjects})
    foreign = [one.requested_language != "en" for one in subjects]
    return estimate_from_sizes(sizes, config, ledger, foreign=foreign, runs=runs)


def request_tokens(request: Request) -> float:
    """About how many tokens a request has."""
    return sum(len(message.content.encode("utf-8", "replace")) for message in request.messages) / _BYTES_PER_TOKEN


def estimate_from_sizes(
    sizes: Sequence[float], config: JudgeConfig, ledger: Path, *, foreign: Sequence[bool] = (), runs: int = 2
) -> list[JudgingCost]:
    """The same from the sizes of requests alone, when answers are not there yet.

    Args:
        sizes: tokens of each request for marks.
        config: by whom and how.
        ledger: as for `estimate`.
        foreign: of answers, whether they are to be in another language than English; all, where that is not known.
        runs: configurations that answers are of.
    """
    criteria = len(load_rubric(config.rubric).facets)
    marks = len(sizes) * (1 + config.repeat)
    share = sum(foreign) / len(foreign) if foreign else 1.0
    translated = len(sizes) * share if config.translated else 0.0
    pairs = len(sizes) / max(runs, 1) if config.compare is not None else 0.0
    each = sum(sizes) / len(sizes) if sizes else 0.0
    costs = []
    for model in config.models:
        known = [one.output_tokens for one in _earlier(model, ledger) if not one.failure and one.output_tokens]
        measured = len(known) >= _LEAST_MEASURED
        reply = fmean(known) if measured else criteria * _TOKENS_PER_CRITERION
        calls = marks + 2 * translated + 2 * pairs
        costs.append(
            JudgingCost(
                judge=model,
                calls=round(calls),
                input_tokens=round(each * (marks + 1.5 * translated + 2.3 * pairs)),
                output_tokens=round(reply * calls),
                measured=measured,
            )
        )
    return costs


def _earlier(model: JudgeModel, ledger: Path) -> Iterable[Exchange]:
    return read_exchanges(ledger_file(ledger, model))
