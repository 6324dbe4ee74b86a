import dataclasses
import json
from pathlib import Path

import pytest
from score_tables_by_hand import as_json, call, scores, write, write_study

from crosstune.cli.gate_lines import annotation
from crosstune.errors import InvalidData, InvalidStudy
from crosstune.study.gate import parse_rule

RIGHT = "correct_language"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    return tmp_path


def one_file() -> None:
    rows = scores("one", RIGHT, {"en": [1] * 10, "fr": [1] * 9 + [0], "pt": [1] * 5 + [0] * 5})
    write("s.parquet", rows + scores("one", "degeneration", {"en": [0] * 10, "fr": [0] * 8 + [1] * 2}))


def gate(*rules: str, file: str = "s.parquet", status: int = 0, more: tuple[str, ...] = ()):
    return call("gate", file, *(part for rule in rules for part in ("--require", rule)), *more, status=status).stdout


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("correct_language[fr] >= .95", ("correct_language", "fr", None, ">=", 0.95, False)),
        ("correct_language[ * ]>95% sure", ("correct_language", "*", None, ">", 0.95, True)),
        ("helpfulness[mean]@lora r16, lr 5e-4 ≥ 1.2", ("helpfulness", "mean", "lora r16, lr 5e-4", ">=", 1.2, False)),
        ("degeneration[worst] @ a/b@c <= 1e-2", ("degeneration", "worst", "a/b@c", "<=", 0.01, False)),
        ("consistency[pt-BR] < -0.5", ("consistency", "pt-BR", None, "<", -0.5, False)),
    ],
)
def test_rules_are_taken_apart(text, expected):
    rule = parse_rule(text)
    found = (rule.facet, rule.selector, rule.configuration, rule.operator, rule.bound, rule.sure)
    assert found == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not a rule"),
        ("correct_language >= .9", r"which language; write correct_language\[fr\]"),
        ("correct_language[] >= .9", "which language"),
        ("correct_language[fr] == .9", "hardly ever equal"),
        ("correct_language[fr] = .9", "hardly ever equal"),
        ("correct_language[fr] >= 95", "never 95 .*did you mean 95%"),
        ("correct_language[fr] >= -0.1", "never -0.1"),
        ("helpfulness[fr] >= 95%", "is no share"),
        ("helpfulness[fr] >= __import__('os')", "not a rule"),
        ("helpfulness[fr] >= 1 and 2", "not a rule"),
        ("helpfulness[fr]@ >= 1", "nothing follows the @"),
        ("open('x')[fr] >= 1", "not the name of a facet"),
        ("length[fr] >= 1e999", "too large"),
        ("length[fr] >= nan", "not a rule"),
    ],
)
def test_what_is_no_rule(text, problem):
    with pytest.raises(InvalidStudy, match=problem):
        parse_rule(text)


def test_a_rule_is_a_line_and_the_status_says_whether_all_hold():
    one_file()
    # 9 of 10: Wilson's interval is 0.7890 ± 0.1931.
    held = gate("correct_language[fr] >= .9", "correct_language[fr] >= 59% sure")
    assert "✓ correct_language[fr] >= .9 (one): 0.900 (0.596–0.982), n 10" in held
    assert "all rules hold" in held
    broken = gate("correct_language[fr] >= .6 sure", "correct_language[fr] > .9", status=1)
    assert "✗ correct_language[fr] >= .6 sure (one): 0.900 (0.596–0.982), n 10; the level keeps it" in broken
    assert "✗ correct_language[fr] > .9" in broken and "2 of 2 rules failed" in broken


def test_every_language_the_mean_and_the_worst():
    one_file()
    # The mean of 1, .9 and .5 is .8.
    gate("correct_language[mean] >= .8", "correct_language[*] >= .5", "correct_language[worst] >= .5")
    output = gate("correct_language[*] >= .95", "correct_language[worst] >= .6", status=1)
    assert "2 of 3 languages do not: fr 0.900" in output and "; pt 0.500" in output
    assert "✗ correct_language[worst] >= .6 (one): pt: 0.500" in output
    # Where low is wanted, the worst is the highest.
    assert "✗ degeneration[worst] <= .1 (one): fr: 0.200" in gate("degeneration[worst] <= .1", status=1)


