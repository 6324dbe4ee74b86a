"""From a config to prompts: sets × languages × modifiers, the same instructions in every language."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crosstune.errors import InvalidData
from crosstune.prompts.config import PromptsConfig
from crosstune.prompts.modifiers import modifiers
from crosstune.prompts.sets import SetPrompt, packaged_languages, read_set, set_name, set_path, types_path
from crosstune.records import Prompt
from crosstune.storage.digests import file_digest

READER_VERSION = 1
"""Raised with every change that can change the prompts read; part of the identity."""


def load_prompts(config: PromptsConfig, base: Path) -> list[Prompt]:
    """The prompts of a config, in the order of sets, languages, modifiers and files.

    A modifier that changes nothing for a prompt (`in_fr` for a French one, or where an answer in another language is
    asked already) leaves that prompt out.

    Args:
        config: which prompts.
        base: folder that relative paths are relative to.

    Returns:
        Prompts with unique `(id, language)`.

    Raises:
        InvalidData: a set or language is missing, a file cannot be used (with file and line), the languages of a set do
            not have the same instructions, or a modifier has no wording in a language.
    """
    prompts: list[Prompt] = []
    for entry in config.sets:
        by_language = {code: read_set(entry, code, base) for code in config.languages}
        _check_parallel(entry, by_language)
        for rows in by_language.values():
            kept = rows if config.limit is None else _balanced(rows, config.limit)
            for name in config.modifiers:
                modifier = modifiers()[name]
                prompts += [modifier.apply(row.prompt) for row in kept if modifier.applies_to(row.prompt)]
    repeated = [key for key, count in Counter((prompt.id, prompt.language) for prompt in prompts).items() if count > 1]
    if repeated:
        raise InvalidData(
            f"two prompts in '{repeated[0][1]}' have the id '{repeated[0][0]}'",
            hint="two sets have the same name or ids",
        )
    if not prompts:
        raise InvalidData(
            "no modifier applies to any prompt", hint="each asks for the language that the prompts are in; add 'none'"
        )
    return prompts


def _check_parallel(entry: str, by_language: dict[str, list[SetPrompt]]) -> None:
    """Refuses languages with different instructions: comparing languages would compare prompts."""
    (first, reference), *others = by_language.items()
    expected = {row.base_id: row.group for row in reference}
    for code, rows in others:
        found = {row.base_id: row.group for row in rows}
        for here, there, one, other in ((expected, found, first, code), (found, expected, code, first)):
            missing = [base_id for base_id in here if base_id not in there]
            if missing:
                raise InvalidData(
                    f"the prompt '{missing[0]}' is there in '{one}' and missing in '{other}' ({len(missing)} such)",
                    where=entry,
                    hint="every language of a set has the same prompts, by id or, without ids, by line",
                )
        for base_id, group in expected.items():
            if found[base_id] != group:
                raise InvalidData(
                    f"the prompt '{base_id}' is of the kind {found[base_id]} in '{code}' and {group} in '{first}'",
                    where=entry,
                )


def _balanced(rows: Sequence[SetPrompt], limit: int) -> list[SetPrompt]:
    """The first prompt of each group, then the second of each, until there are `limit`; in the order of the file."""
    seen: Counter[str] = Counter()
    turns = []
    for position, row in enumerate(rows):
        turns.append((seen[row.group], position))
        seen[row.group] += 1
    return [rows[position] for position in sorted(position for _, position in sorted(turns)[:limit])]


def prompts_identity(config: PromptsConfig, base: Path) -> dict[str, object]:
    """What decides the prompts of a config, for fingerprints.

    Returns:
        JSON-able: the names of the sets, the SHA-256 of each of their files by language (and of a `.types` file beside
        it), languages, modifiers with their wording in these languages, limit. Not the folders.

    Raises:
        InvalidData: a set or language is missing.
    """
    sets = []
    for entry in config.sets:
        digests = {}
        for code in config.languages:
            path = set_path(entry, code, base)
            beside = types_path(path)
            digests[code] = [file_digest(file) for file in (path, beside) if file is not None]
        sets.append({"set": set_name(entry), "sha256": digests})
    wording = {
        name: {code: modifiers()[name].wording.get(code) for code in config.languages} for name in config.modifiers
    }
    return {
        "reader_version": READER_VERSION,
        "sets": sets,
        "languages": list(config.languages),
        "modifiers": wording,
        "limit": config.limit,
    }


def prompt_counts(config: PromptsConfig, base: Path) -> dict[str, int]:
    """The number of prompts in each language of a config; reads the files and no more.

    Raises:
        InvalidData: as `load_prompts`.
    """
    counts = Counter(prompt.language for prompt in load_prompts(config, base))
    return {code: counts[code] for code in config.languages}


@dataclass(frozen=True, slots=True)
class PackagedPrompts:
    """A set that ships with crosstune."""

    name: str
    prompts: dict[str, int]
    """The number of prompts by language code."""


def packaged_prompt_sets() -> list[PackagedPrompts]:
    """All sets that ship with crosstune, in the order of their names."""
    return [
        PackagedPrompts(name, {code: len(read_set(name, code, Path())) for code in codes})
        for name, codes in packaged_languages().items()
    ]
