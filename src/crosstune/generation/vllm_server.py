"""A vLLM server: starts it as a process of its own or finds one that runs, loads adapters, lets it sleep, ends it.

Knows nothing of prompts. A server started here listens on loopback alone and wants a key made up for it.
"""

import http.client
import json
import os
import secrets
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crosstune.errors import ModelUnavailable
from crosstune.generation.vllm_adapters import adapter_name
from crosstune.generation.vllm_config import VllmConfig
from crosstune.generation.vllm_failures import ServerDied, failure_to_start, port_was_taken, said
from crosstune.generation.vllm_process import VllmProcess, free_port

BASE_NAME = "base"
"""What a server started here calls the model without an adapter."""
_ADAPTERS_IN_MAIN_MEMORY = 64
_SECONDS_TO_ANSWER = 10.0
"""For questions that need no computing."""
_SECONDS_TO_LOAD = 300.0
"""For an adapter, and for waking up."""
_SECONDS_FOR_OTHERS_TO_RESTART = 120.0
"""A server that is not crosstune's to start."""
_LONGEST_WAIT = 1.0
_STARTS_FOR_A_PORT = 3

OnWait = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Served:
    """What a server serves; two steps for which this is equal can share one."""

    model_folder: Path
    dtype: str
    options: VllmConfig
    adapters: bool
    """Whether adapters can be loaded."""
    sleeps: bool
    """Whether it can give the GPU's memory back."""