def test_the_worst_language_is_sure_only_if_every_language_is():
    # 9 of 10 in French is .596 at the lower end; 27 of 30 in Portuguese is as high, and surer.
    write("s.parquet", scores("one", RIGHT, {"fr": [1] * 9 + [0], "pt": [1] * 27 + [0] * 3}))
    gate("correct_language[worst] >= .59 sure")
    assert "fr: 0.900 (0.596" in gate("correct_language[worst] >= .6 sure", status=1)


def test_what_has_no_values_fails_with_the_reason():
    write("s.parquet", scores("one", RIGHT, {"fr": [1] * 3 + ["empty"] * 2, "pt": ["too_short"] * 4 + ["empty"]}))
    output = gate(
        "correct_language[fr] >= .5 sure",
        "correct_language[pt] >= .1",
        "correct_language[mean] >= .1",
        "correct_language[worst] >= .1",
        "correct_language[de] >= .1",
        "correct_languag[fr] >= .1",
        "helpfulness[fr] >= .1",
        status=1,
    ).splitlines()
    assert "1.000, n 3, 2 without a value (empty 2); 3 prompts are too few for an interval" in output[0]
    assert "none of 5 answers has a value (empty 1, too short 4)" in output[1]
    assert "there is no mean, because there is no value in pt" in output[2]
    assert "pt: none of 5" in output[3]
    assert "no answer is in 'de'; there are fr, pt" in output[4]
    assert "no scores of 'correct_languag'; did you mean 'correct_language'?" in output[5]
    assert "no scores of 'helpfulness'; there are correct_language" in output[6]
    assert all(line.startswith("✗") for line in output[:7])


def test_answers_wanted_in_another_language_alone_are_not_what_a_rule_is_about():
    rows = scores("one", RIGHT, {"fr": [1] * 6})
    other = scores("one", "word_pass", {"fr": [1] * 6})
    write("s.parquet", rows + [dataclasses.replace(row, language="en") for row in other])
    assert "should be in another language than its prompt" in gate("word_pass[fr] >= .5", status=1)


def test_answers_without_a_value_can_be_limited():
    write("s.parquet", scores("one", RIGHT, {"fr": [1] * 8 + ["empty"] * 2}))
    gate("correct_language[fr] >= .5", more=("--allow-missing", ".2"))
    output = gate("correct_language[fr] >= .5", more=("--allow-missing", ".1"), status=1)
    assert "2 of 10 answers have no value, more than 10%" in output


def test_usable_is_made_of_what_there_is():
    # Right in nine, of which two are degenerate: seven of ten are usable.
    one = scores("one", RIGHT, {"fr": [1] * 9 + [0]}) + scores("one", "degeneration", {"fr": [1] * 2 + [0] * 8})
    write("s.parquet", one)
    assert "0.700" in gate("usable[fr] >= 70%")


SERVABLE = {"name": "servable", "all": [{"facet": RIGHT, "at_least": 1}, {"facet": "length", "at_most": 5}]}


def test_a_facet_of_the_studys_own(monkeypatch):
    # Ten answers of `low`: nine right, of which one is too long; so 80 % are servable.
    rows = scores("low", RIGHT, {"fr": [1] * 9 + [0]}) + scores("low", "length", {"fr": [9] + [3] * 9})
    write_study(monkeypatch, rows, composites=[SERVABLE])
    low = ("--run", "lr 5e-4")
    assert "0.800 (" in gate("servable[fr] >= 80%", file="quick.yaml", more=low)
    assert "servable[fr] >= .81 (lr 5e-4): 0.800" in gate("servable[fr] >= .81", file="quick.yaml", more=low, status=1)
    output = gate("servable[fr] >= 80", "length[fr] >= 3", file="quick.yaml", more=low, status=1)
    assert "servable is never 80 (it is from 0 to 1); did you mean 80%?" in output and "1 of 2 rules failed" in output
    # What is no share and in no table of facets is told when it is read.
    write("s.parquet", scores("one", "warmth", {"fr": [3] * 6}))
    assert "warmth is no share" in gate("warmth[fr] >= 80%", status=1)


def test_a_facet_of_the_studys_own_against_a_baseline(monkeypatch):
    for name, right in (("before", [1] * 20), ("quick", [0] * 20)):
        rows = scores("low", RIGHT, {"fr": right}) + scores("low", "length", {"fr": [3] * 20})
        write_study(monkeypatch, rows, name=name, composites=[SERVABLE])
    gate(file="before.yaml", more=("--run", "lr 5e-4", "--store", "base.json"))
    more = ("--run", "lr 5e-4", "--baseline", "base.json")
    assert "✗ servable[fr] no worse than the baseline (lr 5e-4): 0.000 now, 1.000 before" in gate(
        file="quick.yaml", more=more, status=1
    )


