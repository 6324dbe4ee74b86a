"""`training.processes` in a study: what it needs, what is said of it, and that it decides no result."""

import json

import pytest
import yaml

from crosstune.steps.fingerprint import canonical
from crosstune.steps.store import MANIFEST, MANIFEST_KEYS
from crosstune.study import plan as plans
from crosstune.study.machines import Machine
from crosstune.study.study import Study

EIGHT_GPUS = Machine("a machine", True, 80 << 30, 1e15, 3e12, count=8)


@pytest.fixture
def load(quick, tmp_path):
    def load(**training):
        quick["training"] = {**quick["training"], **training}
        (tmp_path / "study.yaml").write_text(yaml.safe_dump(quick))
        return Study.load(tmp_path / "study.yaml", root=tmp_path / "runs")

    return load


def trainings(study):
    return [cell.training for cell in study.graph.cells if cell.training is not None]


def test_processes_decide_no_result_and_need_as_many_gpus(load):
    alone, shared = trainings(load()), trainings(load(processes=4, sharding="fsdp"))
    assert [step.fingerprint for step in shared] == [step.fingerprint for step in alone]
    of_one, of_four = alone[0].needs, shared[0].needs
    assert (of_one.cpus, of_one.gpus) == (4, 1)
    assert (of_four.cpus, of_four.gpus) == (16, 4)
    # Without GPUs: Python and its libraries in each, of which one takes half a gibibyte.
    assert of_four.memory_bytes > of_one.memory_bytes + (3 << 29)


def notes(study, monkeypatch, machine):
    monkeypatch.setattr(plans, "this_machine", lambda: machine)
    return [note for note in study.plan().notes if "processes" in note]


def test_a_plan_tells_what_a_machine_lacks_for_them(load, monkeypatch):
    assert notes(load(), monkeypatch, EIGHT_GPUS) == []
    assert notes(load(processes=8), monkeypatch, EIGHT_GPUS) == []
    (note,) = notes(load(processes=9), monkeypatch, EIGHT_GPUS)
    assert note.startswith("training.processes is 9, a GPU each, and this machine has 8: such tunings fail here")
    (note,) = notes(load(processes=2), monkeypatch, Machine("cores", False, 1 << 40, 1e12, 1e10))
    assert note.startswith("training.processes is 2: without GPUs they share the cores")


def test_time_is_that_of_earlier_tunings_by_as_many_processes(load, monkeypatch, tmp_path):
    monkeypatch.setattr(plans, "this_machine", lambda: EIGHT_GPUS)
    study = load(processes=2)
    step = trainings(study)[0]
    for name, processes, speed in (("one", 1, 100.0), ("two", 2, 160.0)):
        folder = tmp_path / "runs" / "training" / f"{name}-00000000"
        folder.mkdir(parents=True)
        facts = {"tokens": 5000, "tokens_per_second": speed, "processes": processes}
        (folder / "training.json").write_text(json.dumps(facts))
        manifest = dict.fromkeys(MANIFEST_KEYS, "") | {"config": canonical(step.config)}
        (folder / MANIFEST).write_text(json.dumps(manifest))
    # 4 updates of 256 tokens.
    seconds = [cell.training.cost.seconds for cell in study.plan().cells if cell.training is not None]
    assert seconds == [pytest.approx(4 * 256 / 160)] * 2
    seconds = [cell.training.cost.seconds for cell in load(processes=1).plan().cells if cell.training is not None]
    assert seconds == [pytest.approx(4 * 256 / 100)] * 2


def test_a_gpu_holds_less_of_what_is_sharded(load, monkeypatch):
    monkeypatch.setattr(plans, "this_machine", lambda: EIGHT_GPUS)

    def cost(**training):
        training = {"tokens_per_step": 8 * 2048, "tokens_per_device_batch": 2048, **training}
        return next(cell.training.cost for cell in load(**training).plan().cells if cell.training is not None)

    alone, copied, sharded = cost(), cost(processes=8), cost(processes=8, sharding="fsdp")
    assert copied.seconds == pytest.approx(alone.seconds / 8)
    assert copied.memory_bytes == alone.memory_bytes
    # 2 bytes each of 268,098,176 frozen weights: an eighth stays. What is together for a while: 2 bytes each of the
    # output layer (262,144 x 640) and of two layers of 18 that have all the other weights.
    left = 7 * 2 * 268_098_176 // 8
    together = 2 * (262_144 * 640 + 2 * (268_098_176 - 262_144 * 640) // 18)
    assert copied.memory_bytes - sharded.memory_bytes == pytest.approx(left - together, rel=0.02)