class VllmServer:
    """One server. The methods that ask it something can be used by several threads at once."""

    def __init__(self, served: Served, command: Sequence[str], *, largest_rank: int, seconds_to_start: float) -> None:
        """Args:
        served: what it is to serve.
        command: starts vLLM's server when options are added, such as `["vllm", "serve"]`.
        largest_rank: of the adapters that can be loaded.
        seconds_to_start: after which it is given up.
        """
        self.served = served
        self.largest_rank = largest_rank
        self.external = served.options.server is not None
        self.model = BASE_NAME
        self.max_model_len: int | None = None
        self.starts = 0
        self.url = (served.options.server or "").rstrip("/").removesuffix("/v1")
        self._key = os.environ.get("VLLM_API_KEY") if self.external else secrets.token_urlsafe(24)
        self._command = tuple(command)
        self._seconds_to_start = seconds_to_start
        self.process = None if self.external else VllmProcess()
        self._adapters: set[str] = set()
        self._lock = threading.RLock()
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    @property
    def headers(self) -> dict[str, str]:
        """What each request must carry."""
        return {"Authorization": f"Bearer {self._key}"} if self._key else {}

    def start(self, on_wait: OnWait) -> None:
        """Starts it and waits until it can be asked; an external one is only looked for.

        Args:
            on_wait: told about once a second how it stands.

        Raises:
            OutOfMemory: the model, or its cache, does not fit.
            ModelUnavailable: vLLM does not know the model, or the external server is not there or has another model.
            StepFailed: the server ended or was not ready in time; has the last lines of its log.
        """
        with self._lock:
            self.starts += 1
            self._adapters.clear()
            if self.process is not None:
                for number in range(_STARTS_FOR_A_PORT):
                    self._start(self.process)
                    if self._is_ready(self.process, on_wait, last=number == _STARTS_FOR_A_PORT - 1):
                        break
            self._look_at_models()

    def restart(self, seen: int, on_wait: OnWait) -> None:
        """Starts it again, unless another thread has done so since `starts` was `seen`; an external one is waited for.

        Raises what `start` does.
        """
        with self._lock:
            if self.starts != seen:
                return
            until = time.monotonic() + _SECONDS_FOR_OTHERS_TO_RESTART
            while self.external and not self.is_well() and time.monotonic() < until:
                on_wait("waiting for the vLLM server")
                time.sleep(_LONGEST_WAIT)
            self.start(on_wait)

    def _start(self, process: VllmProcess) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        process.start([*self._command, *self._options(port)], self._environment())

    def _options(self, port: int) -> list[str]:
        options = self.served.options
        given = {
            "--host": "127.0.0.1",
            "--port": port,
            "--served-model-name": BASE_NAME,
            "--dtype": self.served.dtype,
            "--load-format": "safetensors",
            "--generation-config": "vllm",  # not the model's own, which names a temperature
            "--uvicorn-log-level": "warning",
            "--gpu-memory-utilization": options.gpu_memory_utilization,
            "--max-model-len": options.max_model_len,
        }
        if self.served.adapters:
            given |= {
                "--max-loras": options.max_loras,
                "--max-lora-rank": self.largest_rank,
                "--max-cpu-loras": max(options.max_loras, _ADAPTERS_IN_MAIN_MEMORY),
            }
        flags = ["--enable-lora"] if self.served.adapters else []
        flags += ["--enable-sleep-mode"] if self.served.sleeps else []
        valued = [part for name, value in given.items() if value is not None for part in (name, str(value))]
        return [str(self.served.model_folder), *valued, *flags]

    def _environment(self) -> dict[str, str]:
        added = {
            "VLLM_API_KEY": str(self._key),
            "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
            "VLLM_NO_USAGE_STATS": "1",
            "HF_HUB_OFFLINE": "1",  # all it needs is in the model's folder
        }
        if self.served.sleeps:
            added["VLLM_SERVER_DEV_MODE"] = "1"  # else it has no address to be sent to sleep by
        return os.environ | added

    def _is_ready(self, process: VllmProcess, on_wait: OnWait, *, last: bool) -> bool:
        """Waits until it is healthy; False when its port was taken and it is not the last try."""
        started, wait, told = time.monotonic(), 0.05, -1.0
        while True:
            status = process.status()
            if status is not None:
                if port_was_taken(process.last_lines()) and not last:
                    return False
                raise failure_to_start(
                    f"the server ended with status {status} before it was ready", process.last_lines()
                )
            if self.is_well():
                return True
            seconds = time.monotonic() - started
            if seconds > self._seconds_to_start:
                process.end()
                what = f"the server was not ready after {self._seconds_to_start:.0f} s"
                raise failure_to_start(what, process.last_lines())
            if seconds - told >= 1:
                told = seconds
                last_line = (process.last_lines() or [""])[-1][-80:]
                on_wait(f"starting vLLM, {seconds:.0f} s: {last_line}".rstrip(": "))
            time.sleep(wait)
            wait = min(wait * 1.5, _LONGEST_WAIT)

    def is_well(self) -> bool:
        """Whether it is there and can be asked."""
        if self.process is not None and self.process.status() is not None:
            return False
        try:
            # What stands between an external server and this machine may let through only the API.
            return self._ask("/v1/models" if self.external else "/health")[0] == 200
        except ServerDied:
            return False

    def _ask(
        self, path: str, body: dict[str, Any] | None = None, *, post: bool = False, seconds: float = _SECONDS_TO_ANSWER
    ) -> tuple[int, bytes]:
        """Status and body of a reply.

        Raises:
            ServerDied: there is none.
        """
        content = json.dumps(body).encode() if body is not None else b"" if post else None
        headers = self.headers | ({"Content-Type": "application/json"} if body is not None else {})
        request = urllib.request.Request(self.url + path, data=content, headers=headers)
        try:
            with self._opener.open(request, timeout=seconds) as reply:
                return reply.status, reply.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
        except (OSError, http.client.HTTPException) as error:
            raise ServerDied(str(error) or type(error).__name__) from error

    def _look_at_models(self) -> None:
        try:
            status, body = self._ask("/v1/models")
        except ServerDied as error:
            if self.process is not None:
                raise failure_to_start("the server ended at once", self.process.last_lines()) from error
            raise ModelUnavailable(
                f"no vLLM server answers there ({error})", where=self.url, hint="start it, or correct its address"
            ) from error
        if status in (401, 403):
            raise ModelUnavailable("the server refuses the key", where=self.url, hint="set VLLM_API_KEY to its key")
        try:
            models = json.loads(body)["data"] if status == 200 else None
            bases = [model for model in models or [] if not model.get("parent")]
            names = {str(model["id"]): str(model.get("root") or model["id"]) for model in bases}
        except (ValueError, KeyError, TypeError, AttributeError):
            models = None
        if not models:
            raise ModelUnavailable(
                f"it does not list its models (status {status}: {said(body)})",
                where=self.url,
                hint="generation.vllm.server is the address of a vLLM server, without a path",
            )
        self._adapters = {str(model["id"]) for model in models if model.get("parent")}
        if self.external:
            self.model = self._served_as(names)
        self.max_model_len = next((m.get("max_model_len") for m in bases if m.get("id") == self.model), None)

    def _served_as(self, names: dict[str, str]) -> str:
        """What an external server calls the model that is wanted. Answers of another one must not pass for its."""
        folder = self.served.model_folder
        for name, root in names.items():
            if str(folder) in (name, root) or folder.name in (name, Path(root).name):
                return name
        raise ModelUnavailable(
            f"the server has {', '.join(sorted(names)) or 'no model'}, and not {folder.name}",
            where=self.url,
            hint=f"start it with `vllm serve {folder}`, or give its model that name: --served-model-name {folder.name}",
        )

    def adapter(self, folder: Path) -> str:
        """Loads an adapter unless it is there, and says what the server calls it.

        Raises:
            ModelUnavailable: a file is missing, or the server does not take it.
            ServerDied: the server does not answer.
        """
        name = adapter_name(folder)
        with self._lock:
            if name in self._adapters:
                return name
            body = {"lora_name": name, "lora_path": str(folder.resolve())}
            status, reply = self._ask("/v1/load_lora_adapter", body, seconds=_SECONDS_TO_LOAD)
            why = said(reply)
            if status != 200 and "already been loaded" not in why and "already loaded" not in why:
                if status >= 500 and not self.is_well():
                    raise ServerDied(why)
                hint = "it must have been made for this base model"
                if self.external:
                    hint += (
                        "; the server must see this folder and be started with --enable-lora, a --max-lora-rank as "
                        "large as the adapter's, and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True"
                    )
                raise ModelUnavailable(f"vLLM does not take the adapter ({why})", where=str(folder), hint=hint)
            self._adapters.add(name)
            return name

    def wake(self) -> None:
        """Gets the GPU's memory again.

        Raises:
            ServerDied: it does not, or does not answer.
        """
        if self.served.sleeps and not self.external:
            status, reply = self._ask("/wake_up", post=True, seconds=_SECONDS_TO_LOAD)
            if status != 200:
                raise ServerDied(f"it does not wake up: {said(reply)}")

    def sleep(self) -> None:
        """Gives the GPU's memory back. Raises `ServerDied` as `wake` does."""
        if self.served.sleeps and not self.external:
            status, reply = self._ask("/sleep?level=1", post=True, seconds=_SECONDS_TO_LOAD)
            if status != 200:
                raise ServerDied(f"it does not go to sleep: {said(reply)}")

    def stop(self) -> None:
        """Ends it, and all it started; an external one is left alone. Can be called twice."""
        if self.process is not None:
            self.process.end()
            self.process.forget()
