"""A packaged model as the one GGUF file that its packages hold, for programs that read GGUF themselves.

    <cache>/models/<name>-<hash8>.gguf    joined once, of models that come in parts

A model that comes whole is read where its package lies. Either way the SHA-256 of the whole is checked.
"""

import hashlib
import shutil
from pathlib import Path

from crosstune.errors import ModelUnavailable, StorageFailure
from crosstune.models.packaged import PackagedModel, packaged_parts
from crosstune.storage.atomic import atomic_path, make_folder, storage_errors
from crosstune.storage.digests import cache_folder, file_digest
from crosstune.storage.locks import lock


def packaged_gguf(model: PackagedModel) -> Path:
    """The GGUF file of a packaged model, joined first if it comes in parts.

    Raises:
        ModelUnavailable: its package is not installed, or is not what its checksum says.
        StorageFailure: no space or permission to write it.
    """
    parts = packaged_parts(model)
    if len(parts) == 1:
        require_checksum(model, file_digest(parts[0]), parts[0].parent)
        return parts[0]
    joined = cache_folder() / "models" / f"{model.name}-{model.sha256[:8]}.gguf"
    with storage_errors(joined):
        make_folder(joined.parent)
    with lock(joined.with_suffix(".gguf.lock"), f"joining {model.name}"):
        if joined.is_file() and file_digest(joined) == model.sha256:
            return joined
        needed, free = sum(part.stat().st_size for part in parts), shutil.disk_usage(joined.parent).free
        if free < needed:
            raise StorageFailure(
                f"no space left to join {model.name}: {needed / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free",
                where=str(joined.parent),
                hint="free some space, or set CROSSTUNE_CACHE to a folder on a larger disk",
            )
        with atomic_path(joined) as temporary:
            join_verified(model, parts, temporary)
    return joined


def join_verified(model: PackagedModel, parts: list[Path], joined: Path) -> None:
    """Joins the parts of a GGUF file, checking the SHA-256 of the whole.

    Raises:
        ModelUnavailable: it is not what its checksum says.
    """
    digest = hashlib.sha256()
    with joined.open("wb") as target:
        for part in parts:
            with part.open("rb") as source:
                while block := source.read(1 << 20):
                    digest.update(block)
                    target.write(block)
    require_checksum(model, digest.hexdigest(), parts[0].parent)


def require_checksum(model: PackagedModel, found: str, where: Path) -> None:
    """Refuses a file whose SHA-256 is not the one that is pinned.

    Raises:
        ModelUnavailable: it is another.
    """
    if found != model.sha256:
        raise ModelUnavailable(
            f"base model '{model.name}' is not what its checksum says: SHA-256 {found[:16]}... instead of "
            f"{model.sha256[:16]}...",
            where=str(where),
            hint=f"install its package again: {model.install} --force-reinstall --no-cache-dir",
        )
