"""Answers of a study, as items: each by itself, or two runs side by side."""

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any

import polars as pl

from crosstune.annotation.records import NewItem
from crosstune.records import Ending

JUDGE_PREFIX = "judge:"
_MEASURE = "correct_language"
_ANSWER = ["run", "prompt_id", "language"]


def study_items(prompts: pl.DataFrame, responses: pl.DataFrame, scores: pl.DataFrame | None = None) -> list[NewItem]:
    """The answers of a study.

    Args:
        prompts: columns of `records.Prompt`.
        responses: columns of `records.Response`.
        scores: columns of `records.Score`, to tell where judge and measures are apart; None: that is not known.
    """
    asked = {(row["id"], row["language"]): row for row in prompts.iter_rows(named=True)}
    apart = {} if scores is None else disagreements(scores)
    items = []
    for row in responses.iter_rows(named=True):
        prompt = asked.get((row["prompt_id"], row["language"]))
        if prompt is None:
            continue
        items.append(
            NewItem(
                run=row["run"],
                prompt_id=row["prompt_id"],
                language=row["language"],
                requested_language=prompt["requested_language"],
                prompt=_shown(prompt["messages"]),
                answer=row["text"],
                task=prompt["task"],
                modifiers="+".join(prompt["modifiers"] or ()),
                cut_off=row["ending"] == Ending.LENGTH.value,
                disagreement=apart.get((row["run"], row["prompt_id"], row["language"])),
            )
        )
    return items


def _shown(messages: list[dict[str, Any]]) -> str:
    if len(messages) == 1:
        return str(messages[0]["content"])
    return "\n\n".join(f"**{message['role']}:** {message['content']}" for message in messages)


def pairs(items: Iterable[NewItem]) -> Iterator[NewItem]:
    """Each two runs' answers to the same prompt, side by side, where they are not the same text."""
    together: dict[tuple[str, str, str], list[NewItem]] = {}
    for item in items:
        together.setdefault((item.prompt_id, item.language, item.prompt), []).append(item)
    for answers in together.values():
        for first, second in combinations(sorted(answers, key=lambda item: item.run), 2):
            if first.run == second.run or first.answer == second.answer:
                continue
            yield NewItem(
                run=first.run,
                prompt_id=first.prompt_id,
                language=first.language,
                requested_language=first.requested_language,
                prompt=first.prompt,
                answer=first.answer,
                task=first.task,
                modifiers=first.modifiers,
                cut_off=first.cut_off,
                second_run=second.run,
                second_answer=second.answer,
                second_cut_off=second.cut_off,
            )


def disagreements(scores: pl.DataFrame) -> dict[tuple[str, str, str], float]:
    """How far the judges' mark for language and the measure of the right language are apart, from 0 to 1, by answer.

    Marks of several judges are averaged. Answers that only one of the two rated are not there.
    """
    valued = scores.filter(pl.col("value").is_not_null())
    judged = (
        valued.filter(pl.col("rater").str.starts_with(JUDGE_PREFIX), pl.col("facet") == "language")
        .group_by(_ANSWER)
        .agg(judge=pl.col("value").mean() / 2)
    )
    measured = valued.filter(pl.col("facet") == _MEASURE, ~pl.col("rater").str.starts_with(JUDGE_PREFIX))
    both = judged.join(measured.group_by(_ANSWER).agg(measure=pl.col("value").mean()), on=_ANSWER)
    return {
        (row["run"], row["prompt_id"], row["language"]): abs(row["judge"] - row["measure"])
        for row in both.iter_rows(named=True)
    }
