"""Whether finished steps still hold what they held when they were finished.

Files of another size are found whenever a step is looked up (`Store.damage`). A changed byte is found by reading: that
takes time, so it is done for what is about to be built on or handed out, once a run.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from crosstune.steps.step import Step, in_order
from crosstune.steps.store import MANIFEST, State, Store
from crosstune.storage.atomic import storage_errors
from crosstune.storage.digests import file_digest


def content_damage(step: Step, store: Store) -> str | None:
    """What is wrong with the content of a finished step's files, or None.

    Files that are too large to have a digest in the manifest are judged by their size alone.
    """
    folder, manifest = store.folder(step), store.manifest(step)
    for name, facts in (manifest or {"files": {}})["files"].items():
        try:
            if "sha256" in facts and file_digest(folder / name, read_again=True) != facts["sha256"]:
                return f"{name} has other content than when it was finished"
        except OSError as error:
            return f"{name} cannot be read ({error.strerror})"
    return None


def difference(path: Path, facts: Mapping[str, Any]) -> str | None:
    """How a file differs from what is written of it (`bytes`, perhaps `sha256`), or None."""
    if not path.is_file():
        return "is missing"
    size = path.stat().st_size
    if size != facts["bytes"]:
        return f"has {size} bytes instead of {facts['bytes']}"
    if "sha256" in facts and file_digest(path, read_again=True) != facts["sha256"]:
        return "has other content than when it was finished"
    return None


def discard_damaged(wanted: Iterable[Step], store: Store) -> list[Step]:
    """Has finished steps with damaged content made again, as far as somebody is going to read them.

    Read are the wanted steps, and the inputs of every step that is to be run.

    Args:
        wanted: the steps wanted; their inputs are found from them.
        store: where outputs lie.

    Returns:
        The steps that are finished no more.

    Raises:
        StorageFailure: a manifest cannot be removed.
    """
    wanted = list(wanted)
    is_read = {step.folder for step in wanted}
    discarded = []
    for step in reversed(in_order(wanted)):  # what reads a step comes before it
        is_finished = store.state(step) is State.FINISHED
        if is_finished and step.folder in is_read and content_damage(step, store) is not None:
            with store.lock(step):
                if content_damage(step, store) is not None:  # and no other process has made it again meanwhile
                    manifest = store.folder(step) / MANIFEST
                    with storage_errors(manifest):
                        manifest.unlink()
            discarded.append(step)
            is_finished = False
        if not is_finished or store.again(step) is not None:
            is_read.update(other.folder for other in step.inputs.values())
    return discarded
