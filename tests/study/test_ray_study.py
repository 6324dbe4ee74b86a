"""Whole studies on a Ray cluster of three node processes: one of them killed on the way, and a search by halving."""

import json
import subprocess
import sys
from contextlib import contextmanager

import psutil
import pytest

from crosstune import Study
from crosstune.errors import InvalidStudy
from crosstune.steps import executors
from crosstune.steps.events import Advanced, Finished, Found, Started
from crosstune.study.cluster import library_versions, ray_executor
from crosstune.study.document import dump_yaml

pytest.importorskip("ray")
cluster_utils = pytest.importorskip("ray.cluster_utils")

pytestmark = pytest.mark.enable_socket  # of this process and the nodes, all on this machine
NODE = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}


@pytest.fixture
def tiny(quick, tiny_model, tmp_path):
    """A study of one training with some updates, so that there is a middle."""
    quick |= {"name": "tiny", "base_models": [str(tiny_model)], "learning_rate": 5e-3}
    quick["training"] = {
        "max_steps": 12,
        "tokens_per_step": 900,
        "tokens_per_device_batch": 512,
        "max_length": 512,
        "save_every": 1,
    }
    (tmp_path / "tiny.yaml").write_text(dump_yaml(quick))
    return tmp_path / "tiny.yaml"


@pytest.fixture(params=["a folder", "a store alone"])
def store_url(request, tmp_path, monkeypatch):
    """What nodes share: the root, or only the store whose URL this is."""
    if request.param == "a folder":
        return None
    monkeypatch.setenv("CROSSTUNE_NODE_ROOT", str(tmp_path / "node-{node}"))
    monkeypatch.setenv("CROSSTUNE_SNAPSHOT_SECONDS", "0.1")
    return str(tmp_path / "store")


