from pathlib import Path

from crosstune.training.checkpoints import mark_whole, newest_whole, remove_beyond
from crosstune.training.curve import CurveRow, open_curve, recorded_updates


def checkpoint(folder: Path, step: int) -> Path:
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "optimizer.pt").write_bytes(b"12345")
    return path


def test_torn_checkpoints_are_passed_over_and_removed(tmp_path: Path) -> None:
    assert newest_whole(tmp_path, "a") is None
    good, cut, unmarked = (checkpoint(tmp_path, step) for step in (5, 10, 15))
    mark_whole(good)
    mark_whole(cut)
    (cut / "optimizer.pt").write_bytes(b"123")
    assert newest_whole(tmp_path, "a") == good
    assert not cut.exists()
    assert not unmarked.exists()


def test_checkpoints_of_another_training_are_not_gone_on_with(tmp_path: Path) -> None:
    newest_whole(tmp_path, "a")
    mark_whole(checkpoint(tmp_path, 5))
    assert newest_whole(tmp_path, "b") is None
    assert list(tmp_path.glob("checkpoint-*")) == []


def test_a_curve_goes_back_to_the_checkpoint(tmp_path: Path) -> None:
    log, _ = open_curve(tmp_path / "curve.jsonl", 0)
    rows = [CurveRow(step, step * 10, 0.1, 1.0, 1.0, float(step)) for step in (1, 2, 3)]
    log.append(rows)
    log, kept = open_curve(tmp_path / "curve.jsonl", 2)
    assert kept == rows[:2]
    assert log.read() == rows[:2]


def test_updates_on_record_are_counted_from_the_first_without_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "curve.jsonl"
    assert recorded_updates(path) == 0
    log, _ = open_curve(path, 0)
    log.append([CurveRow(step, step * 10, 0.1, 1.0, 1.0, float(step)) for step in (1, 2, 3, 5)])
    assert recorded_updates(path) == 3
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][:-9])
    assert recorded_updates(path) == 1


def test_checkpoints_beyond_what_is_on_record_are_removed(tmp_path: Path) -> None:
    for step in (5, 10, 15):
        checkpoint(tmp_path, step)
    remove_beyond(tmp_path, 10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-5"]
