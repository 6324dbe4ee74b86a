"""Where instruction data overlaps with the prompts that the tuned model is asked later: a pure function of both.

There are two ways to find it. Shared words: a run of `RUN_OF_WORDS` words of a prompt stands in a conversation; of a
shorter prompt all of its words, when there are at least `LEAST_WORDS`. Likeness: what the user says means nearly what a
prompt says, by the cosine of their sentence embeddings, across languages where the prompt is not there in the user's
own; where a prompt has accepted answers, one of them must stand in the conversation too.

The threshold is from measurements (research/LOG.md). Of 49 prompts of `everyday` said in other words 82 % reach 0.70,
of 34 other questions on the same topics 6 %; of 113 prompts and their French, Portuguese and Russian translations 91
to 96 %. Of 300 + 999 + 1,030 questions from three sets of instructions 8 reach it with one of the 120 prompts, of
which 5 ask the same thing. Short questions of facts are alike without being the same ("the highest mountain in Africa",
"in Germany"): of 23 pairs above it 14 do not share the answer, and are not reported.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

from crosstune.instructions.sources import Example
from crosstune.progress import OnProgress, Progress, ignore_progress
from crosstune.records import Prompt
from crosstune.text.embed import embed, encoder_identity, encoder_languages
from crosstune.text.prose import letter_count
from crosstune.text.segments import words

if TYPE_CHECKING:
    import numpy as np

RUN_OF_WORDS = 8
LEAST_WORDS = 4
"""Shorter prompts are found by their likeness alone: three words stand in many texts."""
LEAST_LETTERS = 32
"""Of a run that is not the whole prompt; a wide letter counts two (`prose.letter_count`). ICU cuts Japanese so fine
that eight words can be "…にはどうすればいいですか"."""
LIKENESS = 0.70
VERSION = 1
"""Raised with every change that can change what is found."""

_AT_A_TIME = 500
_DETAIL_WORDS = 24


@dataclass(frozen=True, slots=True)
class Overlap:
    """One conversation that holds, or asks, what a prompt asks."""

    conversation_id: str
    where: str
    """File and line of the conversation."""
    prompt_id: str
    language: str
    """The language of the prompt that it is closest to."""
    kind: Literal["words", "likeness"]
    score: float
    """The number of words of the longest shared run, or the cosine."""
    detail: str
    """The shared words, or the user's turn."""


def contamination_identity() -> dict[str, object]:
    """What decides the overlaps of given data, for fingerprints."""
    return {
        "version": VERSION,
        "run_of_words": RUN_OF_WORDS,
        "least_words": LEAST_WORDS,
        "least_letters": LEAST_LETTERS,
        "likeness": LIKENESS,
        **encoder_identity(),
    }


def languages_without_likeness(examples: Sequence[Example], prompts: Sequence[Prompt]) -> list[str]:
    """Codes of languages of either side that the sentence encoder does not know: for them only words are compared."""
    codes = {example.conversation.language for example in examples} | {prompt.language for prompt in prompts}
    return sorted(codes - set(encoder_languages()))


def overlaps(
    examples: Sequence[Example], prompts: Sequence[Prompt], on_progress: OnProgress = ignore_progress
) -> list[Overlap]:
    """The conversations that overlap with prompts.

    Args:
        examples: instruction data.
        prompts: without modifiers, in all languages that are asked.
        on_progress: told of the conversations done.

    Returns:
        At most one overlap for each conversation and prompt id, in the order of `examples`: shared words go before
        likeness, the conversation's own language before others, then the larger score.
    """
    if not examples or not prompts:
        return []
    runs = _Runs(prompts)
    alike = _Alike(prompts)
    found: list[Overlap] = []
    for start in range(0, len(examples), _AT_A_TIME):
        chunk = examples[start : start + _AT_A_TIME]
        best: dict[tuple[int, str], tuple[tuple[bool, bool, float], Overlap]] = {}
        for index, prompt, kind, score, detail in (*runs.find(chunk), *alike.find(chunk)):
            conversation = chunk[index].conversation
            overlap = Overlap(
                conversation.id, chunk[index].where, prompt.id, prompt.language, kind, round(score, 3), detail
            )
            rank = (kind == "words", prompt.language == conversation.language, score)
            key = index, prompt.id
            if key not in best or rank > best[key][0]:
                best[key] = rank, overlap
        found += [overlap for _, (_, overlap) in sorted(best.items(), key=lambda item: item[0][0])]
        on_progress(Progress(min(start + _AT_A_TIME, len(examples)), len(examples), "conversations compared"))
    return found


_Found = tuple[int, Prompt, Literal["words", "likeness"], float, str]


def _folded_words(text: str, language: str) -> list[str]:
    # Both sides are folded alike, so it need not be the language's own way of folding.
    return words(unicodedata.normalize("NFKC", text).casefold(), language)


