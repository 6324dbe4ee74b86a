"""`python -m benchmarks` runs every benchmark with its defaults; arguments go to the one there is a name for.

python -m benchmarks                     all of them, some minutes
python -m benchmarks.training --help     the options of one
"""

import subprocess
import sys

for name in ("startup", "data", "identification", "pass_rates", "scoring", "judging", "engine", "training"):
    subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)
