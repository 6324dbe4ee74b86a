"""Canonical forms and fingerprints: equal configurations give equal fingerprints, on every machine, in every order."""

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any


def canonical(value: Any, path: str = "config") -> Any:
    """`value` as plain JSON data: mappings with sorted string keys, lists, strings, finite numbers, booleans, None.

    Args:
        value: what to bring into canonical form.
        path: where it stands, for the error.

    Raises:
        TypeError: something in it has no canonical form: a set, a path, bytes, an object, NaN, a key not a string.
    """
    if value is None or isinstance(value, bool | int) or type(value) is str:
        return value
    if isinstance(value, str):  # an enum's member is its value
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise TypeError(f"{path}: {value} has no canonical form")
        # 1.0 and 1 configure the same thing, and YAML, JSON and pydantic disagree about which one it is.
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{path}: the key {key!r} is not a string")
        return {key: canonical(value[key], f"{path}.{key}") for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [canonical(item, f"{path}[{index}]") for index, item in enumerate(value)]
    raise TypeError(f"{path}: a {type(value).__name__} has no canonical form")


def fingerprint(value: Any) -> str:
    """SHA-256 of the canonical form, in hexadecimal.

    Raises:
        TypeError: `value` has no canonical form.
    """
    text = json.dumps(canonical(value), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()


def differences(old: Any, new: Any, path: str = "") -> list[str]:
    """What changed between two canonical values, a line each, such as `learning_rate: 0.0005 -> 0.005`."""
    if isinstance(old, dict) and isinstance(new, dict):
        lines = []
        for key in sorted({*old, *new}):
            inner = f"{path}.{key}" if path else key
            if key not in old:
                lines.append(f"{inner}: (absent) -> {_short(new[key])}")
            elif key not in new:
                lines.append(f"{inner}: {_short(old[key])} -> (absent)")
            else:
                lines.extend(differences(old[key], new[key], inner))
        return lines
    return [] if old == new else [f"{path}: {_short(old)} -> {_short(new)}"]


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
