"""Paths that people write: `~` expanded, relative ones from a folder, impossible ones no worse than missing ones."""

from pathlib import Path


def written_path(text: str, base: Path) -> Path:
    """The path that a user means.

    Args:
        text: as written, perhaps with `~`.
        base: what relative paths start from.

    Returns:
        A path that can be asked whether it exists. For text that no path can have (too long, a NUL, an unknown user's
        home) one that does not.
    """
    try:
        path = base / Path(text).expanduser()
        path.exists()
    except (OSError, ValueError, RuntimeError):
        return base / "\ufffd" / "not a possible path"
    return path
