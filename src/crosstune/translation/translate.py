"""Translates a set row by row: goes on where it stopped, and sets doubtful rows apart.

<name>.jsonl           the translation, in the order of the source, when all of it is there
<name>.flagged.jsonl   rows that want a look: what is wrong, the source's texts and the translated row
<name>.memory.jsonl    what is translated so far: none of it is translated again, also for another part of the set
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from crosstune.errors import InvalidData
from crosstune.progress import OnProgress, Progress, ignore_progress
from crosstune.storage.atomic import write_atomic
from crosstune.storage.digests import cache_folder
from crosstune.storage.locks import lock
from crosstune.storage.tables import RecordLog
from crosstune.translation.documents import Document
from crosstune.translation.flags import Flag, inspect
from crosstune.translation.translator import Failure, Translator


@dataclass(frozen=True, slots=True)
class TranslatedRow:
    """One document's translation as it is kept while the work goes on."""

    SCHEMA_VERSION: ClassVar[int] = 1

    id: str
    digest: str
    """Of the source's texts."""
    by: str
    """The translator's name."""
    target: str
    texts: tuple[str, ...]
    flags: tuple[str, ...]
    details: tuple[str, ...]
    similarity: float | None


@dataclass(frozen=True, slots=True)
class TranslationSummary:
    """How a translation went.

    Attributes:
        rows: of the source.
        written: rows in the translated file; 0 while some have failed.
        flagged: rows set apart.
        flags: how often each flag was raised.
        failures: documents without a translation, with the reason.
        flagged_path: where flagged rows are; None when there are none.
    """

    rows: int
    written: int
    flagged: int
    flags: dict[Flag, int]
    failures: dict[str, str]
    flagged_path: Path | None


def translate(
    documents: Sequence[Document],
    translator: Translator,
    *,
    source: str,
    target: str,
    out: Path,
    keep_flagged: bool = False,
    on_progress: OnProgress = ignore_progress,
) -> TranslationSummary:
    """Translates what is not translated yet, and writes the result when all of it is there.

    Args:
        documents: the set.
        translator: a backend.
        source: code of the language of the set.
        target: code of the language wanted.
        out: the file to write, `.jsonl`.
        keep_flagged: flagged rows stand in `out` too, so that no id is missing there.
        on_progress: told after each document.

    Raises:
        InvalidData: `out` is there already, or the memory is damaged.
        ModelUnavailable: nothing can be translated.
        StorageFailure: a file cannot be written.
    """
    with lock(_lock_path(out), f"translation into {out.name}", wait=False):
        memory = _beside(out, ".memory.jsonl")
        if out.exists():
            raise InvalidData(
                "this file is there already",
                where=str(out),
                hint=f"remove it to write it anew (rows in {memory.name} are not translated again), or name "
                "another with --out",
            )
        log = RecordLog(memory, TranslatedRow)
        try:
            rows, failures = _complete(documents, translator, source, target, log=log, on_progress=on_progress)
        finally:
            if log.path.stat().st_size == 0:
                log.path.unlink()  # nothing is kept: no file says so
        flagged_path = _write_flagged(documents, rows, target, out)
        written = 0
        if not failures:
            kept = [document for document in documents if keep_flagged or not rows[document.id].flags]
            written = len(kept)
            if kept:
                write_atomic(out, _lines([document.translated(rows[document.id].texts, target) for document in kept]))
    asked = [rows[document.id] for document in documents if document.id in rows]
    flags = Counter(Flag(flag) for row in asked for flag in row.flags)
    flagged = sum(bool(row.flags) for row in asked)
    return TranslationSummary(len(documents), written, flagged, dict(flags), failures, flagged_path)


def _lock_path(out: Path) -> Path:
    """Away from the user's files, and never removed: a lock whose file is removed can be held twice."""
    return cache_folder() / "locks" / f"{hashlib.sha256(str(out.absolute()).encode()).hexdigest()[:32]}.lock"


def _beside(out: Path, suffix: str) -> Path:
    return out.with_name(out.name.removesuffix(".jsonl") + suffix)


def _complete(
    documents: Sequence[Document],
    translator: Translator,
    source: str,
    target: str,
    *,
    log: RecordLog[TranslatedRow],
    on_progress: OnProgress,
) -> tuple[dict[str, TranslatedRow], dict[str, str]]:
    """Translates what the log lacks: all rows by id, and for those that failed the reason."""
    key = {document.id: (document.digest, translator.name, target) for document in documents}
    rows = {row.id: row for row in log.read() if key.get(row.id) == (row.digest, row.by, row.target)}
    left = [document for document in documents if document.id not in rows]
    failures: dict[str, str] = {}

    def tell() -> None:
        flagged = sum(bool(row.flags) for row in rows.values())
        note = ", ".join(
            f"{count} {word}" for count, word in ((flagged, "flagged"), (len(failures), "failed")) if count
        )
        on_progress(Progress(len(rows) + len(failures), len(documents), "rows", note=note))

    tell()
    for position, result in translator.translate([document.texts for document in left], source, target):
        document = left[position]
        if isinstance(result, Failure):
            failures[document.id] = result.why
        else:
            verdict = inspect(document.texts, result.texts, source, target, cut_off=result.cut_off)
            row = TranslatedRow(
                id=document.id,
                digest=document.digest,
                by=translator.name,
                target=target,
                texts=result.texts,
                flags=tuple(flag.value for flag in verdict.flags),
                details=verdict.details,
                similarity=verdict.similarity,
            )
            log.append([row])
            rows[document.id] = row
        tell()
    return rows, failures


def _write_flagged(
    documents: Sequence[Document], rows: Mapping[str, TranslatedRow], target: str, out: Path
) -> Path | None:
    flagged = [document for document in documents if document.id in rows and rows[document.id].flags]
    path = _beside(out, ".flagged.jsonl")
    if not flagged:
        path.unlink(missing_ok=True)  # of an earlier try
        return None
    write_atomic(path, _lines([_flagged(document, rows[document.id], target) for document in flagged]))
    return path


def _flagged(document: Document, row: TranslatedRow, target: str) -> dict[str, object]:
    return {
        "id": document.id,
        "flags": dict(zip(row.flags, row.details, strict=True)),
        "similarity": None if row.similarity is None else round(row.similarity, 3),
        "source": list(document.texts),
        "row": document.translated(row.texts, target),
    }


def _lines(rows: Sequence[dict[str, object]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
