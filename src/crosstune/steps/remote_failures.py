"""What a remote store refused, in words that say where and what to do; libraries say it in a dozen ways."""

import errno
from dataclasses import dataclass

from crosstune.errors import CrosstuneError, InvalidStudy, StoreUnavailable, did_you_mean


@dataclass(frozen=True, slots=True)
class _Service:
    """A kind of store.

    Attributes:
        install: what brings its library.
        credentials: where the library looks for them.
    """

    install: str
    credentials: str


_S3 = _Service("pip install 'crosstune[s3]'", "AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role")
_GCS = _Service(
    "pip install 'crosstune[gcs]'", "`gcloud auth application-default login`, or GOOGLE_APPLICATION_CREDENTIALS"
)
_SERVICES = {
    "s3": _S3,
    "s3a": _S3,
    "gs": _GCS,
    "gcs": _GCS,
    "hf": _Service("pip install huggingface_hub", "HF_TOKEN, or `hf auth login`"),
    "az": _Service("pip install adlfs", "AZURE_STORAGE_ACCOUNT_NAME and its key"),
    "abfs": _Service("pip install adlfs", "AZURE_STORAGE_ACCOUNT_NAME and its key"),
}
_NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError", "ProfileNotFound",
                   "TokenRetrievalError", "SSOTokenLoadError", "LocalTokenNotFoundError", "RefreshError"}  # fmt: skip
_UNREACHABLE = {"ConnectionError", "EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError",
                "ClientConnectorError", "ServerDisconnectedError", "ConnectTimeout", "ConnectError"}  # fmt: skip


def protocol_of(url: str) -> str:
    """`s3` of `s3://bucket/prefix`."""
    return url.partition("://")[0]


def is_no_bucket(error: BaseException) -> bool:
    """Whether what was not found is the bucket, not something in it."""
    return "bucket does not exist" in str(error).lower() or "NoSuchBucket" in str(error)


def unusable(error: Exception, url: str) -> CrosstuneError:
    """Why no file system could be made for a URL: its protocol is unknown, or the library for it is missing."""
    protocol = protocol_of(url)
    if isinstance(error, ImportError):
        known = _SERVICES.get(protocol)
        hint = known.install if known else str(error)
        return InvalidStudy(f"stores of {protocol}:// need a library that is not installed", where=url, hint=hint)
    if isinstance(error, ValueError) and "rotocol" in str(error):
        hint = did_you_mean(protocol, [*_SERVICES, "file", "sftp", "smb", "webdav"])
        return InvalidStudy(f"no kind of store is called {protocol}://", where=url, hint=hint)
    return failure(error, url, "opened")[0]


def failure(error: Exception, url: str, done: str) -> tuple[StoreUnavailable, bool]:
    """The error for a call that a store refused, and whether another try may help.

    Args:
        error: what the library raised.
        url: of the store, or of the object in it.
        done: what was being done, as in `it cannot be read`.
    """
    what, hint, may_help = _put(error, protocol_of(url))
    return StoreUnavailable(f"it cannot be {done}: {what}", where=url, hint=hint), may_help


def _put(error: Exception, protocol: str) -> tuple[str, str | None, bool]:
    """A refusal in words, what to do about it, and whether another try may help."""
    service = _SERVICES.get(protocol)
    names = {kind.__name__ for kind in type(error).__mro__}
    number, status = getattr(error, "errno", None), _status(error)
    what, hint, may_help = _line(error), "run the same command again; what is finished here is kept", True
    if names & _NO_CREDENTIALS:
        what, may_help = "there are no credentials for it", False
        hint = f"set {service.credentials}" if service else "set those that its library looks for"
    elif isinstance(error, PermissionError) or number in (errno.EACCES, errno.EROFS) or status in (401, 403):
        what, may_help = f"not allowed ({_line(error)})", False
        allowing = "the folder's permissions" if protocol in ("file", "local") else "the credentials"
        hint = f"{allowing} must allow to list, read and write there"
        hint += f" (they are taken from {service.credentials})" if service else ""
    elif is_no_bucket(error):
        what, may_help = "the bucket does not exist", False
        hint = "make the bucket, or correct --store (or CROSSTUNE_STORE)"
    elif isinstance(error, FileNotFoundError | NotADirectoryError | FileExistsError) or status == 404:
        what, hint, may_help = f"no such place ({_line(error)})", "correct --store (or CROSSTUNE_STORE)", False
    elif isinstance(error, NotImplementedError):  # fsspec's word for file systems that can only be read
        what, may_help = f"{protocol}:// cannot do that", False
        hint = "choose a store that can be written, such as s3://, gs://, hf://buckets/ or a folder"
    elif names & _UNREACHABLE or isinstance(error, TimeoutError):
        what = f"not reached ({_line(error)})"
        hint = "look at the network and the address, then run the same command again; what is finished here is kept"
    return what, hint, may_help


def _status(error: Exception) -> int | None:
    """The status of an HTTP reply, wherever the library keeps it."""
    for holder in (error, getattr(error, "response", None)):
        for name in ("status", "status_code", "code"):
            value = getattr(holder, name, None)
            if isinstance(value, int):
                return value
    return None


def _line(error: Exception) -> str:
    text = (str(error).strip().splitlines() or [""])[0][:300]
    kind = type(error).__name__
    return f"{kind}: {text}" if text else kind
