"""Finished steps in a store that machines share: a bucket, or whatever else fsspec opens. Knows of no local root.

    <store>/
        store.json                                   says that this is a store of crosstune, and which
        manifests/<kind>/<fingerprint>.json          written last; says where the files are as `files_at`
        <kind>/<name>-<hash8>/<upload>/<file>        written once, never changed

Nothing of these is ever deleted, and only manifests are ever replaced: so two that upload the same step at once, or one
that reads while another uploads, never mix their files. A manifest that was found wrong says so (`damaged`).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

from crosstune.errors import DamagedInStore, StoreUnavailable
from crosstune.progress import OnProgress
from crosstune.steps.byte_progress import ByteProgress
from crosstune.steps.contents import difference
from crosstune.steps.remote_files import RemoteFiles, is_below
from crosstune.steps.step import Step
from crosstune.steps.store import MANIFEST_KEYS
from crosstune.storage.atomic import make_folder

_STORE = "store.json"
_LISTED_FROM = 8
"""For as many manifests it pays to ask first which there are."""
_ONLY_THERE = {"files_at", "again"}
"""Keys that a manifest has in the store alone."""


class RemoteStore:
    """Finds, fetches and takes finished steps. Sent elsewhere, it takes nothing along but its URL."""

    def __init__(self, url: str) -> None:
        """Args:
        url: `protocol://bucket/prefix`, or the path of a folder.

        Raises:
            InvalidStudy: it cannot be used.
        """
        self._files = RemoteFiles(url)
        self._known: dict[str, dict[str, Any] | None] = {}
        self._is_optional = False
        self._identity: str | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"_files": self._files, "_known": {}, "_is_optional": False, "_identity": None}

    @property
    def files(self) -> RemoteFiles:
        """Its files."""
        return self._files

    @property
    def url(self) -> str:
        """Its URL, which holds no secret."""
        return self._files.url

    @property
    def is_resting(self) -> bool:
        """Whether it has just refused, again and again: it is not asked for a while."""
        return self._files.is_resting

    def identity(self) -> str | None:
        """By which machines see that they mean the same store; None of a place that is none yet.

        Raises:
            InvalidStudy: the library for it is missing.
            StoreUnavailable: it cannot be read.
        """
        if self._identity is not None:
            return self._identity
        content = self._files.read([_STORE]).get(_STORE)
        try:
            self._identity = None if content is None else str(json.loads(content)["id"])
        except (ValueError, KeyError, TypeError) as error:
            hint = "give a prefix of its own"
            raise StoreUnavailable(f"its {_STORE} is not that of a store", where=self.url, hint=hint) from error
        return self._identity

    def prepare(self) -> None:
        """Makes sure that it can be read and written, before hours are spent on what it is to take.

        Raises:
            InvalidStudy: the library for it is missing.
            StoreUnavailable: it cannot be read or written.
        """
        self._files.write(_STORE, {"format": 1, "id": self.identity() or uuid4().hex})

    def bear_refusals(self) -> None:
        """From now on, what cannot be looked up is taken for not there: a run goes on while the store is away."""
        self._is_optional = True

    def look(self, steps: Iterable[Step], *, again: bool = False) -> None:
        """Learns which of some steps are here, all at once.

        Args:
            steps: asked about.
            again: also about those that were asked about before; not tried again, as something is known already.

        Raises:
            StoreUnavailable: it cannot be read.
        """
        asked = {_manifest_name(step): step for step in steps if again or step.fingerprint not in self._known}
        found: dict[str, dict[str, Any] | None] = dict.fromkeys(step.fingerprint for step in asked.values())
        if len(asked) >= _LISTED_FROM:
            folders = {str(PurePosixPath(name).parent) for name in asked}
            there = {
                f"{folder}/{name}"
                for folder in sorted(folders)
                for name in self._files.names(folder, is_wanted_only=again)
            }
            asked = {name: step for name, step in asked.items() if name in there}
        if asked:
            for name, content in self._files.read(list(asked), is_wanted_only=again).items():
                found[asked[name].fingerprint] = _whole(content, asked[name])
        self._known.update(found)

    def manifest(self, step: Step) -> dict[str, Any] | None:
        """The manifest of a finished step that is here, or None; as it was when last looked at.

        Raises:
            StoreUnavailable: it cannot be read, and refusals are not borne.
        """
        try:
            self.look([step])
        except StoreUnavailable:
            if not self._is_optional:
                raise
        return self._known.get(step.fingerprint)

    def push(
        self, step: Step, folder: Path, manifest: Mapping[str, Any], again: str | None, on_progress: OnProgress
    ) -> None:
        """Takes a finished step: what an earlier try has left unfinished is gone on with.

        Args:
            step: the step.
            folder: its output.
            manifest: of its output.
            again: why it is to be taken up again by a later run, if it is.
            on_progress: told how far it is, in megabytes.

        Raises:
            StoreUnavailable: it cannot be written; nobody takes for whole what has been written.
        """
        upload = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:16]
        below = f"{step.folder}/{upload}"
        known = self._known.get(step.fingerprint)
        if known is not None and known["files_at"] == below:
            return
        sizes = {name: int(facts["bytes"]) for name, facts in manifest["files"].items()}
        there = self._files.sizes(below)
        progress = ByteProgress(sum(sizes.values()), "uploading", on_progress)
        for name, size in sizes.items():
            if there.get(name) != size:
                self._files.put(folder / name, f"{below}/{name}", progress)
            progress.add(size)
        there = self._files.sizes(below)
        missing = [name for name, size in sizes.items() if there.get(name) != size]
        if missing:
            where = f"{self.url}/{below}"
            hint = "it takes files and does not keep them: look at its rules, then run the same command again"
            raise StoreUnavailable(f"{missing[0]} is not there after its upload", where=where, hint=hint)
        there_too = {**manifest, "files_at": below, **({"again": again} if again is not None else {})}
        self._files.write(_manifest_name(step), there_too)
        self._known[step.fingerprint] = there_too

    def fetch(
        self, step: Step, folder: Path, on_progress: OnProgress, *, only: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """Gives the files of a finished step that is here; those that an earlier try has brought are not fetched again.

        Args:
            step: the step.
            folder: where they go; used for this upload of the step alone.
            on_progress: told how far it is, in megabytes.
            only: names of the files that are wanted; None: all.

        Returns:
            The manifest as it lay beside them where they were made.

        Raises:
            DamagedInStore: a file is missing or another than the manifest says. The store has been told so.
            StoreUnavailable: it cannot be read.
            StorageFailure: they cannot be written here.
        """
        manifest = self.manifest(step)
        assert manifest is not None
        below = manifest["files_at"]
        wanted = {name: facts for name, facts in manifest["files"].items() if only is None or name in only}
        progress = ByteProgress(sum(facts["bytes"] for facts in wanted.values()), f"fetching {step.kind}", on_progress)
        for name, facts in wanted.items():
            target = folder / name
            if difference(target, facts) is not None:
                make_folder(target.parent)
                wrong = self._fetch_file(f"{below}/{name}", target, facts, progress)
                if wrong is not None:
                    self._tell_damage(step, manifest, f"{name} {wrong}")
                    what = f"{step} in the store is damaged: {name} {wrong}"
                    hint = "it is made again by the next run"
                    raise DamagedInStore(what, where=f"{self.url}/{below}", hint=hint)
            progress.add(facts["bytes"])
        return {name: value for name, value in manifest.items() if name not in _ONLY_THERE}

    def _fetch_file(self, name: str, target: Path, facts: Mapping[str, Any], progress: ByteProgress) -> str | None:
        """What is wrong with the file in the store, or None when it is here."""
        torn = target.with_name(f".{target.name}.tmp")
        wrong: str | None = None
        for _ in range(2):  # what arrives wrong may be whole where it comes from
            wrong = difference(torn, facts) if self._files.get(name, torn, progress) else "is missing"
            if wrong is None:
                torn.replace(target)
                return None
        torn.unlink()
        return wrong

    def _tell_damage(self, step: Step, manifest: Mapping[str, Any], wrong: str) -> None:
        """Has every machine see that a step must be made again, unless another has just uploaded it anew."""
        with suppress(StoreUnavailable):
            self.look([step], again=True)
        known = self._known[step.fingerprint]
        if known is not None and known["files_at"] == manifest["files_at"]:
            self._known[step.fingerprint] = None
            with suppress(StoreUnavailable):  # who may only read knows it for this run
                self._files.write(_manifest_name(step), {**manifest, "damaged": wrong})


def _manifest_name(step: Step) -> str:
    return f"manifests/{step.kind}/{step.fingerprint}.json"


def _whole(content: bytes, step: Step) -> dict[str, Any] | None:
    """A manifest that can be used, or None; others may write to a store, so it is looked at closely."""
    try:
        manifest = json.loads(content)
        is_whole = (
            manifest.keys() >= MANIFEST_KEYS
            and "damaged" not in manifest
            and manifest["fingerprint"] == step.fingerprint
            and all(manifest[name] == value for name, value in step.identity.items())
            and is_below(manifest["files_at"])
            and float(manifest["seconds"]) >= 0
            and all(isinstance(manifest[name], str) for name in ("started", "finished"))
            and all(isinstance(value, str) for value in manifest.get("unsettled_inputs", {}).values())
            and all(is_below(name) and facts["bytes"] >= 0 for name, facts in manifest["files"].items())
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return manifest if is_whole else None
