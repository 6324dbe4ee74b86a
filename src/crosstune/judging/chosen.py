"""Which answers are judged, which of them twice or in translation, and which are compared: nothing that costs."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from crosstune.errors import InvalidData
from crosstune.judging.config import JudgeConfig
from crosstune.judging.subject import Subject
from crosstune.records import Reason, instruction_of

_ENGLISH = "en"


def drawn(subjects: Sequence[Subject], config: JudgeConfig) -> list[Subject]:
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


def _draw(seed: int, name: str) -> bytes:
    return hashlib.blake2b(f"{seed}\0{name}".encode("utf-8", "surrogatepass"), digest_size=8).digest()


def blank(subject: Subject) -> Reason | None:
    """Why there is nothing to judge; None where there is."""
    if subject.text is None:
        return Reason.NO_ANSWER
    return None if subject.text.strip() else Reason.EMPTY


def is_repeated(subject: Subject, config: JudgeConfig) -> bool:
    """Whether an answer is marked a second time."""
    name = f"{subject.run}\0{subject.prompt_id}\0{subject.language}"
    return int.from_bytes(_draw(config.seed, name)) < config.repeat * 2**64


def is_translated(subject: Subject, config: JudgeConfig) -> bool:
    """Whether a translation of an answer is marked too."""
    return config.translated and subject.requested_language != _ENGLISH


def pairs(subjects: Sequence[Subject], runs: tuple[str, str]) -> Iterator[tuple[int, int]]:
    """Places of the answers of two configurations to the same prompt; those where one is empty need no judge.

    Several answers of a configuration to one prompt are compared in their order.

    Raises:
        InvalidData: one of them has no answers.
    """
    by_run: dict[str, dict[tuple[str, str, str], list[int]]] = {run: {} for run in runs}
    for place, subject in enumerate(subjects):
        if subject.run in by_run:
            prompt = subject.prompt_id, subject.language, subject.requested_language
            by_run[subject.run].setdefault(prompt, []).append(place)
    for run in runs:
        if not by_run[run]:
            known = sorted({subject.run for subject in subjects})
            raise InvalidData(f"there is no answer of '{run}' to compare", hint=f"there are: {', '.join(known)}")
    first, second = (by_run[run] for run in runs)
    for prompt, places in first.items():
        for a, b in zip(places, second.get(prompt, ()), strict=False):
            if blank(subjects[a]) is None and blank(subjects[b]) is None:
                yield a, b
