"""Translation by a translation model on this machine: NLLB, M2M-100, MADLAD-400, mBART-50, OPUS-MT.

Such models translate a sentence at a time. Lines and the spaces between sentences stay; code blocks are not sent.
How a model is told the languages is read from its vocabulary, not from its name:

    fra_Latn        NLLB: source language set, target as first token
    __fr__, fr_XX   M2M-100, mBART-50: the same
    <2fr>, >>fra<<  MADLAD-400, multilingual OPUS-MT: put before the text
    none of these   OPUS-MT of one pair, which is right when its name says so
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crosstune.errors import ModelUnavailable
from crosstune.languages import language
from crosstune.text.segments import sentences
from crosstune.translation.protect import code_blocks_apart
from crosstune.translation.translator import Failure, Translated

_SENTENCES_PER_BATCH = 32
_MOST_NEW_TOKENS = 400
_LIST_MARK = re.compile(r"\s*(?:[-*•]|\d{1,3}[.)]|#{1,6})?\s*")


@dataclass(frozen=True, slots=True)
class _Telling:
    """How the languages are told: a prefix of the text, or a first token."""

    prefix: str = ""
    source_code: str | None = None
    first_token: int | None = None


class Seq2SeqTranslator:
    """A local sequence-to-sequence model as a translator."""

    def __init__(self, name: str, folder: Path) -> None:
        """Loads the model.

        Args:
            name: what the result says it was translated by.
            folder: with `config.json`, safetensors and the tokenizer's files.

        Raises:
            ModelUnavailable: a file is missing or damaged, or it is no sequence-to-sequence model.
            OutOfMemory: it does not fit.
        """
        self._name = name
        self._folder = folder
        self._model, self._tokenizer = _load(folder)

    @property
    def name(self) -> str:
        """As given."""
        return self._name

    def translate(
        self, documents: Sequence[Sequence[str]], source: str, target: str
    ) -> Iterator[tuple[int, Translated | Failure]]:
        """See `Translator.translate`; documents come in order.

        Raises:
            ModelUnavailable: the model does not know one of the languages.
            OutOfMemory: a batch does not fit.
        """
        telling = self._telling(source, target)
        for position, texts in enumerate(documents):
            translated, cut_off = [], False
            for text in texts:
                pieces = list(_pieces(text, source))
                wanted = [piece for is_sentence, piece in pieces if is_sentence]
                done, was_cut = self._sentences(wanted, telling)
                results = iter(done)
                translated.append("".join(next(results) if is_sentence else piece for is_sentence, piece in pieces))
                cut_off = cut_off or was_cut
            yield position, Translated(tuple(translated), cut_off)

    def _telling(self, source: str, target: str) -> _Telling:
        vocabulary: dict[str, int] = self._tokenizer.get_vocab()

        def known(code: str) -> list[str]:
            entry = language(code)
            iso3 = entry.flores.split("_")[0]
            starts = [token for token in vocabulary if re.fullmatch(rf"{re.escape(code)}_[A-Z]{{2}}", token)]
            return [entry.flores, f"__{code}__", *starts, f"<2{code}>", f">>{iso3}<<", f">>{code}<<"]

        for wanted in known(target):
            if not wanted or wanted not in vocabulary:
                continue
            if wanted.startswith(("<2", ">>")):
                return _Telling(prefix=f"{wanted} ")
            sources = [token for token in known(source) if token in vocabulary]
            if not sources:
                raise self._unknown(source)
            # M2M-100 is told the bare code, the others their token.
            code = source if sources[0].startswith("__") else sources[0]
            return _Telling(source_code=code, first_token=vocabulary[wanted])
        if any(
            re.fullmatch(r"[a-z]{3}_[A-Z][a-z]{3}|__[a-z]{2,3}__|<2[a-z]{2,3}>|>>[a-z]{2,8}<<", t) for t in vocabulary
        ):
            raise self._unknown(target)
        return _Telling()

    def _unknown(self, code: str) -> ModelUnavailable:
        return ModelUnavailable(
            f"the model does not know {language(code).name} ('{code}')",
            where=self._name,
            hint="choose a translation model that covers the language",
        )

    def _sentences(self, texts: Sequence[str], telling: _Telling) -> tuple[list[str], bool]:
        import torch

        from crosstune.models.memory import memory_errors

        if telling.source_code is not None:
            self._tokenizer.src_lang = telling.source_code
        by_length = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        done: dict[int, str] = {}
        cut_off = False
        for start in range(0, len(by_length), _SENTENCES_PER_BATCH):
            chosen = by_length[start : start + _SENTENCES_PER_BATCH]
            batch = self._tokenizer(
                [telling.prefix + texts[index] for index in chosen], return_tensors="pt", padding=True, truncation=False
            ).to(self._model.device)
            batch.pop("token_type_ids", None)
            extra = {} if telling.first_token is None else {"forced_bos_token_id": telling.first_token}
            with torch.inference_mode(), memory_errors("translation", "use a smaller translation model"):
                output = self._model.generate(**batch, max_new_tokens=_MOST_NEW_TOKENS, do_sample=False, **extra)
            ended = self._tokenizer.eos_token_id
            cut_off = cut_off or any(ended not in row[1:].tolist() for row in output)  # batch, tokens
            for index, text in zip(chosen, self._tokenizer.batch_decode(output, skip_special_tokens=True), strict=True):
                done[index] = text.strip()
        return [done[index] for index in range(len(texts))], cut_off


def _pieces(text: str, source: str) -> Iterator[tuple[bool, str]]:
    """A text as sentences (True) and what stays as it is: code blocks, line breaks, list marks, spaces between."""
    for is_code, part in code_blocks_apart(text):
        if is_code:
            yield False, part
            continue
        for line in re.split(r"(\n+)", unicodedata.normalize("NFC", part)):
            mark = _LIST_MARK.match(line)
            head = mark[0] if mark is not None else ""
            yield False, head
            yield from _line_pieces(line[len(head) :], source)


def _line_pieces(line: str, source: str) -> list[tuple[bool, str]]:
    if not any(letter.isalpha() for letter in line):
        return [(False, line)]
    pieces, rest = [], line
    for sentence in sentences(line, source):
        before, found, after = rest.partition(sentence.strip())
        if not found:  # segmenting drops marks of direction and the like: such a line is translated in one go
            return [(True, line)]
        pieces += [(False, before), (True, found)]
        rest = after
    return [*pieces, (False, rest)]


def _load(folder: Path) -> tuple[Any, Any]:
    from safetensors import SafetensorError
    from transformers import AutoModelForSeq2SeqLM

    from crosstune.models.loading import load_tokenizer, pick_device, pick_dtype, quiet_transformers
    from crosstune.models.memory import memory_errors

    device = pick_device()
    try:
        with quiet_transformers(), memory_errors(f"loading {folder}", "use a smaller translation model"):
            model = AutoModelForSeq2SeqLM.from_pretrained(
                str(folder),
                dtype=pick_dtype(device),
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
            ).to(device)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelUnavailable(
            f"this is no translation model that can be loaded ({first})",
            where=str(folder),
            hint="name a sequence-to-sequence model with safetensors (NLLB, M2M-100, MADLAD-400, OPUS-MT), or use "
            "--endpoint for chat models",
        ) from error
    return model.eval(), load_tokenizer(folder)
