"""`crosstune gate`: rules that a result must keep, for continuous integration."""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crosstune.cli.console import RootOption, console, counted, error_console, plain

if TYPE_CHECKING:
    from crosstune.cli.score_sources import Source, Unit
    from crosstune.study.baseline import BaselineVerdict
    from crosstune.study.comparison import Side
    from crosstune.study.gate import Rule, Verdict


def gate(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="STUDY|FILE",
            help="A study that has been run (YAML), scores (.parquet, .csv or .jsonl) or answers.",
            show_default=False,
        ),
    ],
    require: Annotated[
        list[str] | None,
        typer.Option(
            "--require",
            metavar="RULE",
            help="Such as 'correct_language[fr] >= .95'; in place of fr: * (every language), mean, worst. "
            "'@NAME' before the comparison names a configuration; 'sure' at the end asks it of the whole interval. "
            "Repeatable.",
            show_default=False,
        ),
    ] = None,
    rules_file: Annotated[
        Path | None, typer.Option("--rules", metavar="FILE", help="A YAML list of rules.", show_default=False)
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            "--run",
            metavar="NAME",
            help="Configuration (label), run, or model of a file, that rules without @ are about. Default: what the "
            "study selects.",
            show_default=False,
        ),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            "--baseline", metavar="FILE", help="Nothing may be worse than it, beyond noise.", show_default=False
        ),
    ] = None,
    allow: Annotated[
        float, typer.Option("--allow", min=0, help="How much worse than the baseline it may be, on a facet's scale.")
    ] = 0.0,
    allow_missing: Annotated[
        float | None,
        typer.Option(
            "--allow-missing",
            min=0,
            max=1,
            help="The share of answers that may have no value. Default: any, as long as one has.",
            show_default=False,
        ),
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option("--store", metavar="FILE", help="Keep this as a baseline if all rules hold.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    root: RootOption = None,
) -> None:
    """Hold a result against rules, and against what it was: one line a rule, status 1 if one does not hold."""
    from crosstune.cli.score_sources import read_source
    from crosstune.errors import InvalidStudy
    from crosstune.study.baseline import read_baseline, write_baseline
    from crosstune.study.gate import judge_rules

    rules = _rules(require or [], rules_file)
    if not rules and baseline is None and store is None:
        raise InvalidStudy("there is no rule", where="--require", hint="for example: 'correct_language[worst] >= .9'")
    earlier = None if baseline is None else read_baseline(baseline)
    source = read_source(path, root=root, facets=_measures(rules, earlier))
    sides = _Sides(source, run, {rule.facet for rule in rules})
    verdicts = judge_rules(rules, sides.of, allow_missing=allow_missing)
    compared = [] if earlier is None else _against(earlier, rules, sides, allow)
    holds = all([each.holds for each in verdicts] + [each.holds for each in compared])
    if store is not None and holds:
        write_baseline(
            store, [sides.of(name) for name in dict.fromkeys(rule.configuration for rule in rules)] or [sides.of(None)]
        )
    if as_json:
        typer.echo(json.dumps(_result(source, verdicts, compared, holds=holds), ensure_ascii=False, indent=1))
    else:
        _show(source, verdicts, compared, store if holds else None)
    if store is not None and not holds:
        error_console.print(f"[yellow]note:[/yellow] {plain(str(store))} is left as it is, because not all rules hold")
    if os.environ.get("GITHUB_ACTIONS") == "true":
        _annotate(source, verdicts, compared)
    if not holds:
        sys.exit(1)


def _rules(texts: list[str], file: Path | None) -> "list[Rule]":
    from crosstune.study.gate import parse_rule

    found = [parse_rule(text, where="--require") for text in texts]
    if file is not None:
        found += [parse_rule(text, where=where) for text, where in _of_file(file)]
    return found


def _of_file(file: Path) -> list[tuple[str, str]]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    from crosstune.errors import InvalidStudy

    hint = "write a list: a line a rule, each after a dash and in quotation marks"
    try:
        found = YAML(typ="safe", pure=True).load(file.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise InvalidStudy("no such file", where=str(file)) from None
    except (OSError, ValueError, RecursionError, YAMLError) as error:
        problem = (str(error).splitlines() or [""])[0]
        raise InvalidStudy(f"cannot be read ({problem})", where=str(file), hint=hint) from error
    if not isinstance(found, list) or not found:
        raise InvalidStudy("there is no list of rules in it", where=str(file), hint=hint)
    for number, text in enumerate(found, start=1):
        if not isinstance(text, str):
            raise InvalidStudy("not a rule", where=f"{file}, rule {number}", hint="write it in quotation marks")
    return [(text, f"{file}, rule {number}") for number, text in enumerate(found, start=1)]


def _measures(rules: "list[Rule]", earlier: "dict[str, Side] | None") -> list[str] | None:
    """Of answers, what is measured: what the rules are about, or else the baseline, as far as it is measured at all."""
    from crosstune.analysis.composite_config import USABLE
    from crosstune.scoring.score import SCORERS
    from crosstune.study.comparison import facets_in_order

    wanted = {rule.facet for rule in rules}
    if not wanted and earlier is not None:
        wanted = set(facets_in_order(*(side.scores for side in earlier.values())))
    if USABLE in wanted:
        return None
    return [name for name in SCORERS if name in wanted] or None


class _Sides:
    """The scores of configurations by name, each made once."""

    def __init__(self, source: "Source", run: str | None, facets: set[str]) -> None:
        from crosstune.analysis.composite_config import USABLE

        self._source = source
        self._run = run
        self._with_usable = USABLE in facets
        self._made: dict[str | None, Side] = {}

    def of(self, name: str | None) -> "Side":
        """None: what rules without a name are about."""
        from crosstune.study.comparison import with_usable

        if name not in self._made:
            side = self._source.side(self._unit(name))
            self._made[name] = with_usable(side) if self._with_usable else side
        return self._made[name]

    def _unit(self, name: str | None) -> "Unit":
        from crosstune.errors import InvalidData

        source = self._source
        if wanted := name or self._run:
            return source.unit(wanted)
        if len(source.units) == 1:
            return source.units[0]
        if source.study is not None:
            return source.selected()
        count = len(source.units)
        raise InvalidData(
            f"there are {count} models in it", where=source.name, hint=f"say which: --run; {source.hint()}"
        )


def _against(earlier: "dict[str, Side]", rules: "list[Rule]", sides: _Sides, allow: float) -> "list[BaselineVerdict]":
    """What the rules are about against the baseline; without rules, every facet in every language."""
    from crosstune.analysis.facets import facet as facet_of
    from crosstune.errors import InvalidData
    from crosstune.study.baseline import no_worse
    from crosstune.study.comparison import facets_in_order
    from crosstune.study.gate import EVERY

    wanted = list(dict.fromkeys((rule.configuration, rule.facet, rule.selector) for rule in rules))
    if not wanted:
        there = facets_in_order(*(side.scores for side in earlier.values()))
        wanted = [(None, facet, EVERY) for facet in there if facet_of(facet).better is not None]
    found = []
    for name, facet, selector in wanted:
        now = sides.of(name)
        before = earlier.get(now.name)
        if before is None and len(earlier) == 1:
            (before,) = earlier.values()  # what is selected now may be called otherwise than what was
        if before is None:
            there_are = "; ".join(earlier)
            raise InvalidData(f"the baseline has no '{now.name}'", where="--baseline", hint=f"it has {there_are}")
        found += no_worse(now, before, facet, selector, allow=allow)
    return found


def _result(
    source: "Source", verdicts: "list[Verdict]", compared: "list[BaselineVerdict]", *, holds: bool
) -> dict[str, Any]:
    return {
        "of": source.name,
        "holds": holds,
        "rules": [{**asdict(each), "rule": each.rule.text} for each in verdicts],
        "baseline": [asdict(each) for each in compared],
    }


def _show(source: "Source", verdicts: "list[Verdict]", compared: "list[BaselineVerdict]", stored: Path | None) -> None:
    from crosstune.cli.gate_lines import baseline_line, rule_line

    for holds, line in [
        *((each.holds, rule_line(each)) for each in verdicts),
        *((each.holds, baseline_line(each)) for each in compared),
    ]:
        console.print(f"{'[green]✓[/green]' if holds else '[red bold]✗[/red bold]'} {plain(line)}", soft_wrap=True)
    failed = sum(not each.holds for each in verdicts) + sum(not each.holds for each in compared)
    number = len(verdicts) + len(compared)
    of = plain(source.name)
    if number:
        ending = f"[red bold]{failed} of {counted(number, 'rule')} failed[/red bold]" if failed else "all rules hold"
        console.print(f"[dim]{of}:[/dim] {ending}", soft_wrap=True)
    if stored is not None:
        console.print(f"Kept as a baseline: {plain(str(stored))}", soft_wrap=True)


def _annotate(source: "Source", verdicts: "list[Verdict]", compared: "list[BaselineVerdict]") -> None:
    """Lines that GitHub shows at the top of a run; it reads them from either stream, and JSON is left whole."""
    from crosstune.cli.gate_lines import annotation, baseline_line, rule_line

    lines = [rule_line(each) for each in verdicts if not each.holds]
    lines += [baseline_line(each) for each in compared if not each.holds]
    for line in lines:
        typer.echo(annotation(f"{source.name}: {line}"), err=True)
