"""What judges were asked and replied, as logs that Inspect's viewer (`inspect view`) shows.

Knows nothing of how judging goes on. Layout:

    <folder>/<task>-<judge>-<n>.eval               marks of the answers
    <folder>/<task>-<judge>-again-<n>.eval         marks of the same answers a second time
    <folder>/<task>-<judge>-translated-<n>.eval    marks of their translations

Marks of a second time and of translations have files of their own, so that the means at the head of a log are of one
kind of mark.
"""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosstune.judging.config import JudgeModel
from crosstune.judging.exchange import Exchange
from crosstune.judging.marks import RATER_PREFIX
from crosstune.judging.side import JudgedSample
from crosstune.judging.spending import Spending, spent_on
from crosstune.records import Message, Reason, Score
from crosstune.storage.atomic import atomic_path, storage_errors

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalResults, EvalSample, EvalSpec
    from inspect_ai.model import ChatMessage, ModelOutput, ModelUsage
    from inspect_ai.scorer import Score as InspectScore

_CHARACTERS_OF_ANSWER = 1_000
"""That stand with each mark; the request has what the judge was shown."""
_CHARACTERS_OF_ID = 500
_BYTES_OF_TASK = 80


def write_inspect_logs(samples: Iterable[JudgedSample], folder: Path, *, task: str, most: int = 5_000) -> list[Path]:
    """Writes logs for Inspect's viewer.

    The same samples get the same names, so that writing again replaces what was written; files that an earlier writing
    of the same task and judge has beyond those are removed.

    Args:
        samples: of any judges; those of one judge in the order in which they are to stand.
        folder: where the files go; made when it is not there.
        task: what the logs are called by, such as the name of the study.
        most: samples of one file.

    Returns:
        The files, each whole.

    Raises:
        ValueError: `most` is below 1.
        StorageFailure: a file cannot be written.
    """
    if most < 1:
        raise ValueError(f"most must be at least 1, not {most}")
    waiting: dict[str, list[JudgedSample]] = {}
    numbers: Counter[str] = Counter()
    paths: list[Path] = []

    def write(name: str) -> None:
        numbers[name] += 1
        path = folder / f"{name}-{numbers[name]}.eval"
        _write(waiting.pop(name), path, task)
        paths.append(path)

    for sample in samples:
        name = _name(sample, task)
        waiting.setdefault(name, []).append(sample)
        if len(waiting[name]) == most:
            write(name)
    for name in list(waiting):
        write(name)
    for name, number in numbers.items():
        _remove_beyond(folder, name, number)
    return paths


def _name(sample: JudgedSample, task: str) -> str:
    """Of a file, without number and ending."""
    digest = hashlib.sha256(f"{sample.judge.model}\0{sample.judge.base_url or ''}".encode()).hexdigest()
    short = _readable(task).encode()[:_BYTES_OF_TASK].decode(errors="ignore")
    kind = _kind(sample)
    return f"{short}-{_readable(sample.judge.name)[:80]}-{digest[:8]}" + (f"-{_readable(kind)}" if kind else "")


