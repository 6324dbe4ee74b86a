"""Base models by name: a packaged one, a local folder, or a hub id. Downloads nothing and loads no torch."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from crosstune.errors import ModelUnavailable, did_you_mean
from crosstune.models.packaged import PACKAGED_MODELS
from crosstune.models.safetensors_header import DamagedSafetensors, weight_files
from crosstune.models.shape import ModelShape, shape_of_folder
from crosstune.models.well_known import well_known
from crosstune.storage.digests import file_digest
from crosstune.storage.paths import written_path

__all__ = ["BaseModel", "ModelShape", "model_identity", "resolve_base_model"]

CONVERSION_VERSION = 1
"""Raised when the conversion of packaged models gives other weights or another tokenizer."""

_HUB_ID = re.compile(r"(?P<id>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@(?P<revision>[\w./-]+))?")
_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
)


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A model to start from."""

    name: str
    """As the study names it."""
    kind: Literal["packaged", "folder", "hub"]
    location: str
    """The packaged name, the absolute path of the folder, or the hub id without its revision."""
    revision: str | None
    """Branch, tag or commit of a hub model; None: `main`, and for other kinds."""
    shape: ModelShape | None
    """None when it is not known before the model is downloaded."""
    chat_format: str | None
    """The format that fits it; None when nothing speaks for one."""


def _hub_cache() -> Path:
    # As huggingface_hub finds it; importing that to ask costs more than all the rest here.
    if chosen := os.environ.get("HF_HUB_CACHE"):
        return Path(chosen)
    if home := os.environ.get("HF_HOME"):
        return Path(home) / "hub"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "huggingface" / "hub"


def cached_snapshot(hub_id: str, revision: str | None) -> Path | None:
    """The folder of a hub model that was downloaded before, or None; reads names only."""
    repository = _hub_cache() / f"models--{hub_id.replace('/', '--')}"
    reference = repository / "refs" / (revision or "main")
    commit = reference.read_text("utf-8").strip() if reference.is_file() else revision
    snapshot = repository / "snapshots" / commit if commit else None
    return snapshot if snapshot is not None and snapshot.is_dir() else None


def _own_template(folder: Path) -> str | None:
    if (folder / "chat_template.jinja").exists():
        return "model"
    config = folder / "tokenizer_config.json"
    if config.exists() and '"chat_template"' in config.read_text("utf-8", errors="replace"):
        return "model"
    return None


def _folder(name: str, folder: Path, where: str | None) -> BaseModel:
    if not folder.is_dir():
        raise ModelUnavailable(f"base model '{name}': no such folder", where=where, hint=f"looked for {folder}")
    if not (folder / "config.json").is_file():
        hint = "it must hold config.json, model*.safetensors and the tokenizer's files"
        if (folder / "adapter_config.json").is_file():
            hint = "it holds a LoRA adapter; name the base model that the adapter was made for instead"
        raise ModelUnavailable(f"base model '{name}': the folder has no config.json", where=where, hint=hint)
    return BaseModel(
        name=name,
        kind="folder",
        location=str(folder),
        revision=None,
        shape=shape_of_folder(folder),
        chat_format=_own_template(folder),
    )


def resolve_base_model(name: str, *, where: str | None = None, base: Path | None = None) -> BaseModel:
    """The base model that a study means by `name`.

    A packaged name comes first, then a folder (`./x`, `../x`, `/x`, `~/x`, or any path that holds a `config.json`),
    then a hub id `org/name` or `org/name@revision`.

    Args:
        name: as written in the study.
        where: place of the name, for errors.
        base: folder that relative paths start from; None: the current one.

    Raises:
        ModelUnavailable: it is none of these; names the nearest packaged model.
    """
    if (packaged := PACKAGED_MODELS.get(name)) is not None:
        return BaseModel(name, "packaged", name, None, packaged.shape, packaged.chat_format)
    folder = written_path(name, base or Path()).resolve()
    if name.startswith(("./", "../", "/", "~")) or name in (".", "..") or (folder / "config.json").is_file():
        return _folder(name, folder, where)
    if (match := _HUB_ID.fullmatch(name)) is not None:
        hub_id, revision = match["id"], match["revision"]
        known = well_known(hub_id)
        if known is not None:
            return BaseModel(name, "hub", hub_id, revision, *known)
        snapshot = cached_snapshot(hub_id, revision)
        return BaseModel(
            name=name,
            kind="hub",
            location=hub_id,
            revision=revision,
            shape=shape_of_folder(snapshot) if snapshot else None,
            chat_format=_own_template(snapshot) if snapshot else None,
        )
    raise ModelUnavailable(
        f"'{name}' is not a base model crosstune knows",
        where=where,
        hint=f"{did_you_mean(name, PACKAGED_MODELS)} (a hub id is written org/name, a folder ./name)",
    )


def model_identity(model: BaseModel) -> dict[str, object]:
    """What decides the content of a base model, for fingerprints: plain strings and numbers.

    A folder counts by the content of its files, wherever it lies; a packaged model by its checksum and the version
    of the conversion; a hub model by id and revision, as it must have the same identity before and after it is
    downloaded (name a commit to fix the content).

    Raises:
        ModelUnavailable: a file of a folder is missing or cannot be read.
    """
    if model.kind == "packaged":
        sha256 = PACKAGED_MODELS[model.location].sha256
        return {"kind": "packaged", "gguf_sha256": sha256, "conversion": CONVERSION_VERSION}
    if model.kind == "hub":
        return {"kind": "hub", "id": model.location, "revision": model.revision or "main"}
    folder = Path(model.location)
    try:
        names = ["config.json", *weight_files(folder), *(n for n in _TOKENIZER_FILES if (folder / n).is_file())]
        return {"kind": "folder", "files": {name: file_digest(folder / name) for name in sorted(names)}}
    except (OSError, DamagedSafetensors) as error:
        raise ModelUnavailable(
            f"base model '{model.name}' cannot be read ({error})",
            where=str(folder),
            hint="it must hold config.json, model*.safetensors and the tokenizer's files",
        ) from error
