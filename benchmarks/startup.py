"""How long `crosstune --help` and `crosstune plan` take, beside `python -c pass` and importing torch.

python -m benchmarks.startup
"""

import subprocess
import sys
import time

from benchmarks import record
from benchmarks.record import Row

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "crosstune --help": [sys.executable, "-m", "crosstune", "--help"],
    "crosstune plan studies/quickstart.yaml": [sys.executable, "-m", "crosstune", "plan", "studies/quickstart.yaml"],
    "crosstune plan studies/paper.yaml": [sys.executable, "-m", "crosstune", "plan", "studies/paper.yaml"],
    "python -c 'import torch'": [sys.executable, "-c", "import torch"],
}
REPEATS = 7
AIMS = {"crosstune --help": 1.0, "crosstune plan studies/quickstart.yaml": 1.0}
"""Seconds within which a command is felt to answer at once."""


def main() -> None:
    options = record.parser(__doc__).parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(2 if options.quick else REPEATS):
        for name, command in COMMANDS.items():  # interleaved, so that a slow minute of the machine hits all alike
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds[name].append(time.perf_counter() - started)
    lines = ["| command | seconds, median (range) |", "|---|---|"]
    lines += [f"| `{name}` | {record.spread(times)} |" for name, times in seconds.items()]
    rows = [Row(f"`{name}`", "", seconds[name], "s", at_most=aim) for name, aim in AIMS.items()]
    record.finish(options, "startup", "\n".join(lines), rows)


if __name__ == "__main__":
    main()
