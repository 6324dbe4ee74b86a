"""The probe of a search: a few of the study's own instructions in all its languages, and the rating of short answers.

prompts/    prompts.parquet
scoring/    scores.parquet: correct_language and degeneration alone; probe.json: whether the training diverged
"""

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from crosstune.errors import InvalidData
from crosstune.prompts.config import PromptsConfig
from crosstune.prompts.load import load_prompts
from crosstune.prompts.modifiers import NONE
from crosstune.records import Ending, Prompt, Response
from crosstune.scoring.score import scorer_identities
from crosstune.steps.step import Step, Workspace
from crosstune.study.search_config import ProbeConfig

PROBE_FACETS = ("correct_language", "degeneration")
VERSION = 1
"""Raised when the code here changes what it writes."""


def draw_probe(config: PromptsConfig, probe: ProbeConfig, base: Path) -> list[Prompt]:
    """The prompts of a probe: each drawn instruction in every language, asked for an answer in that language.

    Raises:
        InvalidData: the prompts cannot be read, or none asks for an answer in its own language.
    """
    plain = config.model_copy(update={"modifiers": [NONE]})
    found = [prompt for prompt in load_prompts(plain, base) if prompt.requested_language == prompt.language]
    # Lines of a file may come with a modifier of their own; those without are to be had in every language.
    chosen = [prompt for prompt in found if not prompt.modifiers] or found
    if not chosen:
        raise InvalidData(
            "no prompt asks for an answer in its own language, which a search compares configurations by",
            hint="add a set such as everyday, or remove search",
        )
    ids = sorted({prompt.id for prompt in chosen})
    drawn = set(random.Random(f"crosstune probe {probe.seed}").sample(ids, min(probe.prompts, len(ids))))
    return [prompt for prompt in chosen if prompt.id in drawn]


def _digest(prompts: Sequence[Prompt]) -> str:
    text = json.dumps([asdict(prompt) for prompt in prompts], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def probe_prompts_step(config: PromptsConfig, probe: ProbeConfig, base: Path) -> Step:
    """Writes the prompts of a probe.

    Raises:
        InvalidData: as `draw_probe`.
    """
    prompts = draw_probe(config, probe, base)
    digest = _digest(prompts)
    return Step(
        kind="prompts",
        name=f"probe_{'-'.join(config.languages)}",
        version=VERSION,
        config={"probe": digest},
        inputs={},
        run=partial(write_probe, config=config, probe=probe, base=base, digest=digest),
    )


def write_probe(workspace: Workspace, *, config: PromptsConfig, probe: ProbeConfig, base: Path, digest: str) -> None:
    """Reads and draws the prompts."""
    from crosstune.storage.tables import write_table

    prompts = draw_probe(config, probe, base)
    if _digest(prompts) != digest:
        raise InvalidData("the prompts have changed since the study was started", hint="start it again")
    write_table(workspace.out / "prompts.parquet", Prompt, prompts)


def probe_scorers() -> dict[str, dict[str, object]]:
    """The identities of what a probe's answers are rated by; ask once, as each looks up versions of libraries."""
    return scorer_identities(PROBE_FACETS)


def probe_scoring_step(
    name: str, prompts: Step, generation: Step, training: Step, scorers: Mapping[str, Mapping[str, object]]
) -> Step:
    """Rates the answers to a probe, and notes whether the training diverged.

    Args:
        name: of the step.
        prompts: the probe.
        generation: the answers to it.
        training: of the model that gave them.
        scorers: of `probe_scorers`.
    """
    config: dict[str, Any] = {"scorers": scorers, "probe": True}
    inputs = {"prompts": prompts, "generation": generation, "training": training}
    return Step(
        kind="scoring",
        name=name,
        version=VERSION,
        config=config,
        inputs=inputs,
        run=rate_probe,
        reads={"training": ("training.json",)},
    )


def rate_probe(workspace: Workspace) -> None:
    """Rates the answers; that one is cut off at the probe's few tokens is no fault of it."""
    from crosstune.records import Score
    from crosstune.scoring.score import score
    from crosstune.storage.atomic import write_atomic
    from crosstune.storage.tables import read_table, write_table

    facts = json.loads((workspace.inputs["training"] / "training.json").read_text("utf-8"))
    write_atomic(workspace.out / "probe.json", json.dumps({"diverged_at_step": facts["diverged_at_step"]}))
    prompts = read_table(workspace.inputs["prompts"] / "prompts.parquet", Prompt)
    responses = [
        replace(response, ending=Ending.END_TOKEN) if response.ending is Ending.LENGTH else response
        for response in read_table(workspace.inputs["generation"] / "responses.parquet", Response)
    ]
    write_table(workspace.out / "scores.parquet", Score, score(responses, prompts, PROBE_FACETS))
