"""`crosstune judge`: six criteria by an LLM judge, of the answers of a study or of any file."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crosstune.cli.console import counted, error_console, plain
from crosstune.cli.judge_options import (
    JudgeOptions,
    PanelRule,
    interrupted,
    judge_config,
    say_who_holds_it,
    takes_judge,
)
from crosstune.cli.progress_bar import ProgressBar

if TYPE_CHECKING:
    from crosstune.judging.config import JudgeConfig
    from crosstune.judging.subject import Subject

_STUDY_SUFFIXES = (".yaml", ".yml")
_SUFFIXES = (".parquet", ".csv", ".jsonl")


@takes_judge
def judge(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="STUDY|FILE...",
            help="A study file (YAML) that has been run, or answers: .jsonl, .json, .csv, .tsv or .parquet.",
            show_default=False,
        ),
    ],
    judges: JudgeOptions,
    prompts: Annotated[
        int | None,
        typer.Option("--prompts", min=1, help="Only the answers to so many instructions, drawn by the seed."),
    ] = None,
    panel: Annotated[
        PanelRule | None, typer.Option("--panel", help="How several judges become one mark.", show_default="median")
    ] = None,
    repeat: Annotated[
        float, typer.Option("--repeat", min=0, max=1, help="Share of answers that are marked a second time.")
    ] = 0.0,
    translated: Annotated[
        bool, typer.Option("--translated", help="Mark an English translation of each answer too.")
    ] = False,
    compare: Annotated[
        str | None,
        typer.Option("--compare", metavar="A,B", help="Two configurations or models: which answers better, by prompt."),
    ] = None,
    max_calls: Annotated[int | None, typer.Option("--max-calls", min=0, help="Stop after so many replies.")] = None,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", min=0, help="Stop after so many tokens.")] = None,
    max_dollars: Annotated[
        float | None, typer.Option("--max-dollars", min=0, help="Stop when so much is spent, by --price.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the order, and of what is drawn.")] = 0,
    column: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="OURS=THEIRS", help="As for crosstune score; repeatable."),
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", "-l", metavar="LANGUAGE", help="Language of answers whose row has none.")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="COLUMNS", help="What the summary is by. Default: model,language."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="File for all marks: .parquet, .csv or .jsonl.", show_default=False)
    ] = None,
    logs: Annotated[
        Path | None,
        typer.Option("--logs", metavar="FOLDER", help="Write logs for `inspect view` there.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Say what it would take, and ask nobody.")] = False,
) -> None:
    """Have answers marked by an LLM judge: language, fluency, helpfulness, accuracy, coherence, harmlessness.

    Stopped, it goes on where it was: every reply is kept. Ends with status 1 if more than a twentieth has no mark.
    """
    from crosstune.cli.judge_result import names_of
    from crosstune.cli.judge_tables import show_costs, show_judging
    from crosstune.judging.chosen import drawn
    from crosstune.judging.estimate import estimate
    from crosstune.storage.atomic import make_folder

    subjects, of_study = _subjects(files, column or [], language, judges.root)
    config = _config(
        of_study,
        models=judges.models(),
        rubric=judges.rubric,
        prompts=prompts,
        panel=None if panel is None else panel.value,
        repeat=repeat,
        translated=translated or None,
        compare=None if compare is None else _two(compare),
        budget={"calls": max_calls, "tokens": max_tokens, "dollars": max_dollars},
        seed=seed,
    )
    # What would go wrong after money is spent is found before.
    names_of(by)
    if out is not None:
        _check_out(out)
    folder = judges.folder()
    costs = estimate(subjects, config, folder)
    show_costs(costs, len(drawn(subjects, config)), len(subjects), to_error=as_json or not plan)
    if plan:
        return
    for place in (logs, out and out.parent):
        if place is not None:
            make_folder(place)
    _run(subjects, config, folder, by, out=out, logs=logs, as_json=as_json, show=show_judging)


def _run(
    subjects: "Sequence[Subject]",
    config: "JudgeConfig",
    folder: Path,
    by: str | None,
    *,
    out: Path | None,
    logs: Path | None,
    as_json: bool,
    show: Any,
) -> None:
    from crosstune.cli.judge_result import judging_result, write_marks
    from crosstune.judging.judge import judge as have_judged

    try:
        with ProgressBar("judging") as bar:
            judging = have_judged(
                subjects,
                config,
                folder,
                on_progress=bar.on_progress,
                on_wait=say_who_holds_it,
                keeps_samples=logs is not None,
            )
    except KeyboardInterrupt:
        interrupted(folder)
    if out is not None:
        write_marks(judging, out)
    if logs is not None:
        from crosstune.judging.inspect_log import write_inspect_logs

        written = write_inspect_logs(judging.samples, logs, task="crosstune-judge")
        where = plain(str(logs))
        error_console.print(f"{counted(len(written), 'log')}: inspect view --log-dir {where}", soft_wrap=True)
    result = judging_result(judging, config, by)
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False, indent=1))
    else:
        show(result, out)
    if judging.unmarked_share > config.failure_limit:
        reasons = ", ".join(f"{reason.replace('_', ' ')} {count}" for reason, count in judging.unmarked.items())
        error_console.print(
            f"[red bold]{judging.unmarked_share:.0%} of what was asked of the judge has no mark:[/red bold] "
            f"{reasons}. The same command asks for these again.",
            soft_wrap=True,
        )
        sys.exit(1)


def _two(compare: str) -> list[str]:
    from crosstune.errors import InvalidStudy

    names = [name.strip() for name in compare.split(",")]
    if len(names) != 2 or not all(names):
        raise InvalidStudy(f"'{compare}' are not two names", where="--compare", hint="as in --compare one,two")
    return names


def _check_out(out: Path) -> None:
    from crosstune.errors import InvalidData

    if out.suffix.lower() not in _SUFFIXES:
        raise InvalidData(f"'{out}' ends in none of {', '.join(_SUFFIXES)}", where="--out")
    if out.is_dir():
        raise InvalidData(f"'{out}' is a folder", where="--out", hint=f"name a file in it: {out / 'marks.parquet'}")


def _subjects(
    files: list[Path], columns: list[str], language: str | None, root: Path | None
) -> "tuple[list[Subject], JudgeConfig | None]":
    """The answers, and what the study file says of judging them, if it is one."""
    from crosstune.errors import InvalidData

    if files[0].suffix.lower() not in _STUDY_SUFFIXES:
        return _subjects_of_files(files, columns, language), None
    if len(files) > 1:
        raise InvalidData("one study at a time", where=str(files[1]), hint="or several files of answers")
    from crosstune.study.judged import subjects_of_study
    from crosstune.study.study import Study

    study = Study.load(files[0], root=root)
    return subjects_of_study(study.results()), study.config.judge


def _subjects_of_files(files: list[Path], columns: list[str], language: str | None) -> "list[Subject]":
    from crosstune.errors import InvalidData
    from crosstune.judging.subject import subject_of_row
    from crosstune.scoring.answer_columns import told_columns
    from crosstune.scoring.answers_file import AnswersFile

    problems: list[InvalidData] = []
    answers = AnswersFile(files, columns=told_columns(columns), language=language)
    for note in answers.notes:
        error_console.print(f"[yellow]note:[/yellow] {plain(note)}", soft_wrap=True)
    found = [subject_of_row(row) for row in answers.read(problems.append)]
    if problems:
        # Judging costs money: what the user did not mean to be left out is put right first.
        more = f" (and {len(problems) - 1} more rows)" if len(problems) > 1 else ""
        raise InvalidData(
            problems[0].message + more,
            where=problems[0].where,
            hint=problems[0].hint or "every row must be readable before answers are judged",
        )
    return found


def _config(of_study: "JudgeConfig | None", **options: Any) -> "JudgeConfig":
    """What the study file says, with what the options say over it."""
    from crosstune.errors import InvalidStudy

    said = {} if of_study is None else of_study.model_dump(mode="json", exclude_unset=True)
    given = {name: value for name, value in options.items() if value not in (None, {}, 0.0)}
    budget = {name: value for name, value in options["budget"].items() if value is not None}
    given["budget"] = {**said.get("budget", {}), **budget}
    merged = {**said, **given}
    if not merged.get("models"):
        raise InvalidStudy(
            "no judge is named", where="--model", hint="for example: --model openai/gpt-5-mini (see docs/judging.md)"
        )
    return judge_config(merged)
