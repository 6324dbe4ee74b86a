"""Measures every scorer again and writes the tables into docs/scorers.md.

python -m benchmarks.scorers                   all, in some minutes
python -m benchmarks.scorers --only facts      of one facet; `languages` is the table of languages
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from crosstune.scoring.score import SCORERS

PAGE = Path(__file__).parents[2] / "docs" / "scorers.md"
LANGUAGES = "languages"


def marks(name: str) -> tuple[str, str]:
    """What stands before and behind the tables of a facet."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def _languages() -> str:
    command = [sys.executable, "-m", "crosstune", "facets", "--markdown"]
    return subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8").stdout.strip()


def _tables(facet: str) -> str:
    return "\n\n".join(table.markdown() for table in import_module(f"benchmarks.scorers.{facet}").tables())


def sections() -> dict[str, Callable[[], str]]:
    """What each section is made by."""
    found: dict[str, Callable[[], str]] = {LANGUAGES: _languages}
    for facet in SCORERS:
        if find_spec(f"benchmarks.scorers.{facet}") is not None:
            found[facet] = lambda facet=facet: _tables(facet)
    return found


def replaced(page: str, name: str, content: str) -> str:
    """A page with new content between its marks."""
    begin, end = marks(name)
    if page.count(begin) != 1 or page.count(end) != 1:
        raise SystemExit(f"{PAGE.name} has no place for '{name}': it needs the lines {begin} and {end}")
    return re.sub(f"{begin}.*?{end}", lambda _: f"{begin}\n{content}\n{end}", page, flags=re.DOTALL)


def main() -> None:
    known = sections()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=known, help="one section")
    options = parser.parse_args()
    for name in [options.only] if options.only else known:
        print(name, flush=True)
        content = known[name]()
        PAGE.write_text(replaced(PAGE.read_text("utf-8"), name, content), "utf-8")


if __name__ == "__main__":
    main()
