"""Very many prompts, cut up into blocks, each answered by itself on whatever machine, and their answers joined.

<folder>/about.json              what is asked of what, and how many prompts and blocks; written when all are cut up
<folder>/prompts/000000.parquet  the prompts of a block, in the order in which they came
<folder>/answers/000000.jsonl    the answers of a block under way
<folder>/answers/000000.parquet  all of them, in the order of the prompts; then the .jsonl is gone
<folder>/answers/000000.lock     held by whoever answers it

The folder is all the state there is: what is finished is found again by whoever comes next. Knows nothing of models.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from crosstune.errors import InvalidData, StorageFailure
from crosstune.progress import OnProgress, Progress, ignore_progress
from crosstune.records import Prompt, Response
from crosstune.storage.atomic import atomic_path, make_folder, write_atomic
from crosstune.storage.locks import lock
from crosstune.storage.tables import RecordLog, read_table, to_row, write_table

_ABOUT = "about.json"
_PROMPTS_BETWEEN_NOTES = 10_000

AnswerPrompts = Callable[[list[Prompt], RecordLog[Response]], None]
"""Appends an answer to each prompt to the log, but for those that are in it."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a finished block holds."""

    answers: int
    completion_tokens: int
    seconds: float
    """Those of the answers together."""

    def __add__(self, other: "Answered") -> "Answered":
        return Answered(
            self.answers + other.answers,
            self.completion_tokens + other.completion_tokens,
            self.seconds + other.seconds,
        )


@dataclass(frozen=True, slots=True)
class PromptBlocks:
    """Prompts that are cut up.

    Attributes:
        folder: where they lie.
        count: of blocks.
        prompts: in all.
    """

    folder: Path
    count: int
    prompts: int

    def prompts_of(self, number: int) -> list[Prompt]:
        """The prompts of a block.

        Raises:
            StorageFailure: its file is missing or damaged.
        """
        return read_table(self._prompts_path(number), Prompt)

    def unfinished(self) -> list[int]:
        """The blocks that are not answered to their end."""
        return [number for number in range(self.count) if not self.answers_path(number).is_file()]

    def answered(self) -> int:
        """How many prompts are answered in finished blocks."""
        import polars as pl

        finished = [self.answers_path(number) for number in range(self.count) if self.answers_path(number).is_file()]
        return pl.scan_parquet(finished).select(pl.len()).collect().item() if finished else 0

    def answer(self, number: int, answer_prompts: AnswerPrompts) -> Answered:
        """Has a block answered, from where an earlier try at it ended.

        Raises:
            Busy: another process is at it.
            StorageFailure: results cannot be written or read.
            CrosstuneError: what `answer_prompts` raises; the answers in the log stay.
        """
        path = self.answers_path(number)
        with lock(path.with_suffix(".lock"), f"block {number} of the prompts", wait=False):
            if path.is_file():  # by whoever was taken for lost
                return answered_in(read_table(path, Response))
            prompts = self.prompts_of(number)
            log = RecordLog(path.with_suffix(".jsonl"), Response)
            answer_prompts(prompts, log)
            order = {(prompt.id, prompt.language): place for place, prompt in enumerate(prompts)}
            responses = sorted(log.read(), key=lambda response: order[response.prompt_id, response.language])
            if len(responses) != len(prompts):
                raise StorageFailure(
                    f"{len(responses)} answers to {len(prompts)} prompts",
                    where=str(log.path),
                    hint="delete that file: its prompts are then asked again",
                )
            write_table(path, Response, responses)
            log.path.unlink()
            return answered_in(responses)

    def join(self, out: Path, *, with_prompts: bool = False) -> Answered:
        """Writes all answers to one file, in the order of the prompts, without holding them in memory.

        Args:
            out: a `.parquet` or `.jsonl` file.
            with_prompts: whether each row also has what its prompt says and asks for, under the names of `Prompt`.

        Raises:
            StorageFailure: a block is missing or damaged, or the file cannot be written.
        """
        import polars as pl

        total = Answered(0, 0, 0.0)
        for number in range(self.count):
            total += answered_in(read_table(self.answers_path(number), Response))
        with atomic_path(out) as temporary:
            if out.suffix == ".jsonl":
                with temporary.open("wb") as file:
                    for number in range(self.count):
                        for row in self._rows(number, with_prompts=with_prompts):
                            line = json.dumps(row, ensure_ascii=False) + "\n"
                            file.write(line.encode("utf-8", errors="surrogatepass"))
            else:
                frames = [self._frame(number, with_prompts=with_prompts) for number in range(self.count)]
                pl.concat(frames).sink_parquet(temporary)
        return total

    def _frame(self, number: int, *, with_prompts: bool) -> Any:
        import polars as pl

        answers = pl.scan_parquet(self.answers_path(number))
        if not with_prompts:
            return answers
        prompts = pl.scan_parquet(self._prompts_path(number)).drop("schema_version").rename({"id": "prompt_id"})
        return answers.join(prompts, on=["prompt_id", "language"], how="left", maintain_order="left")

    def _rows(self, number: int, *, with_prompts: bool) -> Iterator[dict[str, Any]]:
        if not with_prompts:
            yield from map(to_row, read_table(self.answers_path(number), Response))
            return
        yield from self._frame(number, with_prompts=True).collect().iter_rows(named=True)

    def answers_path(self, number: int) -> Path:
        """Where the answers of a block are when it is finished."""
        return self.folder / "answers" / f"{number:06d}.parquet"

    def _prompts_path(self, number: int) -> Path:
        return self.folder / "prompts" / f"{number:06d}.parquet"


