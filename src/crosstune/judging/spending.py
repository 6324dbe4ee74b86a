"""What judging has taken, and whether it may take more."""

from collections.abc import Iterable
from dataclasses import dataclass

from crosstune.judging.config import Budget, Price
from crosstune.judging.exchange import Exchange


@dataclass(slots=True)
class Spending:
    """Of one judge."""

    calls: int = 0
    """That got a reply, be it of use or not."""
    failures: int = 0
    """Calls that got none, each after all its tries."""
    input_tokens: int = 0
    output_tokens: int = 0

    def add(self, exchange: Exchange) -> None:
        """Counts an exchange."""
        if exchange.is_paid:
            self.calls += 1
        else:
            self.failures += 1
        self.input_tokens += exchange.input_tokens
        self.output_tokens += exchange.output_tokens

    def dollars(self, price: Price | None) -> float | None:
        """What that cost; None without a price."""
        if price is None:
            return None
        return (self.input_tokens * price.input + self.output_tokens * price.output) / 1e6


def spent_on(exchanges: Iterable[Exchange]) -> Spending:
    """What these exchanges took."""
    spending = Spending()
    for exchange in exchanges:
        spending.add(exchange)
    return spending


class Purse:
    """A budget, and what all judges took of it together."""

    def __init__(self, budget: Budget) -> None:
        """Starts with nothing spent.

        Args:
            budget: its limits; None of one is no limit.
        """
        self.budget = budget
        self.calls = 0
        self.tokens = 0
        self.dollars = 0.0
        self.under_way = 0
        """Calls of all judges whose cost is not known yet."""

    def add(self, exchange: Exchange, price: Price | None) -> None:
        """Takes what an exchange took, of this run or an earlier one."""
        self.calls += exchange.is_paid
        self.tokens += exchange.input_tokens + exchange.output_tokens
        if price is not None:
            self.dollars += (exchange.input_tokens * price.input + exchange.output_tokens * price.output) / 1e6

    @property
    def is_spent(self) -> bool:
        """Whether another call might go over the budget; those under way are taken to cost what calls so far did."""
        budget = self.budget
        ahead = 1 + self.under_way
        each = ahead / self.calls if self.calls else 0.0
        return (
            (budget.calls is not None and self.calls + ahead > budget.calls)
            or (budget.tokens is not None and self.tokens * (1 + each) > budget.tokens)
            or (budget.dollars is not None and self.dollars * (1 + each) > budget.dollars)
            or budget.tokens == 0
            or budget.dollars == 0
        )
