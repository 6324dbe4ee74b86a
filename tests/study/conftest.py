import copy

import pytest

QUICK = {
    "name": "quick",
    "base_models": ["gemma-3-270m"],
    "instructions": [{"source": "starter-en", "examples": 20}],
    "learning_rate": [5e-4, 5e-3],
    "training": {"max_steps": 4, "tokens_per_step": 256, "max_length": 128},
    "prompts": {"sets": ["everyday"], "languages": ["en", "fr"], "limit": 3},
    "generation": {"max_new_tokens": 8},
}


@pytest.fixture
def quick():
    """A valid study as plain data, free to be changed."""
    return copy.deepcopy(QUICK)
