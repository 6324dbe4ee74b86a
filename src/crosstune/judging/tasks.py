"""The packaged prompt sets as tasks of Inspect, and crosstune's measures as its scorers.

inspect eval crosstune/everyday -T languages=fr,pt -T modifiers=none,short --model openai/gpt-5-mini
inspect eval crosstune/facts -T languages=fr,pt --model openai/gpt-5-mini
inspect score answers.eval --scorer crosstune/correct_language

Inspect imports this module by its entry point; nothing of crosstune does.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from inspect_ai import Task, task
from inspect_ai._util.error import PrerequisiteError
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import (
    Metric,
    SampleScore,
    Score,
    Scorer,
    Target,
    Value,
    grouped,
    mean,
    metric,
    scorer,
    stderr,
)
from inspect_ai.solver import Generate, Solver, TaskState, solver
from pydantic import ValidationError

from crosstune.errors import InvalidData
from crosstune.generation.backends.inspect import chat_messages, ending_of, text_of
from crosstune.judging.mock_tokens import count_without_web
from crosstune.prompts.config import PromptsConfig
from crosstune.prompts.load import load_prompts
from crosstune.prompts.modifiers import NONE, unknown_modifier
from crosstune.prompts.modifiers import modifiers as known_modifiers
from crosstune.prompts.packaged import packaged_languages, packaged_sets
from crosstune.records import Check, Prompt, instruction_of
from crosstune.scoring.answer import Answer
from crosstune.scoring.context import NO_CONTEXT, Context
from crosstune.scoring.measure import Measure
from crosstune.scoring.score import SCORERS, context_of, measure

FACETS = ("correct_language", "line_pass", "word_pass", "code_switching", "degeneration", "constraints", "facts")
"""What is measured, in this order. The last two are asked only of prompts that have checks or accepted answers."""

LANGUAGE, CLUSTER = "requested_language", "instruction"
"""Keys of a sample's metadata: means are by the one, standard errors take answers together that share the other."""

Names = str | list[str] | None
"""As `-T` gives them: one name, or several."""


@task
def everyday(languages: Names = None, modifiers: Names = NONE, limit: int | None = None) -> Task:
    """Everyday instructions, each in several languages.

    Args:
        languages: codes, such as `fr,pt`; None: all that the set is in.
        modifiers: what is added to the prompts (see `crosstune prompts list`), such as `none,short,in_fr`.
        limit: so many prompts for each language and modifier, taken from all kinds of tasks in turn; None: all.

    Raises:
        TaskRefused: there is no such language or modifier (says which there are), or the limit is no number above 0.
    """
    return _task("everyday", languages, modifiers, limit)


@task
def facts(languages: Names = None, limit: int | None = None) -> Task:
    """Questions of facts with short answers, the same in several languages.

    Args:
        languages: codes, such as `fr,pt`; None: all that the set is in.
        limit: so many questions for each language, taken from all kinds in turn; None: all.

    Raises:
        TaskRefused: there is no such language (says which there are), or the limit is no number above 0.
    """
    return _task("facts", languages, NONE, limit)


class TaskRefused(InvalidData, PrerequisiteError):  # type: ignore[misc]  # both call their text `message`
    """A parameter of a task is wrong. Inspect shows it without a traceback."""


def _task(set_name: str, languages: Names, modifiers: Names, limit: int | None) -> Task:
    try:
        prompts = _prompts(set_name, _names(languages), _names(modifiers), limit)
    except InvalidData as error:
        raise TaskRefused(str(error)) from error
    asked = [facet for facet in FACETS if any(SCORERS[facet].asked_of(_unanswered(prompt)) for prompt in prompts)]
    return Task(
        dataset=MemoryDataset([_sample(prompt) for prompt in prompts], name=set_name),
        setup=_mock_tokens(),
        scorer=[INSPECT_SCORERS[facet]() for facet in asked],
    )


