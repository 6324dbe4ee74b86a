"""How long `crosstune --help` and `crosstune plan` take, beside `python -c pass` and importing torch.

python -m benchmarks.startup
"""

import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "crosstune --help": [sys.executable, "-m", "crosstune", "--help"],
    "crosstune plan studies/quickstart.yaml": [sys.executable, "-m", "crosstune", "plan", "studies/quickstart.yaml"],
    "crosstune plan studies/paper.yaml": [sys.executable, "-m", "crosstune", "plan", "studies/paper.yaml"],
    "python -c 'import torch'": [sys.executable, "-c", "import torch"],
}
REPEATS = 7


def main() -> None:
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(REPEATS):
        for name, command in COMMANDS.items():  # interleaved, so that a slow minute of the machine hits all alike
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds[name].append(time.perf_counter() - started)
    print("| command | seconds, median (range) |\n|---|---|")
    for name, times in seconds.items():
        print(f"| `{name}` | {statistics.median(times):.2f} ({min(times):.2f} to {max(times):.2f}) |")


if __name__ == "__main__":
    main()