class _Runs:
    """Finds runs of a prompt's words."""

    def __init__(self, prompts: Sequence[Prompt]) -> None:
        self._prompts = prompts
        self._lengths: list[int] = []
        self._by_start: dict[tuple[str, ...], list[tuple[list[str], int]]] = {}
        for number, prompt in enumerate(prompts):
            found = _folded_words("\n".join(message.content for message in prompt.messages), prompt.language)
            self._lengths.append(len(found))
            length = min(RUN_OF_WORDS, len(found))
            if length < LEAST_WORDS:
                continue
            for start in range(len(found) - length + 1):
                run = found[start : start + length]
                self._by_start.setdefault(tuple(run[:LEAST_WORDS]), []).append((run[LEAST_WORDS:], number))

    def find(self, examples: Sequence[Example]) -> Iterator[_Found]:
        """The longest shared run of each conversation and prompt that share one."""
        for index, example in enumerate(examples):
            longest: dict[int, list[str]] = {}
            for message in example.conversation.messages:
                for number, run in self._shared(_folded_words(message.content, example.conversation.language)):
                    if len(run) > len(longest.get(number, ())):
                        longest[number] = run
            for number, run in longest.items():
                if len(run) < self._lengths[number] and letter_count("".join(run)) < LEAST_LETTERS:
                    continue
                more = " …" if len(run) > _DETAIL_WORDS else ""
                yield index, self._prompts[number], "words", len(run), " ".join(run[:_DETAIL_WORDS]) + more

    def _shared(self, found: list[str]) -> Iterator[tuple[int, list[str]]]:
        """The runs that words share with prompts, overlapping ones joined."""
        spans: list[tuple[int, int, int]] = []
        for start in range(len(found) - LEAST_WORDS + 1):
            for rest, number in self._by_start.get(tuple(found[start : start + LEAST_WORDS]), ()):
                end = start + LEAST_WORDS + len(rest)
                if found[start + LEAST_WORDS : end] == rest:
                    spans.append((number, start, end))
        for number, own in groupby(sorted(spans), key=lambda span: span[0]):
            first, last = -1, -1
            for _, start, end in own:
                if start > last:
                    if last > first:
                        yield number, found[first:last]
                    first = start
                last = max(last, end)
            yield number, found[first:last]


class _Alike:
    """Finds user's turns that mean what a prompt does."""

    def __init__(self, prompts: Sequence[Prompt]) -> None:
        known = set(encoder_languages())
        self._prompts = [prompt for prompt in prompts if prompt.language in known]
        self._vectors = embed([prompt.messages[-1].content for prompt in self._prompts])
        self._in_language: dict[str, set[str]] = {}
        self._answers: dict[str, dict[str, tuple[str, ...]]] = {}
        for prompt in prompts:
            self._in_language.setdefault(prompt.language, set()).add(prompt.id)
            if prompt.answers:
                self._answers.setdefault(prompt.id, {})[prompt.language] = prompt.answers

    def _columns(self, language: str) -> list[int]:
        """The prompts to compare a language with: its own wording, and other languages' only where that is missing.

        Cosines within a language are surer than across: "What is your favorite music?" has 0.77 with the Japanese of a
        prompt and 0.66 with its English.
        """
        own = self._in_language.get(language, set())
        return [
            column for column, prompt in enumerate(self._prompts) if prompt.language == language or prompt.id not in own
        ]

    def find(self, examples: Sequence[Example]) -> Iterator[_Found]:
        """Each pair of a user's turn and a prompt that are alike."""
        for language in sorted({example.conversation.language for example in examples} & set(encoder_languages())):
            columns = self._columns(language)
            turns = [
                (index, message.content)
                for index, example in enumerate(examples)
                if example.conversation.language == language
                for message in example.conversation.messages
                if message.role == "user"
            ]
            if not columns:
                continue
            vectors = embed([text for _, text in turns])
            cosines: np.ndarray[Any, Any] = vectors @ self._vectors[columns].T  # turns, prompts
            for row, column in zip(*(cosines >= LIKENESS).nonzero(), strict=True):
                index, text = turns[row]
                prompt = self._prompts[columns[column]]
                if self._answer_may_be_there(prompt, examples[index]):
                    yield index, prompt, "likeness", float(cosines[row, column]), text

    def _answer_may_be_there(self, prompt: Prompt, example: Example) -> bool:
        """Whether a conversation holds an accepted answer; True where that cannot be told."""
        from crosstune.text.answers import find_answer

        answers = self._answers.get(prompt.id, {})
        conversation = example.conversation
        if conversation.language not in answers:
            return True
        text = "\n".join(message.content for message in conversation.messages if message.role == "assistant")
        return find_answer(text, answers[conversation.language], conversation.language) is not None
