"""The errors that crosstune raises on purpose.

An error says what was wrong, where, and what would be right. Anything else that is raised is a bug in crosstune
or in a library, and keeps its traceback.
"""

import difflib
from collections.abc import Iterable


class CrosstuneError(Exception):
    """Base of all errors meant for the user.

    Attributes:
        message: what is wrong, one sentence without a final period.
        where: the place it is wrong in, such as `study.yaml:7` or `data.jsonl, line 12`.
        hint: what would be right, or what to do next.
    """

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        self.message = message
        self.where = where
        self.hint = hint
        super().__init__(message)

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}; {self.hint}" if self.hint else text


class InvalidStudy(CrosstuneError):
    """The study file, or an override of it, cannot be used as it is."""


class InvalidData(CrosstuneError):
    """A file of instructions, prompts, answers or scores cannot be used as it is."""


class ModelUnavailable(CrosstuneError):
    """A base model or tokenizer is missing, incomplete, or not what its checksum says."""


class StorageFailure(CrosstuneError):
    """A result could not be written or read: no space, no permission, or a damaged file."""


class StoreUnavailable(CrosstuneError):
    """The store that machines share cannot be reached, or refuses; what is finished here is finished and kept."""


class DamagedInStore(StoreUnavailable):
    """A finished step in the store that machines share is not what its manifest says; it is made again."""


class Busy(CrosstuneError):
    """Another process holds what this one needs."""


class OutOfMemory(CrosstuneError):
    """The device or the machine has too little memory for a step as it is configured."""


class StepFailed(CrosstuneError):
    """A step did not finish; what it had finished stays on disk."""


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like `name`, or None when none is close."""
    matches = difflib.get_close_matches(name, list(candidates), n=1, cutoff=0.6)
    return matches[0] if matches else None


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """A hint for an unknown name: the nearest valid one, else the list of all."""
    names = list(candidates)
    match = nearest(name, names)
    if match is not None:
        return f"did you mean '{match}'?"
    return "known: " + ", ".join(names)
