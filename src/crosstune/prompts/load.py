"""From a config to prompts: sets × languages × modifiers, the same instructions in every language."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from crosstune.errors import InvalidData
from crosstune.prompts.config import PromptsConfig
from crosstune.prompts.language_file import LANGUAGES_FOLDER, LanguageFile, language_file, language_of_path
from crosstune.prompts.modifiers import NONE, Modifier, modifiers
from crosstune.prompts.packaged import packaged_languages, packaged_sets
from crosstune.prompts.rows import SetPrompt
from crosstune.prompts.sets import read_set
from crosstune.records import Prompt
from crosstune.storage.paths import written_path

_IDS_NAMED = 5


def load_prompts(config: PromptsConfig, base: Path) -> list[Prompt]:
    """The prompts of a config, in the order of sets, languages, modifiers and files.

    A modifier that does not apply to a prompt leaves that prompt out: `in_fr` for a French one, capitals in a script
    without them, a number of items for an email (`prompt_notes` says which).

    Args:
        config: which prompts.
        base: folder that relative paths are relative to.

    Returns:
        Prompts with unique `(id, language)`.

    Raises:
        InvalidData: a set or language is missing, a file cannot be used (with file and line), the languages of a set do
            not have the same instructions, or a modifier has no wording in a language.
    """
    prompts = [
        _asked(modifier, row.prompt, file)
        for row, modifier, file in _pairs(config, base)
        if modifier.applies_to(row.prompt)
    ]
    repeated = [key for key, count in Counter((prompt.id, prompt.language) for prompt in prompts).items() if count > 1]
    if repeated:
        raise InvalidData(
            f"two prompts in '{repeated[0][1]}' have the id '{repeated[0][0]}'",
            hint="two sets have the same name or ids",
        )
    if not prompts:
        raise InvalidData(
            f"no modifier applies to any prompt: {_why_not_any(config, base)}",
            hint="add 'none', or others (see: crosstune prompts list)",
        )
    return prompts


def _why_not_any(config: PromptsConfig, base: Path) -> str:
    reasons: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row, modifier, _ in _pairs(config, base):
        code = row.prompt.language
        if (reason := modifier.why_not(row.prompt)) and code not in (codes := reasons[modifier.name, reason]):
            codes.append(code)
    named = [f"'{name}' in {', '.join(codes)} ({reason})" for (name, reason), codes in reasons.items()]
    return "; ".join(named[:_IDS_NAMED]) + ("; ..." if len(named) > _IDS_NAMED else "")


def _pairs(config: PromptsConfig, base: Path) -> Iterator[tuple[SetPrompt, Modifier, LanguageFile | None]]:
    """Each prompt with each modifier, whether it applies or not, and the file that has the modifier's wording."""
    extra = language_file_paths(config, base)
    files = {code: _wordings(code, extra) for code in config.languages}
    for source in config.sources:
        by_language = read_set(source, config.languages, base, extra)
        _check_parallel(source.set_name, by_language)
        for code, rows in by_language.items():
            kept = rows if config.limit is None else _balanced(rows, config.limit)
            for name in config.modifiers:
                for row in kept:
                    yield row, modifiers()[name], files[code]


def language_file_paths(config: PromptsConfig, base: Path) -> tuple[Path, ...]:
    """The language files of one's own that a config names.

    Raises:
        InvalidData: one is not there.
    """
    paths = tuple(written_path(name, base) for name in config.language_files)
    for path in paths:
        if not path.is_file():
            raise InvalidData("no such file", where=str(path), hint="it is named under 'language_files'")
    return paths


def _wordings(code: str, extra: Sequence[Path]) -> LanguageFile | None:
    """A language's file; None where there is none, which only matters for modifiers that need a wording."""
    if any(language_of_path(path) == code for path in extra) or (LANGUAGES_FOLDER / f"{code}.jsonl").is_file():
        return language_file(code, extra)
    return None


def _asked(modifier: Modifier, prompt: Prompt, file: LanguageFile | None) -> Prompt:
    if modifier.name == NONE:
        return prompt
    row = file.modifiers.get(modifier.family) if file is not None else None
    try:
        return modifier.apply(prompt, row)
    except InvalidData as error:
        where = file.where(modifier.family) if file is not None else error.where
        raise InvalidData(error.message, where=where, hint=error.hint) from error


