"""What is translated of a set: the turns of a conversation, or a prompt with its accepted answers."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from crosstune.errors import InvalidData
from crosstune.instructions.config import InstructionsConfig
from crosstune.instructions.load import load_conversations
from crosstune.prompts.config import PromptsConfig, PromptSource
from crosstune.prompts.load import load_prompts
from crosstune.prompts.packaged import packaged_sets
from crosstune.storage.paths import written_path
from crosstune.text.rows import read_file


@dataclass(frozen=True, slots=True)
class Document:
    """Texts that belong together, and what else their row has.

    Attributes:
        id: of the row; it stays.
        texts: to translate, in order.
        roles: of the texts that are chat messages; the texts behind them are accepted short answers.
        kind: decides the columns of a translated row.
        row: the columns of a prompt that stay as they are.
    """

    id: str
    texts: tuple[str, ...]
    roles: tuple[str, ...]
    kind: Literal["conversation", "prompt", "packaged_prompt"]
    row: dict[str, Any]

    @property
    def digest(self) -> str:
        """Of the texts, so that a translation is known to be of these and not of an earlier wording."""
        return hashlib.sha256(json.dumps(self.texts).encode()).hexdigest()[:16]

    def translated(self, texts: Sequence[str], language: str) -> dict[str, Any]:
        """The row in another language.

        Args:
            texts: as many as the document has.
            language: code of theirs.
        """
        turns = [{"role": role, "content": text} for role, text in zip(self.roles, texts, strict=False)]
        answers = list(dict.fromkeys(text for text in texts[len(self.roles) :] if text.strip()))
        accepted = {"answers": answers} if answers else {}
        match self.kind:
            case "conversation":
                return {"id": self.id, "messages": turns, "language": language}
            case "packaged_prompt":  # as in a language file: what all languages share stands with the set
                return {"id": self.id, "text": turns[0]["content"], **accepted}
            case "prompt":
                alone = len(turns) == 1 and turns[0]["role"] == "user"
                asked = {"text": turns[0]["content"]} if alone else {"messages": turns}
                return {"id": self.id, **self.row, **asked, "language": language, **accepted}


def conversation_documents(config: InstructionsConfig, base: Path, language: str) -> list[Document]:
    """The conversations of a set that are in a language.

    Raises:
        InvalidData: the set cannot be read, or has none in this language.
    """
    conversations = load_conversations(config, base)
    documents = [
        Document(
            id=conversation.id,
            texts=tuple(message.content for message in conversation.messages),
            roles=tuple(message.role for message in conversation.messages),
            kind="conversation",
            row={},
        )
        for conversation in conversations
        if conversation.language == language
    ]
    if not documents:
        found = sorted({conversation.language for conversation in conversations})
        raise InvalidData(
            f"no conversation is in '{language}'", where=config.source, hint=f"say --from, one of: {', '.join(found)}"
        )
    return documents


def is_prompt_set(source: str, base: Path) -> bool:
    """Whether a source holds prompts and not conversations: by its name, or by the first row of its file.

    Raises:
        InvalidData: the file cannot be read.
    """
    entry = PromptSource(source=source)
    if entry.is_by_language or entry.is_packaged:
        return entry.is_by_language or source in packaged_sets()
    if entry.is_hub:
        return False
    first = read_file(written_path(source, base))[0].value
    return isinstance(first, list) or (isinstance(first, Mapping) and "text" in first)


def prompt_documents(source: str, base: Path, language: str) -> list[Document]:
    """The prompts of a set in a language, without modifiers.

    A file that names no language, neither in its path nor in a column, is taken to be in this one.

    Raises:
        InvalidData: the set cannot be read, lacks the language, or its prompts carry modifiers already.
    """
    documents = []
    entry = PromptSource(source=source)
    if not (entry.is_by_language or entry.is_packaged or entry.is_hub):
        first = read_file(written_path(source, base))[0].value
        if isinstance(first, list) or "language" not in first:
            entry = PromptSource(source=source, language=language)
    for prompt in load_prompts(PromptsConfig(sets=[entry], languages=[language]), base):
        if prompt.modifiers:
            raise InvalidData(
                f"the prompt '{prompt.id}' carries the modifier '{prompt.modifiers[0]}' in its text",
                where=source,
                hint="translate the prompts without modifiers, and add modifiers in the study file",
            )
        answers = tuple(dict.fromkeys(answer.replace("*", "") for answer in prompt.answers))
        documents.append(
            Document(
                id=prompt.id,
                texts=(*(message.content for message in prompt.messages), *answers),
                roles=tuple(message.role for message in prompt.messages),
                kind="packaged_prompt" if entry.is_packaged else "prompt",
                row={"task": prompt.task, "tags": list(prompt.tags)},
            )
        )
    return documents
