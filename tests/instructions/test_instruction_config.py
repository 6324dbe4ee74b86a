"""What a study file may say of instructions."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from crosstune.instructions.config import InstructionsConfig


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"source": "starter-en"}, "starter-en"),
        ({"source": "starter-en", "examples": 200}, "starter-en-200"),
        ({"source": "starter-en", "examples": 200, "seed": 3}, "starter-en-200-seed3"),
        ({"source": "../data/lima.en.jsonl", "examples": 50}, "lima.en-50"),
        ({"source": "./my data (1).json", "where": {"by": "a/b"}}, "my-data-1-a-b"),
        ({"source": "hub:databricks/databricks-dolly-15k"}, "databricks-dolly-15k"),
        (
            {"source": "hub:CohereLabs/aya_collection", "config": "translated_dolly", "where": {"language": "fra"}},
            "aya_collection-translated_dolly-fra",
        ),
    ],
)
def test_names(settings: dict[str, object], name: str) -> None:
    assert InstructionsConfig.model_validate(settings).name == name


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"source": "starter-en", "exampels": 3}, "exampels"),
        ({"source": "starter-en", "examples": 0}, "examples"),
        ({"source": ""}, "source"),
        ({"source": "starter-en", "format": "alpca"}, "did you mean 'alpaca'"),
        ({"source": "starter-en", "language": "fra"}, "did you mean 'fr'"),
        ({"source": "starter-en", "split": "train"}, "hub only"),
        ({"source": "hub:dolly"}, "hub:org/name"),
    ],
)
def test_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        InstructionsConfig.model_validate(settings)


def test_configs_import_nothing_heavy() -> None:
    code = (
        "import sys, crosstune.instructions.config, crosstune.prompts.config, crosstune.scoring.score\n"
        "heavy = {'torch', 'transformers', 'datasets', 'polars', 'fasttext', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
