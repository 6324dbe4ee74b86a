"""Reading prompts from files of any size, one after the other: tables that crosstune wrote, and rows that others did.

prompts.parquet   rows of `records.Prompt`, as a study leaves them in `prompts/` and `results/`; JSON Lines of these too
any.jsonl         rows as in `prompts.rows`: `text` or `messages`, and perhaps `id` and `language`; columns that are
                  made for something else are passed over. A row may also be just a list of chat messages
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from crosstune.errors import InvalidData
from crosstune.prompts.rows import SetStyle, row_object, set_prompt
from crosstune.records import Prompt
from crosstune.storage.tables import from_rows
from crosstune.text.json_lines import refuse_at_once
from crosstune.text.row_stream import RowStream
from crosstune.text.rows import SourceRow, row_language

_SEPARATED = (".csv", ".tsv")


def stream_prompts(paths: Sequence[Path], *, language: str | None = None) -> Iterator[Prompt]:
    """The prompts of files, file after file, in the order of their rows; no file is held in memory.

    Args:
        paths: with one of `text.rows.FILE_SUFFIXES`.
        language: code of the language of rows that name none.

    Raises:
        InvalidData: with file and row: one cannot be used, or has no language and `language` is None.
    """
    for path in paths:
        style = SetStyle(path.stem, lists_are_text=path.suffix.lower() in _SEPARATED, extra_columns=True)
        for position, row in enumerate(RowStream(path, refuse_at_once), start=1):
            yield _own(row) if _is_own(row) else _other(row, position, style, language)


def _is_own(row: SourceRow) -> bool:
    return isinstance(row.value, Mapping) and {"schema_version", "requested_language"} <= set(row.value)


def _own(row: SourceRow) -> Prompt:
    try:
        (prompt,) = from_rows(Prompt, [dict(row.value)], row.where)
    except InvalidData as error:
        error.where = row.where
        raise
    return prompt


def _other(row: SourceRow, position: int, style: SetStyle, language: str | None) -> Prompt:
    found = row_language(row) or language
    if found is None:
        raise InvalidData(
            "a row without a language",
            where=row.where,
            hint="give each row a column 'language', or say it for all: --language en",
        )
    kept = row_object(row.value, style, row.where)
    return set_prompt(
        kept, number=str(position), language=found, style=style, where=row.where, kinds=(), kind_where=""
    ).prompt