def _readable(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-._" else "-" for letter in name).lstrip(".")


def _kind(sample: JudgedSample) -> str:
    """What the rater's name adds to the judge's: `again`, `translated` or nothing."""
    rater = sample.scores[0].rater if sample.scores else ""
    return rater.removeprefix(RATER_PREFIX + sample.judge.name).strip(" ()")


def _remove_beyond(folder: Path, name: str, number: int) -> None:
    numbered = re.compile(re.escape(name) + r"-([1-9][0-9]*)\.eval")
    for path in folder.iterdir():
        found = numbered.fullmatch(path.name)
        if found and int(found[1]) > number:
            with storage_errors(path):
                path.unlink(missing_ok=True)


def _write(samples: Sequence[JudgedSample], path: Path, task: str) -> None:
    from inspect_ai.log import write_eval_log

    log = _log(samples, path.stem, task)
    with atomic_path(path) as temporary:
        write_eval_log(log, temporary.absolute(), format="eval")


def _log(samples: Sequence[JudgedSample], name: str, task: str) -> "EvalLog":
    from inspect_ai.log import EvalLog, EvalStats

    judge = samples[0].judge
    ids = _ids(samples)
    # One reply may stand for several answers that are the same; it was paid for once.
    exchanges = {sample.exchange.request: sample.exchange for sample in samples}
    # Logs of the same task identifier are taken for retries of one another, wherever they lie.
    key = _identifier(name, *ids, *exchanges)
    started = min(_started(exchange) for exchange in exchanges.values())
    ended = max(_ended(exchange) for exchange in exchanges.values())
    return EvalLog(
        status="success",
        eval=_spec(samples, ids, key, task, started),
        results=_results(samples),
        stats=EvalStats(
            started_at=started.isoformat(),
            completed_at=ended.isoformat(),
            model_usage={judge.model: _usage(spent_on(exchanges.values()), judge)},
        ),
        samples=[_sample(sample, id, key) for sample, id in zip(samples, ids, strict=True)],
    )


def _spec(samples: Sequence[JudgedSample], ids: list[str], key: str, task: str, started: datetime) -> "EvalSpec":
    from inspect_ai.log import EvalConfig, EvalDataset, EvalSpec
    from inspect_ai.model import GenerateConfig
    from inspect_ai.viewer import ViewerConfig

    judge, kind = samples[0].judge, _kind(samples[0])
    title = _well_formed(f"{task} ({kind})" if kind else task)
    return EvalSpec(
        eval_id=_identifier(key),
        run_id=_identifier(key, "run"),
        task_id=_identifier(key, "task"),
        created=started.isoformat(),
        task=title,
        dataset=EvalDataset(name=_well_formed(task), samples=len(ids), sample_ids=list(ids), shuffled=False),
        model=judge.model,
        # Neither a password in the address nor the provider's arguments, which may have keys: logs are passed on.
        model_base_url=None if judge.base_url is None else _without_secrets(judge.base_url),
        model_generate_config=GenerateConfig(
            max_tokens=judge.max_tokens, temperature=judge.temperature, reasoning_effort=judge.reasoning_effort
        ),
        config=EvalConfig(epochs=1),
        packages={"inspect_ai": version("inspect-ai")},
        # Answers and replies are shown as they are, and neither links nor pictures in them are loaded.
        viewer=ViewerConfig(trust_content=False),
    )


def _results(samples: Sequence[JudgedSample]) -> "EvalResults":
    """For each facet the mean over the answers that have a mark."""
    from inspect_ai.log import EvalMetric, EvalResults, EvalScore

    by_facet: dict[str, list[float | None]] = {}
    for sample in samples:
        for score in sample.scores:
            by_facet.setdefault(score.facet, []).append(score.value)
    scores = []
    for facet, values in by_facet.items():
        marks = [value for value in values if value is not None]
        mean = math.fsum(marks) / len(marks) if marks else math.nan
        scores.append(
            EvalScore(
                name=facet,
                scorer=facet,
                scored_samples=len(marks),
                unscored_samples=len(values) - len(marks),
                metrics={"mean": EvalMetric(name="mean", value=mean)},
            )
        )
    completed = sum(not sample.exchange.failure for sample in samples)
    return EvalResults(total_samples=len(samples), completed_samples=completed, scores=scores)


def _sample(sample: JudgedSample, id: str, key: str) -> "EvalSample":
    from inspect_ai.log import EvalError, EvalSample

    subject, exchange = sample.subject, sample.exchange
    request = [_message(message, _identifier(key, id, str(place))) for place, message in enumerate(sample.messages)]
    output = _output(sample, _identifier(key, id, "reply"))
    replied = [choice.message for choice in output.choices]
    failed = _plain(f"{exchange.failure}: {exchange.detail}" if exchange.detail else exchange.failure)
    return EvalSample(
        id=id,
        epoch=1,
        uuid=_identifier(key, id),
        input=request,
        target=_well_formed("; ".join(subject.accepted)),
        messages=[*request, *replied],
        output=output,
        scores={score.facet: _score(score, subject.text or "") for score in sample.scores},
        metadata=_metadata(sample),
        model_usage={} if output.usage is None else {sample.judge.model: output.usage},
        started_at=_started(exchange).isoformat(),
        completed_at=_ended(exchange).isoformat(),
        total_time=exchange.seconds,
        working_time=exchange.seconds,
        # The viewer shows one of the three here, another there.
        error=EvalError(message=failed, traceback=failed, traceback_ansi=failed) if exchange.failure else None,
    )


def _message(message: Message, id: str) -> "ChatMessage":
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser

    content = _well_formed(message.content)
    if message.role == "system":
        return ChatMessageSystem(id=id, content=content, source="input")
    if message.role == "user":
        return ChatMessageUser(id=id, content=content, source="input")
    return ChatMessageAssistant(id=id, content=content, source="generate")


def _output(sample: JudgedSample, id: str) -> "ModelOutput":
    from inspect_ai.model import ChatCompletionChoice, ChatMessageAssistant, ModelOutput

    exchange, model = sample.exchange, sample.judge.model
    choices = []
    if exchange.reply or not exchange.failure:
        reply = ChatMessageAssistant(id=id, content=_well_formed(exchange.reply), model=model, source="generate")
        refused = exchange.failure == Reason.JUDGE_REFUSED
        choices.append(ChatCompletionChoice(message=reply, stop_reason="content_filter" if refused else "stop"))
    return ModelOutput(
        model=model,
        choices=choices,
        usage=_usage(spent_on([exchange]), sample.judge),
        time=exchange.seconds,
        error=(_plain(exchange.detail) or exchange.failure) if exchange.failure else None,
    )


def _score(score: Score, answer: str) -> "InspectScore":
    from inspect_ai.scorer import Score as InspectScore

    cut = answer[:_CHARACTERS_OF_ANSWER]
    shown = _well_formed(cut + "…" if len(cut) < len(answer) else cut)
    explanation = _well_formed(score.detail) or None
    if score.value is None:
        return InspectScore.unscored(reason=score.reason, answer=shown, explanation=explanation)
    return InspectScore(value=score.value, answer=shown, explanation=explanation)


def _metadata(sample: JudgedSample) -> dict[str, Any]:
    subject, exchange = sample.subject, sample.exchange
    return {
        "run": _well_formed(subject.run),
        "prompt_id": _well_formed(subject.prompt_id),
        "language": _well_formed(subject.language),
        "requested_language": _well_formed(subject.requested_language),
        "modifiers": _well_formed(", ".join(subject.modifiers)),
        "cut_off": subject.cut_off,
        "tries": exchange.tries,
        "failure": exchange.failure,
        "request": exchange.request,
    }


def _usage(spending: Spending, judge: JudgeModel) -> "ModelUsage":
    from inspect_ai.model import ModelUsage

    return ModelUsage(
        input_tokens=spending.input_tokens,
        output_tokens=spending.output_tokens,
        total_tokens=spending.input_tokens + spending.output_tokens,
        total_cost=spending.dollars(judge.price),
    )


def _ended(exchange: Exchange) -> datetime:
    return datetime.fromisoformat(exchange.time)


def _started(exchange: Exchange) -> datetime:
    return _ended(exchange) - timedelta(seconds=exchange.seconds)


def _ids(samples: Sequence[JudgedSample]) -> list[str]:
    """`run/prompt_id/language` of each, numbered where several are the same."""
    subjects = [sample.subject for sample in samples]
    ids = [_plain(f"{one.run}/{one.prompt_id}/{one.language}")[:_CHARACTERS_OF_ID] for one in subjects]
    seen: Counter[str] = Counter()
    for place, id in enumerate(ids):
        seen[id] += 1
        if seen[id] > 1:
            ids[place] = f"{id} ({seen[id]})"
    return ids


def _identifier(*parts: str) -> str:
    """Of something in a log, the same whenever it is written."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:22]


def _without_secrets(address: str) -> str:
    return re.sub(r"//[^/]*@", "//", address.split("?", 1)[0])


def _well_formed(text: str) -> str:
    """The text with halves of characters (lone surrogates), which no JSON file can hold, replaced."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _plain(text: str) -> str:
    """The text on one line, without what terminals obey or names of files in an archive end at."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in " ".join(text.splitlines()))
