"""`python -m benchmarks` runs every benchmark with its defaults; arguments go to the one there is a name for.

python -m benchmarks                     starting up, data, training
python -m benchmarks.training --help     the options of one
"""

import subprocess
import sys

for name in ("startup", "data", "training"):
    subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)
