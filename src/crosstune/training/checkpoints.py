"""Checkpoints that are known to be whole.

    checkpoints/
      training.json        what is trained; checkpoints of anything else are not gone on with
      checkpoint-<step>/   written by transformers' Trainer
        whole.json         written last: the size of every other file

A checkpoint without `whole.json`, or with a file of another size, was torn by a crash and is removed.
"""

import json
import logging
import shutil
from pathlib import Path

from crosstune.storage.atomic import storage_errors, write_atomic

logger = logging.getLogger(__name__)

_MARKER = "whole.json"
_IDENTITY = "training.json"


def file_sizes(folder: Path) -> dict[str, int]:
    """The bytes of every file in a folder, the mark of wholeness left out."""
    return {
        str(path.relative_to(folder)): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != _MARKER
    }


def mark_whole(folder: Path) -> None:
    """Says that all files of a checkpoint are written.

    Raises:
        StorageFailure: the marker cannot be written.
    """
    write_atomic(folder / _MARKER, json.dumps(file_sizes(folder), indent=1))


def is_whole(folder: Path) -> bool:
    """Whether every file that belongs to a checkpoint is there in full."""
    try:
        return bool(json.loads((folder / _MARKER).read_text("utf-8")) == file_sizes(folder))
    except (OSError, ValueError):
        return False


def step_of(folder: Path) -> int:
    """The number of updates after which a checkpoint was taken."""
    return int(folder.name.removeprefix("checkpoint-"))


def whole_checkpoint(checkpoints: Path, identity: str) -> Path | None:
    """The newest checkpoint that another training left to be gone on with. Changes nothing.

    Args:
        checkpoints: the folder of checkpoints.
        identity: of the training that asks.

    Returns:
        The checkpoint's folder; None when there is no whole one, or they belong to another training.
    """
    try:
        if (checkpoints / _IDENTITY).read_text("utf-8") != identity:
            return None
    except (OSError, ValueError):
        return None
    whole = [folder for folder in checkpoints.glob("checkpoint-*") if is_whole(folder)]
    return max(whole, key=step_of, default=None)


def keep_newest(checkpoints: Path) -> None:
    """Removes all checkpoints but the newest whole one.

    Raises:
        StorageFailure: one cannot be removed.
    """
    folders = sorted(checkpoints.glob("checkpoint-*"), key=step_of, reverse=True)
    kept = next((folder for folder in folders if is_whole(folder)), None)
    for folder in folders:
        if folder != kept:
            with storage_errors(folder):
                shutil.rmtree(folder)


def remove_beyond(checkpoints: Path, most: int) -> None:
    """Removes checkpoints taken after more updates than are on record: the others go on, and record them again.

    Raises:
        StorageFailure: one cannot be removed.
    """
    for folder in checkpoints.glob("checkpoint-*"):
        if step_of(folder) > most:
            with storage_errors(folder):
                shutil.rmtree(folder)


def newest_whole(checkpoints: Path, identity: str) -> Path | None:
    """The checkpoint to go on from.

    Removes torn ones, and all when they belong to another training.

    Args:
        checkpoints: the folder of checkpoints; made when absent.
        identity: of the training that asks.

    Returns:
        The checkpoint's folder, or None when there is none.

    Raises:
        StorageFailure: the folder cannot be written.
    """
    said = checkpoints / _IDENTITY
    if checkpoints.exists() and not (said.is_file() and said.read_text("utf-8") == identity):
        if any(checkpoints.glob("checkpoint-*")):
            logger.warning(
                "the checkpoints are of other libraries, data or settings: the training starts from its beginning"
            )
        with storage_errors(checkpoints):
            shutil.rmtree(checkpoints)
    if not checkpoints.exists():
        write_atomic(said, identity)
    whole = []
    for folder in checkpoints.glob("checkpoint-*"):
        if is_whole(folder):
            whole.append(folder)
        else:
            with storage_errors(folder):
                shutil.rmtree(folder)
    return max(whole, key=step_of, default=None)