def _check_parallel(name: str, by_language: Mapping[str, Sequence[SetPrompt]]) -> None:
    """Refuses languages with different instructions: comparing languages would compare prompts."""
    (first, reference), *others = by_language.items()
    expected = {row.base_id: row for row in reference}
    for code, rows in others:
        found = {row.base_id: row for row in rows}
        for there, lacking, one, other in ((expected, found, first, code), (found, expected, code, first)):
            missing = [row for base_id, row in there.items() if base_id not in lacking]
            if missing:
                ids = ", ".join(f"'{row.base_id}'" for row in missing[:_IDS_NAMED])
                more = f" and {len(missing) - _IDS_NAMED} more" if len(missing) > _IDS_NAMED else ""
                raise InvalidData(
                    f"{ids}{more} of the set '{name}' {'is' if len(missing) == 1 else 'are'} there in '{one}' "
                    f"and missing in '{other}'",
                    where=_file_of(next(iter(lacking.values())).where),
                    hint=f"every language of a set has the same prompts, by id or, without ids, by line; "
                    f"in '{one}': {missing[0].where}",
                )
        for base_id, row in expected.items():
            if found[base_id].group != row.group:
                raise InvalidData(
                    f"the prompt '{base_id}' is of the kind {found[base_id].group} in '{code}' and {row.group} in "
                    f"'{first}'",
                    where=found[base_id].where,
                )


def _file_of(where: str) -> str:
    return where.rpartition(", ")[0] or where


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

    It is of the prompts themselves, not of the files they stand in: a change to one set in a language's file is none to
    the others. Nor is it of the settings but for what they do: a limit that leaves nothing out is none.

    Returns:
        JSON-able: the names of the sets with the SHA-256 of their prompts by language. Not the folders.

    Raises:
        InvalidData: as `load_prompts`.
    """
    digests: dict[str, dict[str, Any]] = {}
    for prompt in load_prompts(config, base):
        by_language = digests.setdefault(prompt.set, {})
        digest = by_language.setdefault(prompt.language, hashlib.sha256())
        digest.update(json.dumps(asdict(prompt), ensure_ascii=False, sort_keys=True).encode() + b"\n")
    return {
        "sets": [
            {"set": name, "sha256": {code: digest.hexdigest() for code, digest in by_language.items()}}
            for name, by_language in digests.items()
        ]
    }


def prompt_counts(config: PromptsConfig, base: Path) -> dict[str, int]:
    """The number of prompts in each language of a config; reads the files and no more.

    Raises:
        InvalidData: as `load_prompts`.
    """
    counts = Counter(prompt.language for prompt in load_prompts(config, base))
    return {code: counts[code] for code in config.languages}


def prompt_notes(config: PromptsConfig, base: Path) -> list[str]:
    """What a plan should say of prompts that are left out because a modifier does not apply to them.

    Prompts that are in the language a modifier asks for are not mentioned: there is nothing to ask.

    Raises:
        InvalidData: as `load_prompts`.
    """
    by_language: dict[tuple[str, str], list[str]] = defaultdict(list)
    by_task: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row, modifier, _ in _pairs(config, base):
        prompt = row.prompt
        if modifier.applies_to(prompt) or modifier.requested_language == prompt.language:
            continue
        reason = modifier.why_not_language(prompt.requested_language)
        if modifier.requested_language is None and reason is not None:
            if prompt.language not in (codes := by_language[modifier.name, reason]):
                codes.append(prompt.language)
        elif modifier.why_not_task(prompt.task) is not None and modifier.name not in prompt.modifiers:
            by_task[modifier.name, prompt.set][prompt.task] += 1
    together: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (name, reason), codes in by_language.items():
        together[", ".join(codes), reason].append(name)
    notes = [f"{_named(names)} left out in {codes}: {reason}" for (codes, reason), names in together.items()]
    unfit: dict[tuple[str, frozenset[tuple[str, int]]], list[str]] = defaultdict(list)
    for (name, set_name), tasks in by_task.items():
        unfit[set_name, frozenset(tasks.items())].append(name)
    for (set_name, counts), names in unfit.items():
        unfit_tasks = sorted(task for task, _ in counts)
        named = ", ".join(unfit_tasks[:_IDS_NAMED]) + (", ..." if len(unfit_tasks) > _IDS_NAMED else "")
        total = sum(count for _, count in counts)
        notes.append(f"{_named(names)} left out for {total} prompts of '{set_name}' whose tasks do not fit ({named})")
    return notes


def _named(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"the modifier '{names[0]}' is"
    return "the modifiers " + ", ".join(f"'{name}'" for name in names) + " are"


@dataclass(frozen=True, slots=True)
class PackagedPrompts:
    """A set that ships with crosstune."""

    name: str
    prompts: dict[str, int]
    """The number of prompts by language code, in the languages in which it is whole."""
    tasks: dict[str, int]
    """The number of prompts of each kind of task, the same in every language."""


def packaged_prompt_sets(extra: Sequence[Path] = ()) -> list[PackagedPrompts]:
    """All sets that ship with crosstune, in the order of their names.

    Args:
        extra: language files of one's own.
    """
    return [
        PackagedPrompts(
            name,
            {code: len(rows) for code in packaged_languages(name, extra)},
            dict(Counter(row.task for row in rows)),
        )
        for name, rows in packaged_sets().items()
    ]
