"""Base models from the Hugging Face hub: safetensors, configuration and tokenizer, never code and never pickles."""

from pathlib import Path

from crosstune.errors import ModelUnavailable
from crosstune.progress import OnProgress, Progress
from crosstune.storage.atomic import storage_errors

_WANTED = ["*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json", "tokenizer*"]
_WANTED += ["special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "chat_template.jinja"]
_UNWANTED = ["*/*", "consolidated*"]
"""Sub-folders hold other forms of the same weights, and so do Mistral's `consolidated` files."""


def download(hub_id: str, revision: str | None, on_progress: OnProgress) -> Path:
    """Downloads what is missing of a hub model into the hub's own cache.

    Args:
        hub_id: `org/name`.
        revision: branch, tag or commit; None: `main`.
        on_progress: told when it starts.

    Returns:
        The snapshot's folder.

    Raises:
        ModelUnavailable: there is no such model or revision, it is gated, or the hub cannot be reached.
        StorageFailure: no space or permission.
    """
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    name = hub_id if revision is None else f"{hub_id}@{revision}"
    on_progress(Progress(0, 1, "models", note=f"fetching {name} from the hub"))
    try:
        with storage_errors(Path(constants.HF_HUB_CACHE) / hub_id):
            folder = snapshot_download(hub_id, revision=revision, allow_patterns=_WANTED, ignore_patterns=_UNWANTED)
    except GatedRepoError as error:
        raise ModelUnavailable(
            f"base model '{name}' is gated: its owner must let you in",
            hint=f"accept its licence at https://huggingface.co/{hub_id} and set HF_TOKEN to a token of your account",
        ) from error
    except RevisionNotFoundError as error:
        raise ModelUnavailable(
            f"base model '{hub_id}' has no revision '{revision}'", hint="name a branch, tag or commit of it"
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise ModelUnavailable(
            f"there is no model '{hub_id}' on the hub, or it is private",
            hint="check the spelling, set HF_TOKEN if it is private, or give a local folder as ./name",
        ) from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, ConnectionError) as error:
        raise ModelUnavailable(
            f"base model '{name}' is not in the local cache and the hub cannot be reached",
            hint="run once where there is a network (and without HF_HUB_OFFLINE), give a local folder as ./name, "
            "or use a packaged model: gemma-3-270m or smollm2-135m",
        ) from error
    on_progress(Progress(1, 1, "models", note=f"fetched {name}"))
    return Path(folder)
