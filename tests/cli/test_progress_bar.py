"""What work that takes long says where there is no terminal."""

from crosstune.cli import progress_bar
from crosstune.progress import Progress


def test_a_line_now_and_then_without_a_terminal(monkeypatch, capsys):
    now = iter([0.0, 10.0, 31.0, 31.0, 40.0])
    monkeypatch.setattr(progress_bar.time, "monotonic", lambda: next(now))
    with progress_bar.ProgressBar("checking a.csv") as bar:
        for done in (500, 1000, 1500):
            bar.on_progress(Progress(done, 2000, "rows"))
    assert capsys.readouterr().err == "checking a.csv: 1000/2000 rows\n"