def test_old_scores_are_read_and_newer_ones_refused():
    import polars as pl

    one_file()
    frame = pl.read_parquet("s.parquet")
    frame.drop("spans").with_columns(schema_version=pl.lit(1)).write_parquet("old.parquet")
    assert "0.900" in gate("correct_language[fr] >= .9", file="old.parquet")
    frame.with_columns(schema_version=pl.lit(3)).write_parquet("new.parquet")
    with pytest.raises(InvalidData, match=r"new\.parquet: .*schema version 3; .*use the crosstune that wrote them"):
        gate("correct_language[fr] >= .9", file="new.parquet")


def test_a_baseline_allows_for_noise():
    one_file()
    gate(more=("--store", "base.json"))
    # Two more are wrong in French: by a sign test that is nothing; in Portuguese none is right any more.
    rows = {"en": [1] * 10, "fr": [1] * 7 + [0] * 3, "pt": [1] * 5 + [0] * 5}
    write("noise.parquet", scores("one", RIGHT, rows) + scores("one", "degeneration", {"en": [0] * 10, "fr": [0] * 10}))
    output = gate(file="noise.parquet", more=("--baseline", "base.json"))
    assert "✓ correct_language[fr] no worse than the baseline (one): 0.700 now, 0.900 before, -0.200" in output
    assert "10 shared prompts" in output
    write("worse.parquet", scores("one", RIGHT, {"en": [1] * 10, "fr": [0] * 10, "pt": [1] * 5 + [0] * 5}))
    output = gate("correct_language[*] >= 0", file="worse.parquet", more=("--baseline", "base.json"), status=1)
    # Nine of ten are worse: p is 2 / 2^9, and three times that for three languages, .0117.
    assert "✗ correct_language[fr] no worse than the baseline (one): 0.000 now, 0.900 before, -0.900" in output
    assert "worse, beyond noise" in output and "1 of 4 rules failed" in output


def test_what_is_allowed_is_taken_off():
    write("s.parquet", scores("one", RIGHT, {"fr": [1] * 30}))
    call("gate", "s.parquet", "--store", "base.json")
    write("s.parquet", scores("one", RIGHT, {"fr": [1] * 10 + [0] * 20}))
    call("gate", "s.parquet", "--baseline", "base.json", status=1)
    # 20 of 30 is a drop of two thirds: its interval lies above one third, and not above .6.
    call("gate", "s.parquet", "--baseline", "base.json", "--allow", ".3", status=1)
    call("gate", "s.parquet", "--baseline", "base.json", "--allow", ".6")


def test_a_fall_where_lower_is_better_is_no_loss():
    write("s.parquet", scores("one", "degeneration", {"fr": [1] * 20}))
    call("gate", "s.parquet", "--store", "base.json")
    write("s.parquet", scores("one", "degeneration", {"fr": [0] * 20}))
    call("gate", "s.parquet", "--baseline", "base.json")
    call("gate", "s.parquet", "--store", "base.json")
    write("s.parquet", scores("one", "degeneration", {"fr": [1] * 20}))
    call("gate", "s.parquet", "--baseline", "base.json", status=1)


def test_other_prompts_than_the_baseline_s():
    write("s.parquet", scores("one", RIGHT, {"fr": [1] * 20}))
    call("gate", "s.parquet", "--store", "base.json")
    right = scores("one", RIGHT, {"fr": [0] * 20})
    others = [dataclasses.replace(row, prompt_id=f"other/{number}") for number, row in enumerate(right)]
    write("other.parquet", others)
    output = call("gate", "other.parquet", "--baseline", "base.json", status=1).stdout
    # 0 and 20 of 20, each with Wilson's interval, .161 wide: the difference is -1 to -1 + √2 · .161 = -.772.
    assert "-1.000 (-1.000 to -0.772), no shared prompt" in output


def test_languages_gone_and_new():
    write("s.parquet", scores("one", RIGHT, {"fr": [1] * 6, "pt": [1] * 6}))
    call("gate", "s.parquet", "--store", "base.json")
    write("s.parquet", scores("one", RIGHT, {"fr": [1] * 6, "de": [1] * 6}))
    output = call("gate", "s.parquet", "--baseline", "base.json", status=1).stdout
    assert "✗ correct_language[pt] no worse than the baseline (one): there are no values now" in output
    assert "[de]" not in output and "1 of 2 rules failed" in output


