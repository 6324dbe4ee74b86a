import subprocess
import sys

import pytest
from pydantic import ValidationError

from crosstune.training.config import TRACKERS, Adaptation, Full, Lora, TrainingConfig


def test_importing_it_loads_no_heavy_library() -> None:
    code = (
        "import sys, crosstune.training.config;"
        "print([n for n in ('torch','transformers','polars','datasets','trl','peft') if n in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_adaptation_is_exactly_one() -> None:
    assert Adaptation(lora=Lora(rank=8)).name == "lora r8"
    assert Adaptation(full=Full()).name == "full"
    for wrong in ({}, {"full": {}, "lora": {}}):
        with pytest.raises(ValidationError, match="exactly one"):
            Adaptation.model_validate(wrong)


def test_unknown_tracker_names_the_nearest() -> None:
    with pytest.raises(ValidationError, match="did you mean 'wandb'"):
        TrainingConfig(report_to=("wandbb",))


def test_trackers_are_those_of_transformers() -> None:
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

    assert set(TRACKERS) == set(INTEGRATION_TO_CALLBACK)


def test_an_example_must_fit_on_a_device() -> None:
    with pytest.raises(ValidationError, match="max_length"):
        TrainingConfig(max_length=2048, tokens_per_device_batch=1024)
