"""Headless Chromium, driven over a pipe with its DevTools protocol: no driver and no socket is needed."""

import base64
import json
import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

KEYS = {"Enter": ("Enter", 13, "\r"), "Escape": ("Escape", 27, ""), "Tab": ("Tab", 9, ""), " ": ("Space", 32, " "),
        "ArrowRight": ("ArrowRight", 39, ""), "ArrowLeft": ("ArrowLeft", 37, "")}  # fmt: skip


def chromium_path() -> str | None:
    """Where the browser is: $CROSSTUNE_CHROMIUM, else what is installed."""
    named = os.environ.get("CROSSTUNE_CHROMIUM")
    return named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Page:
    """One page of a browser."""

    def __init__(self, profile: Path, *, width: int = 1280, height: int = 900, phone: bool = False) -> None:
        to_browser, ours_out = os.pipe()
        ours_in, from_browser = os.pipe()
        command = [
            str(chromium_path()),
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            f"--user-data-dir={profile}",
            "--remote-debugging-pipe",
        ]

        def as_three_and_four() -> None:
            # Copied first to where neither is in the way of the other.
            high = os.dup2(to_browser, 100), os.dup2(from_browser, 101)
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self.process = subprocess.Popen(
            command,
            preexec_fn=as_three_and_four,  # noqa: PLW1509 - the browser wants these very numbers; tests have no threads
            close_fds=False,
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self.out, self.incoming = ours_out, os.fdopen(ours_in, "rb")
        self.number = 0
        self.problems: list[str] = []
        """Errors of scripts and of the content security policy."""
        target = self._call("Target.createTarget", {"url": "about:blank"}, None)["targetId"]
        attached = self._call("Target.attachToTarget", {"targetId": target, "flatten": True}, None)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)
        # Half-way through a change of colours nothing can be said of contrast.
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._call(method, parameters, self.session)

    def _call(self, method: str, parameters: dict[str, Any], session: str | None) -> dict[str, Any]:
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result
            self._event(answer)

    def _receive(self) -> dict[str, Any]:
        content = bytearray()
        while (byte := self.incoming.read(1)) != b"\0":
            if not byte:
                raise RuntimeError("the browser has ended")
            content += byte
        answer: dict[str, Any] = json.loads(content)
        return answer

    def _event(self, event: dict[str, Any]) -> None:
        details = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.problems.append(str(details["exceptionDetails"].get("exception", details)))
        if event.get("method") == "Log.entryAdded" and details["entry"]["source"] in ("security", "violation"):
            self.problems.append(details["entry"]["text"])
        if event.get("method") == "Page.javascriptDialogOpening":
            self.problems.append(f"a dialog opened: {details}")

    def evaluate(self, expression: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression[:200]}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait_for(self, condition: str, seconds: float = 15.0) -> Any:
        """Waits until an expression is true."""
        end = time.monotonic() + seconds
        while True:
            with suppress(RuntimeError):  # while a page is being replaced, there is nothing to ask
                if found := self.evaluate(condition):
                    return found
            if time.monotonic() > end:
                raise TimeoutError(f"{condition}; the page says: {self.evaluate('document.body.innerText')[:1500]}")
            time.sleep(0.05)

    def open(self, address: str) -> None:
        self.call("Page.navigate", url=address)
        self.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'")

    def click(self, selector: str) -> None:
        self.wait_for(f"!!document.querySelector({json.dumps(selector)})")
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    def press(self, *keys: str) -> None:
        for key in keys:
            if key in KEYS:
                code, number, text = KEYS[key]
            else:
                code, number, text = (f"Digit{key}" if key.isdigit() else f"Key{key.upper()}"), ord(key.upper()), key
            pressed = {"key": key, "code": code, "windowsVirtualKeyCode": number}
            self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **pressed)
            self.call("Input.dispatchKeyEvent", type="keyUp", **pressed)

    def write(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def offline(self, is_offline: bool) -> None:
        rates = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.call("Network.emulateNetworkConditions", offline=is_offline, **rates)

    def screenshot(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def close(self) -> None:
        try:
            self._call("Browser.close", {}, None)
            self.process.wait(10)
        except (RuntimeError, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.out)
        self.incoming.close()