def _prompts(set_name: str, languages: list[str], modifiers: list[str], limit: int | None) -> list[Prompt]:
    there = packaged_languages(set_name)
    for code in languages:
        if code not in there:
            raise InvalidData(
                f"there are no prompts of '{set_name}' in '{code}'", hint=f"there are some in {', '.join(there)}"
            )
    for name in modifiers:
        if name not in known_modifiers():
            raise InvalidData(unknown_modifier(name), hint=f"there are {', '.join(known_modifiers())}")
    try:
        config = PromptsConfig(
            sets=[set_name], languages=languages or there, modifiers=modifiers or [NONE], limit=limit
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidData(f"'{first['loc'][0]}': {first['msg']}, not {first['input']!r}") from error
    return load_prompts(config, Path())


def _names(given: object) -> list[str]:
    items = [] if given is None else given if isinstance(given, list | tuple) else str(given).split(",")
    # In YAML, which Inspect reads `-T` as, the code of Norwegian is false.
    names = ["no" if item is False or item == "False" else str(item).strip() for item in items]
    return list(dict.fromkeys(name for name in names if name))


def _sample(prompt: Prompt) -> Sample:
    return Sample(
        id=f"{prompt.language}/{prompt.id}",
        input=chat_messages(prompt),
        target=list(prompt.answers),
        metadata={
            "prompt_id": prompt.id,
            # What an instruction is in every language and with every modifier: answers to it are not independent.
            CLUSTER: instruction_of(prompt.id),
            "set": prompt.set,
            "task": prompt.task,
            "language": prompt.language,
            LANGUAGE: prompt.requested_language,
            "modifiers": list(prompt.modifiers),
            "tags": list(prompt.tags),
            "checks": [{"kind": check.kind, "parameters": check.parameters} for check in prompt.checks],
            "accepted": list(prompt.answers),
            "gloss": prompt.gloss,
        },
    )


@solver
def _mock_tokens() -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        count_without_web(str(state.model))
        return state

    return solve


@metric
def total() -> Metric:
    """The sum of what is counted."""

    def metric(scores: list[SampleScore]) -> Value:
        return sum(score.score.as_float() for score in scores)

    return metric


def _inspect_scorer(facet: str) -> Callable[[], Scorer]:
    """The measure of a facet as a scorer of Inspect.

    A score has two values: that of the facet, which is NaN where there is a reason instead, so that Inspect leaves it
    out of means; and whether it is without a value, so that those are counted. Both are by requested language.
    """
    no_value = f"no_value_{facet}"

    def by_language(of_each: Metric) -> Metric:
        return grouped(of_each, LANGUAGE)

    @scorer(
        metrics={facet: [by_language(mean()), stderr(cluster=CLUSTER)], no_value: [by_language(total())]},
        name=facet,
    )
    def facet_scorer() -> Scorer:
        async def score(state: TaskState, target: Target) -> Score | None:
            answer = _answer(state)
            (found,) = measure([answer], facet, _context(state.metadata))
            if found is None:
                return None
            value = float("nan") if found.value is None else found.value
            return Score(
                value={facet: value, no_value: float(found.value is None)},
                answer=answer.text,
                explanation=found.detail or found.reason,
                reason=found.reason,
                metadata={"detail": found.detail, "spans": _spans(found)},
            )

        return score

    return facet_scorer


INSPECT_SCORERS: dict[str, Callable[[], Scorer]] = {facet: _inspect_scorer(facet) for facet in FACETS}
"""By facet; Inspect has them as `crosstune/<facet>`."""


def _spans(found: Measure) -> list[dict[str, Any]]:
    return [{"start": span.start, "end": span.end, "note": span.note} for span in found.spans]


def _answer(state: TaskState) -> Answer:
    """The answer of a sample, of our tasks or of others whose metadata has what is needed.

    Raises:
        InvalidData: it lacks a key by which metrics put answers together.
    """
    known = state.metadata
    for key in (LANGUAGE, CLUSTER):
        if key not in known:
            raise InvalidData(
                f"sample {state.sample_id} has no '{key}' in its metadata",
                hint=f"crosstune's scorers need '{LANGUAGE}', the code of the language to answer in, and '{CLUSTER}', "
                "the same for the same instruction in every language",
            )
    return Answer(
        run=str(state.model),
        prompt_id=str(known.get("prompt_id", state.sample_id)),
        language=str(known.get("language", known[LANGUAGE])),
        requested_language=str(known[LANGUAGE]),
        text=None if state.output.empty else text_of(state.output),
        prompt=state.input_text,
        task=str(known.get("task", "")),
        checks=tuple(Check(one["kind"], _parameters(one)) for one in known.get("checks", ())),
        accepted=tuple(known.get("accepted", ())),
        ending=None if state.output.empty else ending_of(state.output),
    )


def _parameters(check: Mapping[str, Any]) -> str:
    """Parameters as records have them; a log that went through other hands may have them as an object."""
    given = check.get("parameters", "{}")
    return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, sort_keys=True)


def _unanswered(prompt: Prompt) -> Answer:
    return Answer(
        run="",
        prompt_id=prompt.id,
        language=prompt.language,
        requested_language=prompt.requested_language,
        text=None,
        task=prompt.task,
        checks=prompt.checks,
        accepted=prompt.answers,
    )


def _context(known: Mapping[str, Any]) -> Context:
    """What an answer is compared with: the accepted answers of the other questions of its set, if it is ours."""
    set_name, language = known.get("set"), known.get("language")
    if not known.get("accepted") or set_name not in packaged_sets() or language not in packaged_languages(set_name):
        return NO_CONTEXT
    return _context_of_set(set_name, language)


@cache
def _context_of_set(set_name: str, language: str) -> Context:
    prompts = load_prompts(PromptsConfig(sets=[set_name], languages=[language]), Path())
    return context_of(_unanswered(prompt) for prompt in prompts)