def answered_in(responses: Iterable[Response]) -> Answered:
    """What responses come to."""
    total = Answered(0, 0, 0.0)
    for response in responses:
        total += Answered(1, response.completion_tokens, response.seconds)
    return total


def cut_up(
    prompts: Iterable[Prompt],
    folder: Path,
    *,
    size: int,
    about: Mapping[str, Any],
    on_progress: OnProgress = ignore_progress,
) -> PromptBlocks:
    """Writes prompts to blocks; what an interrupted try has left is written again.

    Args:
        prompts: in the order of their answers.
        folder: made if it is not there.
        size: prompts of a block.
        about: what decides the answers, as JSON holds it.
        on_progress: told how many are written.

    Raises:
        InvalidData: there is no prompt, or two have the same id and language.
        StorageFailure: they cannot be written.
    """
    make_folder(folder / "prompts")
    make_folder(folder / "answers")
    seen: set[bytes] = set()
    count = total = 0
    blocks = PromptBlocks(folder, 0, 0)
    waiting = iter(prompts)
    while block := list(islice(waiting, size)):
        for prompt in block:
            # Sixteen bytes of each: ids of millions of prompts would be several times that.
            key = hashlib.blake2b(f"{prompt.language}\0{prompt.id}".encode("utf-8", "surrogatepass"), digest_size=16)
            if key.digest() in seen:
                raise InvalidData(
                    f"two prompts have the id '{prompt.id}' in '{prompt.language}'",
                    where=f"prompt {len(seen) + 1}",
                    hint="answers are told apart by these: give one another id",
                )
            seen.add(key.digest())
        write_table(blocks._prompts_path(count), Prompt, block)
        count, total = count + 1, total + len(block)
        if total % _PROMPTS_BETWEEN_NOTES < size:
            on_progress(Progress(total, None, "prompts", note="reading"))
    if not total:
        raise InvalidData("there is no prompt", hint="name a file that has some")
    write_atomic(folder / _ABOUT, json.dumps({"about": about, "blocks": count, "prompts": total}, ensure_ascii=False))
    return PromptBlocks(folder, count, total)


def find_blocks(folder: Path, about: Mapping[str, Any]) -> PromptBlocks | None:
    """The blocks in a folder; None where nothing has been cut up to its end, or for something else and not answered.

    Raises:
        InvalidData: they are of something else; says what differs.
        StorageFailure: the file that describes them is damaged.
    """
    path = folder / _ABOUT
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text("utf-8"))
        blocks = PromptBlocks(folder, int(found["blocks"]), int(found["prompts"]))
        earlier = dict(found["about"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageFailure(f"damaged ({error})", where=str(path), hint=f"delete {folder} to begin anew") from error
    try:
        require_same(earlier, about, where=str(folder))
    except InvalidData:
        answers = folder / "answers"
        if any(answers.glob("*.parquet")) or any(path.stat().st_size for path in answers.glob("*.jsonl")):
            raise
        return None  # a try that ended before its first answer, as where the backend was missing
    return blocks


def require_same(earlier: Mapping[str, Any], about: Mapping[str, Any], *, where: str) -> None:
    """Refuses to mix the answers of what is not the same.

    Raises:
        InvalidData: they differ; names in what.
    """
    now = json.loads(json.dumps(about))  # as it is read from disk
    names = [name for name in dict.fromkeys([*earlier, *now]) if earlier.get(name) != now.get(name)]
    if names:
        raise InvalidData(
            f"what is there was made with another {' and another '.join(name.replace('_', ' ') for name in names)}",
            where=where,
            hint="give the same again to go on with it, name another --out, or delete it",
        )
