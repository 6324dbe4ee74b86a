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
if "PYTEST_XDIST_WORKER" in os.environ:  # one of several processes that share the cores and the tests
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.pop("COLUMNS", None)  # set by pytest-xdist; tests say how wide a terminal is


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """The folder of a tiny base model."""
    from tiny import write_tiny_model

    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny-llama")


@pytest.fixture(scope="session")
def ray_cluster():
    """A Ray cluster of three nodes of one CPU each, as processes of their own: one start for all tests that need it."""
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    node = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}
    made = cluster_utils.Cluster(initialize_head=True, head_node_args=node)
    for _ in range(2):
        made.add_node(wait=False, **node)
    made.wait_for_nodes()
    yield made
    made.shutdown()


@pytest.fixture
def reference():
    """The folder of the paper's published files, which are not part of the project; its tests are skipped without."""
    folder = Path(os.environ.get("CROSSTUNE_REFERENCE") or Path(__file__).parents[2] / "shared" / "reference")
    if not folder.is_dir():
        pytest.skip("the paper's published files are not here (set CROSSTUNE_REFERENCE to their folder)")
    return folder
