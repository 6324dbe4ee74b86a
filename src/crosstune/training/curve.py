"""The training curve: one row an update, appended as updates finish."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from crosstune.errors import InvalidData, StorageFailure
from crosstune.storage.atomic import write_atomic
from crosstune.storage.tables import RecordLog, read_table, to_row


@dataclass(frozen=True, slots=True)
class CurveRow:
    """One update."""

    SCHEMA_VERSION: ClassVar[int] = 1

    step: int
    """Number of the update, from 1."""
    tokens: int
    """Tokens seen up to and with this update, prompts included, padding not."""
    learning_rate: float
    """Of this update."""
    loss: float | None
    """Mean cross-entropy over the learned tokens of this update, before it, in nats. None: not finite."""
    gradient_norm: float | None
    """L2 norm of the gradient before clipping. None: not finite."""
    seconds: float
    """Training time up to and with this update, that of interrupted tries included as far as they were kept."""


def finite(value: float) -> float | None:
    """The value, or None where it is infinite or not a number."""
    return value if math.isfinite(value) else None


def recorded_updates(path: Path) -> int:
    """How many updates, from the first on, a log of a curve holds: fewer than were done where its end was cut off.

    Raises:
        StorageFailure: the log cannot be written.
        InvalidData: it holds something else.
    """
    steps = [row.step for row in RecordLog(path, CurveRow).read()]
    return next((done for done, step in enumerate(steps) if step != done + 1), len(steps))


def open_curve(path: Path, upto: int) -> tuple[RecordLog[CurveRow], list[CurveRow]]:
    """Opens the log of a curve and drops the updates that a resumed training will do again.

    Args:
        path: the log, JSON Lines.
        upto: the last update to keep.

    Returns:
        The log, and the rows it holds.

    Raises:
        StorageFailure: it cannot be written.
        InvalidData: it holds something else.
    """
    log = RecordLog(path, CurveRow)
    rows: list[CurveRow] = log.read()
    kept = [row for row in rows if row.step <= upto]
    if len(kept) < len(rows):
        _write(path, kept)
    return log, kept


def take_over_curve(path: Path, table: Path, upto: int) -> bool:
    """Lets the log of a curve begin with the updates of the training that is gone on with.

    Args:
        path: the log; what it holds is replaced.
        table: the other training's finished curve.
        upto: the last update to take.

    Returns:
        Whether the other curve has them all; where it has not, nothing is written.

    Raises:
        StorageFailure: the log cannot be written.
    """
    try:
        rows = [row for row in read_table(table, CurveRow) if row.step <= upto]
    except (StorageFailure, InvalidData):
        return False
    if [row.step for row in rows] != list(range(1, upto + 1)):
        return False
    _write(path, rows)
    return True


def _write(path: Path, rows: list[CurveRow]) -> None:
    write_atomic(path, "".join(json.dumps(to_row(row)) + "\n" for row in rows))
