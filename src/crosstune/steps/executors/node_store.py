"""Where a machine of a cluster keeps what it makes, when results go through a store that machines share."""

import copy
import os
from pathlib import Path

from crosstune.errors import CrosstuneError
from crosstune.steps.remote import RemoteStore
from crosstune.steps.shared import SharedStore
from crosstune.steps.store import Store
from crosstune.storage.digests import cache_folder

NODE_ROOT = "CROSSTUNE_NODE_ROOT"
"""The root of a machine that shares none; `{node}` becomes the id of the node. Default: `runs` in the cache."""


def store_on_node(store: Store, token: Path, node: str) -> tuple[Store, bool]:
    """The store as this machine has it.

    Args:
        store: of the machine that started the run.
        token: a file below its root.
        node: the id of this one.

    Returns:
        The store, and whether its root is that of the machine that started the run.
    """
    if not isinstance(store, SharedStore):
        return store, True
    store.remote.bear_refusals()
    own = os.environ.get(NODE_ROOT)
    if own is None and token.is_file():
        return store, True
    here = copy.copy(store)
    here.root = Path(own.replace("{node}", node)) if own else cache_folder() / "runs"
    return here, False


def blindness(remote: RemoteStore, identity: str | None) -> str | None:
    """Why this machine cannot use a store, or None.

    Args:
        remote: the store.
        identity: that the machine which started the run has found there.
    """
    try:
        found = remote.identity()
    except CrosstuneError as error:
        return str(error)
    if found != identity:
        return f"it does not find at {remote.url} what the machine that started the run finds there"
    return None