def test_nothing_is_kept_where_a_rule_fails():
    one_file()
    result = call("gate", "s.parquet", "--require", "correct_language[pt] > .9", "--store", "base.json", status=1)
    assert not Path("base.json").exists()
    assert "left as it is" in result.stderr


def test_as_json_with_annotations_beside(monkeypatch):
    one_file()
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    arguments = ("gate", "s.parquet", "--require", "correct_language[pt] >= 90%", "--json")
    result = call(*arguments, status=1)
    found = json.loads(result.stdout)
    assert found["holds"] is False
    (rule,) = found["rules"]
    (reading,) = rule["readings"]
    assert (rule["rule"], rule["holds"], rule["rater"]) == ("correct_language[pt] >= 90%", False, f"scorer:{RIGHT}")
    assert (reading["language"], reading["level"], reading["n"]) == ("pt", 0.5, 10)
    assert result.stderr.startswith("::error::s.parquet: correct_language[pt] >= 90%25 (one): 0.500")


def test_an_annotation_is_one_line_whatever_it_says():
    assert annotation("a\n::warning::b\r%") == "::error::a ::warning::b %25"


def test_rules_from_a_file():
    one_file()
    Path("rules.yaml").write_text('- "correct_language[fr] >= .9"\n- "correct_language[pt] >= .9"\n')
    found = as_json("gate", "s.parquet", "--rules", "rules.yaml", status=1)
    assert [rule["holds"] for rule in found["rules"]] == [True, False]


def test_a_study_is_judged_by_what_it_selects(monkeypatch):
    rows = scores("base", RIGHT, {"fr": [0] * 6}) + scores("low", RIGHT, {"fr": [1] * 6})
    study = write_study(monkeypatch, rows + scores("high", RIGHT, {"fr": [1] * 3 + [0] * 3}))
    rules = (
        "correct_language[fr] >= .9",
        "correct_language[fr]@lr 5e-3 >= .5",
        "correct_language[fr]@untuned base <= 0",
    )
    found = as_json("gate", "quick.yaml", *(part for rule in rules for part in ("--require", rule)))
    assert [rule["configuration"] for rule in found["rules"]] == ["lr 5e-4", "lr 5e-3", "untuned base"]
    by_run = as_json("gate", "quick.yaml", "--require", rules[0], "--run", study.cells[2].name, status=1)
    assert by_run["rules"][0]["readings"][0]["level"] == 0.5


def test_what_cannot_be_judged():
    one_file()
    write("two.parquet", scores("one", RIGHT, {"fr": [1]}) + scores("two", RIGHT, {"fr": [1]}))
    Path("rules.yaml").write_text("a: b\n")
    Path("broken.yaml").write_text("- [\n")
    Path("numbers.yaml").write_text("- 3\n")
    Path("base.json").write_text('{"crosstune_baseline": 9}')
    Path("damaged.json").write_text('{"crosstune_baseline": 1, "configurations": {"a": {"f": {"values": {}}}}}')
    Path("other.json").write_text("[]")
    rule = ("--require", "correct_language[fr] > 0")
    for arguments, kind, problem in (
        (["s.parquet"], InvalidStudy, "there is no rule"),
        (["two.parquet", *rule], InvalidData, "2 models in it; say which: --run; there are: one; two"),
        (["two.parquet", *rule, "--run", "tow"], InvalidData, "there is no 'tow'; did you mean 'two'?"),
        (["s.parquet", "--rules", "rules.yaml"], InvalidStudy, "no list of rules"),
        (["s.parquet", "--rules", "broken.yaml"], InvalidStudy, "cannot be read"),
        (["s.parquet", "--rules", "numbers.yaml"], InvalidStudy, "rule 1: not a rule"),
        (["s.parquet", "--rules", "nope.yaml"], InvalidStudy, "no such file"),
        (["s.parquet", "--baseline", "nope.json"], InvalidData, "no such file; make one with --store"),
        (["s.parquet", "--baseline", "base.json"], InvalidData, "version 9"),
        (["s.parquet", "--baseline", "damaged.json"], InvalidData, "damaged"),
        (["s.parquet", "--baseline", "other.json"], InvalidData, "no baseline"),
    ):
        with pytest.raises(kind, match=problem):
            call("gate", *arguments)
