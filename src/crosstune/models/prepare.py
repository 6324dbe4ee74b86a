"""Makes a base model ready: a local folder with `config.json`, safetensors and the tokenizer, checked to be whole.

A packaged model is converted once, in the user's cache:

    <cache>/models/<name>-<hash8>-v<conversion>/    config.json, model.safetensors, tokenizer.json, ...
        crosstune.json                              manifest, written last: size and SHA-256 of each file
    <cache>/models/<name>.lock                      held while converting
    <cache>/models/.<name>-*.partial/               a conversion under way; removed when found without its holder
"""

import hashlib
import io
import json
import os
import shutil
import tempfile
from contextlib import redirect_stderr, suppress
from pathlib import Path
from typing import Any

from crosstune.errors import ModelUnavailable, StorageFailure
from crosstune.models.base import CONVERSION_VERSION, BaseModel, cached_snapshot
from crosstune.models.hub import download
from crosstune.models.packaged import PACKAGED_MODELS, PackagedModel, packaged_parts
from crosstune.models.packaged_gguf import join_verified
from crosstune.models.safetensors_header import DamagedSafetensors, weight_files, weights_header
from crosstune.progress import OnProgress, Progress, ignore_progress
from crosstune.storage.atomic import storage_errors, sync_folder, write_atomic
from crosstune.storage.digests import cache_folder
from crosstune.storage.locks import lock

MANIFEST = "crosstune.json"
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")
_CONVERSION_STEPS = 4


def prepare(model: BaseModel, on_progress: OnProgress = ignore_progress) -> Path:
    """The folder of a base model, downloaded or converted if it is not there yet.

    Args:
        model: from `base.resolve_base_model`.
        on_progress: told of the steps of a conversion or download; not called when nothing is to be done.

    Returns:
        A folder with `config.json`, `*.safetensors` and the tokenizer's files.

    Raises:
        ModelUnavailable: it is not installed, not reachable, truncated, or not what its checksum says.
        StorageFailure: no space or permission to write it.
    """
    if model.kind == "packaged":
        return _prepare_packaged(PACKAGED_MODELS[model.location], on_progress)
    folder = download(model.location, model.revision, on_progress) if model.kind == "hub" else Path(model.location)
    hint = (
        "delete that folder and run again to download it anew"
        if model.kind == "hub"
        else "copy or download the model again"
    )
    check_folder(folder, model.name, hint)
    return folder


def preparation_note(model: BaseModel) -> str | None:
    """What `prepare` would have to do first, in a sentence for a plan; None when the model is ready to be read."""
    if model.kind == "packaged":
        packaged = PACKAGED_MODELS[model.location]
        if _is_whole(_converted_folder(packaged)):
            return None
        return f"{model.name} is converted first, once, in about a minute: {2 * packaged.shape.parameters / 1e9:.1f} GB"
    if model.kind == "hub" and cached_snapshot(model.location, model.revision) is None:
        size = f", about {2 * model.shape.parameters / 1e9:.0f} GB in bf16" if model.shape else ""
        return f"{model.name} is downloaded from the hub first{size}"
    return None


def _converted_folder(model: PackagedModel) -> Path:
    return cache_folder() / "models" / f"{model.name}-{model.sha256[:8]}-v{CONVERSION_VERSION}"


def check_folder(folder: Path, name: str, hint: str) -> None:
    """Checks that a model's files are there and whole, by reading their headers.

    Args:
        folder: the model's.
        name: the model's, for errors.
        hint: what to do when it is not whole.

    Raises:
        ModelUnavailable: a file is missing, truncated or no model file.
    """
    try:
        json.loads((folder / "config.json").read_text("utf-8"))
        for file in weight_files(folder):
            weights_header(folder / file)
    except FileNotFoundError as error:
        pickles = next(folder.glob("pytorch_model*.bin"), None)
        if pickles is not None:
            raise ModelUnavailable(
                f"base model '{name}' has weights only as a pickle, {pickles.name}, which may run any code",
                where=str(folder),
                hint="use a revision of it with safetensors, or convert it with save_pretrained",
            ) from error
        missing = Path(error.filename).name if error.filename else "model.safetensors"
        raise ModelUnavailable(
            f"base model '{name}' is incomplete: {missing} is missing", where=str(folder), hint=hint
        ) from error
    except (DamagedSafetensors, OSError, ValueError) as error:
        raise ModelUnavailable(f"base model '{name}' is damaged: {error}", where=str(folder), hint=hint) from error
    if not any((folder / tokenizer).is_file() for tokenizer in _TOKENIZERS):
        raise ModelUnavailable(
            f"base model '{name}' has no tokenizer ({' or '.join(_TOKENIZERS)})", where=str(folder), hint=hint
        )


