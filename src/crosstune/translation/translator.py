"""What a translation backend offers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one document has no translation this time; it is tried again with the next run."""

    why: str


@dataclass(frozen=True, slots=True)
class Translated:
    """The translation of one document.

    Attributes:
        texts: one for each text of the document, in order.
        cut_off: whether the model stopped at its limit of tokens in one of them.
    """

    texts: tuple[str, ...]
    cut_off: bool = False


class Translator(Protocol):
    """A backend: a chat endpoint or a model."""

    @property
    def name(self) -> str:
        """What the result says it was translated by."""
        ...

    def translate(
        self, documents: Sequence[Sequence[str]], source: str, target: str
    ) -> Iterator[tuple[int, Translated | Failure]]:
        """Translates documents, and gives each as soon as it is ready, in any order.

        Args:
            documents: the texts of each, which belong together: the turns of a conversation, or a question and its
                short answers.
            source: code of the language they are in.
            target: code of the language wanted.

        Yields:
            The position of a document, and its translation or why there is none.

        Raises:
            ModelUnavailable: nothing can be translated: no such model, a dead endpoint, a wrong key.
        """
        ...
