import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# No deadlines: the machine may be busy. In CI the same cases each time: new ones are for those who can look into them.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

sys.path.insert(0, str(Path(__file__).parent))
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """The folder of a tiny base model."""
    from tiny import write_tiny_model

    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny-llama")


@pytest.fixture
def reference():
    """The folder of the paper's published files, which are not part of the project; its tests are skipped without."""
    folder = Path(os.environ.get("CROSSTUNE_REFERENCE") or Path(__file__).parents[2] / "shared" / "reference")
    if not folder.is_dir():
        pytest.skip("the paper's published files are not here (set CROSSTUNE_REFERENCE to their folder)")
    return folder
