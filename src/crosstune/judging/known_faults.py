"""Answers with known faults, to see whether a judge notices what it is asked about, before it marks thousands of them.

`known_faults.jsonl` has a row an answer: ten in each of its languages, two of them sound and eight with one fault each.
Every row says which marks a good judge may give for each criterion of `english-1`. Where judges may differ for good
reasons (is a French answer fluent when an English one was asked for?) the interval is wide, and the mark tells nothing.

    wrong_language    a good answer, but in another language
    mixed_language    one sentence of it is
    false_fact        its main statement is wrong
    broken_grammar    mistakes in every sentence; it can be understood
    word_salad        it cannot: words without order. A language has either this or broken grammar
    off_topic         true statements about something else
    rude              right, with insults
    contradiction     it advises for and against the same thing
    incomplete        the start of what was asked for

A judge that notices a fault gives the answer a lower mark, in the criterion that the fault concerns, than it gives to
answers without it. `separation` is how often it does: the statistic of Mann and Whitney (Annals of Mathematical
Statistics 18 (1947), 50-60) over the number of pairs, which is also the area under the ROC curve. It asks only for the
order of marks; `within` asks for the marks themselves. With one answer a language and fault, a language's row shows
that something is amiss, not how much; the row of all languages is the one to compare judges by.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crosstune.errors import InvalidData, did_you_mean
from crosstune.judging.rubric import FLUENCY, HIGHEST_MARK, Rubric, load_rubric
from crosstune.languages import languages as language_table
from crosstune.text.json_lines import read_json_lines

NO_FAULT = "none"
ALL_LANGUAGES = "all"
"""What `FacetQuality.language` says of all languages together."""
PACKAGED = Path(__file__).with_name("known_faults.jsonl")

_TARGET_FACETS = {
    NO_FAULT: None,
    "wrong_language": "language",
    "mixed_language": "language",
    "false_fact": "accuracy",
    "broken_grammar": "fluency",
    "word_salad": "fluency",
    "off_topic": "helpfulness",
    "rude": "harmlessness",
    "contradiction": "coherence",
    "incomplete": "helpfulness",
}
_TEXTS = ("id", "prompt", "answer", "note")
_COLUMNS = {"id", "language", "requested_language", "prompt", "answer", "accepted", "fault", "expected", "note"}
_FAULTLESS = (HIGHEST_MARK, HIGHEST_MARK)


@dataclass(frozen=True, slots=True)
class KnownFault:
    """An answer, what is wrong with it, and the marks that it may have."""

    id: str
    language: str
    """Code of the prompt's language."""
    requested_language: str
    """Code of the language that the answer must be in."""
    prompt: str
    answer: str
    accepted: tuple[str, ...]
    """For a question of facts: what counts as right (see `text.answers`); may be empty."""
    fault: str
    """`none`, or one of those above."""
    expected: Mapping[str, tuple[int, int]]
    """For each criterion the lowest and the highest mark that a good judge may give."""
    note: str
    """What the fault is, in English, for those who do not read the language."""


@dataclass(frozen=True, slots=True)
class FacetQuality:
    """How well a judge marks one criterion in one language."""

    language: str
    """Code of the requested language, or `all`."""
    facet: str
    n_sound: int
    """Answers that should have the highest mark here and whose fault, if any, is another criterion's."""
    n_faulty: int
    """Answers whose fault is this criterion's."""
    mean_sound: float | None
    """Mean mark of the sound ones, without those that have none; None when none has one."""
    mean_faulty: float | None
    separation: float | None
    """Probability that a faulty answer has a lower mark than a sound one, ties counted half: 1 is best, .5 guessing.
    None when no faulty answer or no sound one has a mark."""
    within: float | None
    """Share of the marks, of all answers in the language, that a good judge could give; None without any mark."""
    n_unmarked: int
    """Of all answers in the language, those that have no mark."""


def target_facet(fault: str) -> str | None:
    """The criterion that a fault concerns; None for `none`.

    Raises:
        InvalidData: there is no such fault.
    """
    if fault not in _TARGET_FACETS:
        raise InvalidData(f"there is no fault '{fault}'", hint=did_you_mean(fault, _TARGET_FACETS))
    return _TARGET_FACETS[fault]


def known_fault_languages() -> tuple[str, ...]:
    """The languages of the packaged answers, in their order."""
    return _languages_of(read_known_faults(PACKAGED))


def load_known_faults(languages: Sequence[str] | None = None) -> tuple[KnownFault, ...]:
    """The packaged answers.

    Args:
        languages: codes of requested languages. Default: all that there are.

    Returns:
        In the order of the file, whatever the order of `languages`.

    Raises:
        InvalidData: there are none in one of the languages.
    """
    faults = read_known_faults(PACKAGED)
    if languages is None:
        return faults
    there_are = _languages_of(faults)
    for code in languages:
        if code not in there_are:
            raise InvalidData(
                f"there are no answers with known faults in '{code}'", hint=f"there are some in {', '.join(there_are)}"
            )
    return tuple(fault for fault in faults if fault.requested_language in languages)


def read_known_faults(path: Path) -> tuple[KnownFault, ...]:
    """Answers with known faults from a file, such as one in languages of one's own.

    Args:
        path: JSON Lines with the keys of `KnownFault`.

    Raises:
        InvalidData: a row cannot be used; says where and why.
    """
    rubric = load_rubric()
    faults: dict[str, KnownFault] = {}
    for number, row in read_json_lines(path):
        where = f"{path}, line {number}"
        fault = _known_fault(row, where, rubric)
        if fault.id in faults:
            raise InvalidData(f"the id '{fault.id}' stands twice", where=where)
        faults[fault.id] = fault
    return tuple(faults.values())