@contextmanager
def one_thread():
    """As on a node: sums are taken in the same order."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def comparable(tables):
    responses = tables.responses.drop("seconds").sort("run", "language", "prompt_id").to_dicts()
    losses = tables.curves.select("run", "step", "loss").sort("run", "step").to_dicts()
    return responses, losses, tables.scores.sort("run", "language", "prompt_id", "rater", "facet").to_dicts()


def event_folder(events, kind):
    return next(event.step.folder for event in events if isinstance(event, Finished) and event.step.kind == kind)


@pytest.mark.chaos
def test_a_node_is_killed_in_a_training_and_the_tables_are_those_of_one_machine(store_url, tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    overrides = ["training.max_steps=40"] if store_url is not None else []  # so that there is time for snapshots
    # The node that leads the cluster takes no steps: it is the one that cannot be lost.
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args=NODE | {"num_cpus": 0})
    others = [cluster.add_node(wait=False, **NODE) for _ in range(2)]
    cluster.wait_for_nodes()
    study, events = Study.load(tiny, overrides=overrides, root=tmp_path / "runs", store=store_url), []
    killed = []

    def kill(event):
        events.append(event)
        if killed or not isinstance(event, Advanced) or event.step.kind != "training" or event.progress.done < 2:
            return
        if store_url is not None and not list((tmp_path / "store").glob("under-way/training/*/snapshot.json")):
            return
        name = f".locks/training/{event.step.fingerprint[:8]}.lock.holder"
        (holder,) = tmp_path.glob(f"runs/{name}") if store_url is None else tmp_path.glob(f"node-*/{name}")
        node_process = psutil.Process(json.loads(holder.read_text())["pid"]).ppid()
        victim = next((node for node in others if node.all_processes["raylet"][0].process.pid == node_process), None)
        if victim is not None:
            killed.append(event.step.name)
            cluster.remove_node(victim, allow_graceful=False)

    try:
        tables = study.run(on_event=kill, executor=ray_executor(cluster.address))
    finally:
        cluster.shutdown()
    resumed = [event.step.name for event in events if isinstance(event, Started) and event.resumed]
    assert killed and resumed == killed
    finished = [event.step.folder for event in events if isinstance(event, Finished)]
    assert sorted(finished) == sorted(step.folder for step in study.steps)
    with one_thread():
        alone = Study.load(tiny, overrides=overrides, root=tmp_path / "alone").run()
    assert comparable(tables) == comparable(alone)
    if store_url is not None:
        assert not list((tmp_path / "store" / "under-way").rglob("*-*"))
        assert len(list(tmp_path.glob(f"node-*/{event_folder(events, 'training')}*"))) == 2  # begun here, ended there


HALVING = "{strategy: halving, rungs: [0.5], keep: 0.5, by: correct_language, probe: {prompts: 5, max_new_tokens: 3}}"


def halved(path, cluster, tmp_path, *, store=None, **settings):
    """The tables of a study that is searched by halving, on the cluster and on one machine; and what was trained."""
    settings = {"search": HALVING, "prompts.limit": 5, "scorers": "[correct_language]"} | settings
    overrides = [f"{name}={value}" for name, value in settings.items()]
    study, events = Study.load(path, overrides=overrides, root=tmp_path / "runs", store=store), []
    tables = study.run(on_event=events.append, executor=ray_executor(cluster.address))
    trained = [event.step.name for event in events if isinstance(event, Finished) and event.step.kind == "training"]
    with one_thread():
        alone = Study.load(path, overrides=overrides, root=tmp_path / "alone").run()
    # What the cluster finished, one machine finds: the same steps by the same names.
    found = []
    Study.load(path, overrides=overrides, root=tmp_path / "runs", store=store).run(on_event=found.append)
    assert found and all(isinstance(event, Found) for event in found)
    return tables, alone, [int(name.rpartition("_to")[2]) if "_to" in name else "whole" for name in trained]


def same(tables, alone):
    return (
        tables.pruned.equals(alone.pruned)
        and tables.cells.equals(alone.cells)
        and comparable(tables) == comparable(alone)
    )


def test_a_search_by_halving_keeps_on_a_cluster_what_it_keeps_on_one_machine(
    tiny, ray_cluster, tmp_path, graded, quick_steps
):
    tables, alone, trained = halved(tiny, ray_cluster, tmp_path, learning_rate="[1e-3, 5e-3, 1e-2]")
    # All three to update 6 of 12; the better half of them, 1e-3 with all right and 1e-2 with 3 of 5, to the end.
    assert sorted(map(str, trained)) == ["6", "6", "6", "whole", "whole"]
    assert tables.cells["learning_rate"].to_list() == [None, 1e-3, 1e-2]
    assert same(tables, alone)


@pytest.mark.chaos
@pytest.mark.usefixtures("graded")
def test_a_search_by_halving_of_real_trainings_gives_the_same_tables(tiny, ray_cluster, tmp_path, store_url, caplog):
    settings = {
        "learning_rate": "[1e-3, 5e-3]",
        "training": "{max_steps: 2, tokens_per_step: 256, tokens_per_device_batch: 256, max_length: 128}",
    }
    tables, alone, trained = halved(tiny, ray_cluster, tmp_path, store=store_url, **settings)
    assert "from its beginning" not in caplog.text and "starts from the beginning" not in caplog.text
    assert sorted(map(str, trained)) == ["1", "1", "whole"]
    assert tables.cells["learning_rate"].to_list() == [None, 1e-3]
    assert same(tables, alone)


def test_versions_that_must_agree_are_those_of_libraries():
    versions = library_versions()
    assert {"python", "torch", "transformers", "crosstune"} <= set(versions)
    assert not {"platform", "commit"} & set(versions)


def test_options_of_a_cluster_need_the_executor(tiny):
    command = [sys.executable, "-m", "crosstune", "run", str(tiny), "--slots", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "--slots goes with --executor ray" in done.stderr


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "crosstune.steps.executors.ray", raising=False)
    monkeypatch.delattr(executors, "ray", raising=False)
    with pytest.raises(InvalidStudy, match=r"crosstune\[ray\]"):
        ray_executor()