def _is_whole(folder: Path) -> bool:
    """Whether a converted model is as its manifest says; sizes alone, so that it costs nothing each time."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        return all((folder / name).stat().st_size == file["bytes"] for name, file in manifest["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _prepare_packaged(model: PackagedModel, on_progress: OnProgress) -> Path:
    folder = _converted_folder(model)
    models = folder.parent
    if _is_whole(folder):
        return folder
    parts = packaged_parts(model)

    def tell_wait(holder: str) -> None:
        on_progress(Progress(0, _CONVERSION_STEPS, "steps", note=f"{model.name} is being converted by {holder}"))

    with lock(models / f"{model.name}.lock", f"converting {model.name}", on_wait=tell_wait):
        if _is_whole(folder):  # by the process that we waited for
            return folder
        for leftover in models.glob(f".{model.name}-*.partial"):
            shutil.rmtree(leftover, ignore_errors=True)
        why = "its copy in the cache is damaged" if folder.exists() else "once"
        with storage_errors(folder):
            if folder.exists():
                shutil.rmtree(folder)
            _require_space(models, model)
            partial = Path(tempfile.mkdtemp(prefix=f".{model.name}-", suffix=".partial", dir=models))
            try:
                _convert(model, parts, partial, why, on_progress)
                partial.chmod(0o755)
                partial.rename(folder)
                sync_folder(models)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    return folder


def _require_space(folder: Path, model: PackagedModel) -> None:
    # Writers below report a full disk each in its own way, and late.
    needed = 2 * model.shape.parameters + 2 * sum(part.stat().st_size for part in packaged_parts(model))
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StorageFailure(
            f"no space left to convert {model.name}: {needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free",
            where=str(folder),
            hint="free some space, or set CROSSTUNE_CACHE to a folder on a larger disk",
        )


def _convert(model: PackagedModel, parts: list[Path], folder: Path, why: str, on_progress: OnProgress) -> None:
    def tell(done: int, note: str) -> None:
        on_progress(Progress(done, _CONVERSION_STEPS, "steps", note=f"converting {model.name} ({why}): {note}"))

    gguf = folder / "source.gguf"
    tell(0, "checking the checksum")
    join_verified(model, parts, gguf)
    tell(1, "tokenizer")
    _convert_tokenizer(gguf, folder)
    tell(2, "weights")
    _convert_weights(gguf, folder)
    gguf.unlink()
    tell(3, "writing")
    check_folder(folder, model.name, "this is a fault of crosstune; please report it")
    files: dict[str, Any] = {}
    for path in sorted(folder.iterdir()):
        path.chmod(0o644)
        with path.open("rb+") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        files[path.name] = {"bytes": path.stat().st_size, "sha256": digest}
    manifest = {"model": model.name, "gguf_sha256": model.sha256, "conversion": CONVERSION_VERSION, "files": files}
    write_atomic(folder / MANIFEST, json.dumps(manifest, indent=2) + "\n")
    tell(_CONVERSION_STEPS, "done")


def _convert_tokenizer(gguf: Path, folder: Path) -> None:
    from transformers import AutoTokenizer

    from crosstune.models.loading import quiet_transformers

    with quiet_transformers():
        AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name).save_pretrained(str(folder))
    config = folder / "tokenizer_config.json"
    settings = json.loads(config.read_text("utf-8"))
    for name in ("is_local", "local_files_only"):  # how it was loaded, which is no property of the tokenizer
        settings.pop(name, None)
    config.write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _convert_weights(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig

    from crosstune.models.loading import quiet_transformers

    # transformers shows a bar here that its own switch does not turn off.
    with quiet_transformers(), redirect_stderr(io.StringIO()):
        # bfloat16 is what the checkpoints were published in before they were quantized.
        model = AutoModelForCausalLM.from_pretrained(
            str(gguf.parent),
            gguf_file=gguf.name,
            dtype=torch.bfloat16,
            quantization_config=GgufConfig(dequantize=True),
        )
        model.config._name_or_path = ""
        model.save_pretrained(str(folder))
    config = folder / "config.json"
    settings = json.loads(config.read_text("utf-8"))
    settings.pop("_model_name_or_path", None)
    with suppress(KeyError):
        # GGUF holds float32, in which 1e-6 reads 9.999999974752427e-07.
        settings["rms_norm_eps"] = float(f"{settings['rms_norm_eps']:.6g}")
    config.write_text(json.dumps(settings, indent=2) + "\n", "utf-8")
