"""`python -m crosstune` is the same as `crosstune`."""

from crosstune.cli.main import main

main()
