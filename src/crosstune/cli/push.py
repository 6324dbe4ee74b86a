"""`crosstune push`: a tuned model with its card, to the Hugging Face hub."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from crosstune.cli.card import BaseModelOption, LicenseOption, RunOption, TitleOption, card_text
from crosstune.cli.console import RootOption, StudyArgument, console, counted, plain, size

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
CARD = "README.md"
_NAMES_OF_BASE = (("adapter_config.json", "base_model_name_or_path"), ("config.json", "_name_or_path"))
"""Files that name what was tuned, and by which key."""


def push(
    study: StudyArgument,
    to: Annotated[str, typer.Option("--to", metavar="OWNER/NAME", help="The repository; made if it is not there.")],
    run: RunOption = None,
    title: TitleOption = None,
    base_model: BaseModelOption = None,
    licence: LicenseOption = None,
    public: Annotated[
        bool, typer.Option("--public", help="Let everybody see a repository that is made; default: nobody else.")
    ] = False,
    message: Annotated[str | None, typer.Option("--message", help="Of the commit.", show_default=False)] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be uploaded, and upload nothing.")
    ] = False,
    root: RootOption = None,
) -> None:
    """Upload a tuned adapter or model, and its card, to the Hugging Face hub, as one commit.

    Needs a token that may write: `hf auth login`, or HF_TOKEN.
    """
    from crosstune.cli.run_choice import tuned_run
    from crosstune.errors import InvalidData

    if not _REPOSITORY.fullmatch(to):
        raise InvalidData(f"'{to}' is not the name of a repository", where="--to", hint="write owner/name")
    chosen = tuned_run(study, run, root)
    files = upload_files(chosen.checkpoint())
    text = card_text(chosen, title=title, base_model=base_model, licence=licence)
    if dry_run:
        console.print(f"To [bold]{plain(to)}[/bold], of {plain(chosen.name)}:", soft_wrap=True)
        for name, path in files.items():
            console.print(f"  {plain(name)}  [dim]{size(path.stat().st_size)}[/dim]", soft_wrap=True)
        console.print(f"  {CARD}  [dim]{size(len(text.encode('utf-8')))}, the model card[/dim]")
        console.print("Nothing is uploaded.")
        return
    contents = public_contents(files, base_model or chosen.base_model)
    address = upload(to, contents, text, public=public, message=message or f"{chosen.name}, tuned with crosstune")
    console.print(f"{counted(len(files) + 1, 'file')} uploaded: {plain(address)}", soft_wrap=True)


def upload_files(folder: Path) -> dict[str, Path]:
    """What is uploaded of a tuned model's folder, by its name there; a card in it gives way to ours.

    Raises:
        StorageFailure: there is nothing.
    """
    from crosstune.errors import StorageFailure

    found = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }
    found.pop(CARD, None)
    if not any(name.endswith(".safetensors") for name in found):
        raise StorageFailure("there are no weights in it", where=str(folder), hint="run the study again")
    return found


def public_contents(files: dict[str, Path], base_model: str) -> dict[str, Path | bytes]:
    """The same files; where one names its base model by a folder of this machine, the model's name stands instead.

    Nobody else could load an adapter that names such a folder, nor need know how folders are called here.
    """
    contents: dict[str, Path | bytes] = dict(files)
    for name, key in _NAMES_OF_BASE:
        if name in files:
            told = json.loads(files[name].read_text("utf-8"))
            if isinstance(told.get(key), str) and Path(told[key]).is_absolute():
                contents[name] = (json.dumps(told | {key: base_model}, ensure_ascii=False, indent=2) + "\n").encode()
    return contents


def upload(repository: str, files: Mapping[str, Path | bytes], card: str, *, public: bool, message: str) -> str:
    """Uploads files and a card in one commit.

    Args:
        repository: `owner/name`.
        files: by the name they get.
        card: text of README.md.
        public: whether a repository that is made is seen by everybody; one that is there stays as it is.
        message: of the commit.

    Returns:
        The address of the commit.

    Raises:
        ModelUnavailable: there is no token, it may not write there, or the hub cannot be reached.
    """
    from huggingface_hub import CommitOperationAdd, HfApi, get_token
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    from crosstune.errors import ModelUnavailable

    # Whichever library it makes its requests with, what this goes back to is raised where there is no connection.
    transport_error: type[Exception] = HfHubHTTPError.__mro__[1]
    if not get_token():
        raise ModelUnavailable(
            "no token of the Hugging Face hub is at hand",
            hint="log in once with `hf auth login`, or set HF_TOKEN to a token that may write",
        )
    operations = [CommitOperationAdd(name, content) for name, content in files.items()]
    operations.append(CommitOperationAdd(CARD, card.encode("utf-8")))
    try:
        api = HfApi()
        api.create_repo(repository, private=not public, exist_ok=True)
        commit = api.create_commit(repository, operations, commit_message=message)
    except HFValidationError as error:
        raise ModelUnavailable(f"'{repository}' is not the name of a repository", hint="write owner/name") from error
    except HfHubHTTPError as error:
        raise _refused(repository, error) from error
    except (OfflineModeIsEnabled, transport_error, OSError) as error:
        offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
        why = "HF_HUB_OFFLINE is set" if offline else f"{type(error).__name__}: {error}"
        raise ModelUnavailable(
            f"the hub cannot be reached ({why.splitlines()[0]})",
            where=repository,
            hint="run it again where there is a network; nothing else is lost",
        ) from error
    return str(commit.commit_url)


def _refused(repository: str, error: Exception) -> Exception:
    from crosstune.errors import ModelUnavailable

    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return ModelUnavailable(
            f"the hub does not let this token write (status {status})",
            where=repository,
            hint="use a token with the right to write, and a repository of your account or organisation",
        )
    first = (str(error).splitlines() or [""])[0]
    return ModelUnavailable(f"the hub refused it ({first})", where=repository, hint="run it again later")