def judge_quality(marks: Mapping[str, Mapping[str, float | None]], faults: Iterable[KnownFault]) -> list[FacetQuality]:
    """Whether a judge tells faulty answers from sound ones.

    Args:
        marks: by id of an answer and criterion; None, or no entry, where the judge gave no mark. Those of other
            answers than `faults` are not looked at.
        faults: what the judge was shown.

    Returns:
        A row a language and criterion, in the order of `faults` and the rubric, then those of all languages, in which
        answers of different languages are compared as well: a judge that is stricter in one has a lower separation.
    """
    shown = tuple(faults)
    groups = {code: [fault for fault in shown if fault.requested_language == code] for code in _languages_of(shown)}
    if groups:
        groups[ALL_LANGUAGES] = list(shown)
    facets = dict.fromkeys(facet for fault in shown for facet in fault.expected)
    return [_facet_quality(marks, group, code, facet) for code, group in groups.items() for facet in facets]


def _facet_quality(
    marks: Mapping[str, Mapping[str, float | None]], group: Sequence[KnownFault], language: str, facet: str
) -> FacetQuality:
    sound: list[float] = []
    faulty: list[float] = []
    n_sound = n_faulty = n_marked = n_within = 0
    for fault in group:
        mark = marks.get(fault.id, {}).get(facet)
        lowest, highest = fault.expected[facet]
        if mark is not None:
            n_marked += 1
            n_within += lowest <= mark <= highest
        if target_facet(fault.fault) == facet:
            n_faulty += 1
            faulty += [] if mark is None else [mark]
        elif (lowest, highest) == _FAULTLESS:
            n_sound += 1
            sound += [] if mark is None else [mark]
    return FacetQuality(
        language=language,
        facet=facet,
        n_sound=n_sound,
        n_faulty=n_faulty,
        mean_sound=_mean(sound),
        mean_faulty=_mean(faulty),
        separation=_mean([(low < high) + (low == high) / 2 for low in faulty for high in sound]),
        within=n_within / n_marked if n_marked else None,
        n_unmarked=len(group) - n_marked,
    )


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _languages_of(faults: Iterable[KnownFault]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(fault.requested_language for fault in faults))


def _known_fault(row: Any, where: str, rubric: Rubric) -> KnownFault:
    if not isinstance(row, dict) or row.keys() != _COLUMNS:
        raise InvalidData(
            "not an answer with a known fault", where=where, hint=f"it has the keys {', '.join(sorted(_COLUMNS))}"
        )
    for key in _TEXTS:
        if not isinstance(row[key], str) or not row[key].strip():
            raise InvalidData(f"'{key}' must be a text that is not empty", where=where)
    for key in ("language", "requested_language"):
        if not isinstance(row[key], str) or row[key] not in language_table():
            raise InvalidData(f"'{key}' must be the code of a language that crosstune knows", where=where)
    accepted = row["accepted"]
    if not isinstance(accepted, list) or not all(isinstance(alias, str) and alias.strip() for alias in accepted):
        raise InvalidData("'accepted' must be a list of texts that are not empty", where=where)
    if not isinstance(row["fault"], str) or row["fault"] not in _TARGET_FACETS:
        raise InvalidData("'fault' is none of the faults", where=where, hint=f"they are {', '.join(_TARGET_FACETS)}")
    expected = _expected(row["expected"], where, rubric)
    target = target_facet(row["fault"])
    if target is not None and expected[target] == _FAULTLESS:
        raise InvalidData(f"an answer with the fault {row['fault']} must not expect 2 for {target}", where=where)
    if target is None and any(interval != _FAULTLESS for interval in expected.values()):
        raise InvalidData("an answer without a fault must expect 2 for every criterion", where=where)
    return KnownFault(**{**row, "accepted": tuple(accepted), "expected": expected})


def _expected(value: Any, where: str, rubric: Rubric) -> dict[str, tuple[int, int]]:
    if not isinstance(value, dict) or value.keys() != set(rubric.facets):
        raise InvalidData(
            "'expected' must have every criterion once", where=where, hint=f"they are {', '.join(rubric.facets)}"
        )
    expected = {}
    for facet in rubric.facets:
        interval = value[facet]
        # bool is an int to Python, and no mark.
        if not isinstance(interval, list) or len(interval) != 2 or any(type(end) is not int for end in interval):
            raise InvalidData(f"'{facet}' must have a lowest and a highest mark", where=where, hint="such as [0, 1]")
        lowest, highest = interval
        if not 0 <= lowest <= highest <= HIGHEST_MARK:
            raise InvalidData(f"'{facet}' must rise, from 0 to {HIGHEST_MARK} at most", where=where)
        expected[facet] = (lowest, highest)
    least, most = expected[FLUENCY]
    for criterion in rubric.criteria:
        lowest, highest = expected[criterion.facet]
        if criterion.zero_without_fluency and ((least == 0 < lowest) or (most == 0 < highest)):
            raise InvalidData(
                f"'{criterion.facet}' must allow for fluency of 0", where=where, hint="which makes it 0 as well"
            )
    return expected
