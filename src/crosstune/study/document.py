"""A study file as text: YAML 1.2 read into plain data that remembers lines, and overrides applied to it.

YAML 1.2 and not 1.1, so that `no` is Norwegian and `5e-4` is a number.
"""

import re
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from crosstune.errors import InvalidStudy, did_you_mean

Location = tuple[str | int, ...]

_PROMPTS = re.compile(r"""["']?prompts["']?\s*:""")
"""How the one section starts that every study has."""


def dump_yaml(data: Mapping[str, Any]) -> str:
    """Plain data as YAML."""
    stream = StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.allow_unicode = True
    yaml.width = 110
    yaml.dump(data, stream)
    return stream.getvalue()


class StudyDocument:
    """The content of a study file, and where each value stands in it."""

    def __init__(self, data: dict[str, Any], tree: Any, name: str, overrides: tuple[str, ...] = ()) -> None:
        self.data = data
        self._tree = tree
        self.name = name
        self._overrides = overrides

    @classmethod
    def read(cls, path: Path) -> "StudyDocument":
        """Reads a study file.

        Raises:
            InvalidStudy: it is missing, not UTF-8, not YAML, has a key twice, or is no mapping.
        """
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            others = [str(other) for other in _studies_in(path.parent)]
            hint = did_you_mean(str(path), others) if others else "give the path of a YAML file"
            raise InvalidStudy("no such study file", where=str(path), hint=hint) from None
        except OSError as error:
            raise InvalidStudy(f"cannot be read: {error.strerror}", where=str(path)) from error
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            raise InvalidStudy("not UTF-8", where=f"{path}:{line}", hint="save the file in UTF-8") from error
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, name: str = "study") -> "StudyDocument":
        """Reads the text of a study file; `name` is used in errors.

        Raises:
            InvalidStudy: it is not YAML, has a key twice, or is no mapping.
        """
        try:
            tree = YAML(typ="rt", pure=True).load(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark
            where = f"{name}:{mark.line + 1}" if mark is not None else name
            problem = (error.problem or str(error)).split("\n")[0]
            hint = None if "duplicate" in problem else "check indentation, quotes and brackets"
            raise InvalidStudy(f"not valid YAML ({problem})", where=where, hint=hint) from None
        except (YAMLError, ValueError, RecursionError) as error:
            raise InvalidStudy(f"not valid YAML ({_first_line(error)})", where=name) from None
        if not isinstance(tree, CommentedMap):
            raise InvalidStudy("not a mapping of keys to values", where=name, hint="start with `name: my-study`")
        return cls(_plain(tree), tree, name)

    def where(self, location: Location) -> str:
        """`file:line` of the value at `location`, or of the nearest thing around it that has a line.

        For a value that an override put there, the override.
        """
        written = tuple(str(part) for part in location)
        for override in self._overrides:
            path = tuple(override.partition("=")[0].split("."))
            if written[: len(path)] == path:
                return f"--set {override}"
        node, line = self._tree, None
        for part in location:
            try:
                if isinstance(node, CommentedMap):
                    line = node.lc.value(part)[0] if not isinstance(node[part], CommentedMap) else node.lc.key(part)[0]
                elif isinstance(node, CommentedSeq):
                    line = node.lc.item(part)[0]
                else:
                    break
                node = node[part]
            except (KeyError, IndexError, TypeError, AttributeError):
                break
        return f"{self.name}:{line + 1}" if line is not None else self.name

    def with_overrides(self, overrides: Sequence[str]) -> "StudyDocument":
        """A copy in which values are replaced, as `--set training.max_steps=8` asks.

        Args:
            overrides: `path=value`; the path has names and list positions between periods, the value is YAML.

        Raises:
            InvalidStudy: an override is malformed or its path leads through something that is no mapping or list.
        """
        data = _copied(self.data)
        for override in overrides:
            path, separator, text = override.partition("=")
            if not separator or not re.fullmatch(r"[\w-]+(\.[\w-]+)*", path):
                raise InvalidStudy(
                    f"'{override}' is not an override", where="--set", hint="write it like training.max_steps=8"
                )
            try:
                value = _plain(YAML(typ="rt", pure=True).load(text))
            except (YAMLError, ValueError, RecursionError) as error:
                problem = _first_line(error)
                raise InvalidStudy(f"the value of '{override}' is not YAML ({problem})", where="--set") from None
            _assign(data, path.split("."), value, override)
        return StudyDocument(data, self._tree, self.name, tuple(overrides))


def _studies_in(folder: Path) -> list[Path]:
    """Files of a folder that look like studies: YAML that is not hidden and has prompts."""
    if not folder.is_dir():
        return []
    found = (path for path in sorted(folder.iterdir()) if path.suffix.lower() in (".yaml", ".yml"))
    return [path for path in found if not path.name.startswith(".") and _has_prompts(path)]


def _has_prompts(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return any(_PROMPTS.match(line) for line in file)
    except OSError:
        return False


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _plain(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_plain(value) for value in node]
    if isinstance(node, bool) or node is None:
        return bool(node) if node is not None else None
    for kind in (int, float, str):  # ruamel's own scalar types remember how they were written
        if isinstance(node, kind):
            return kind(node)
    return str(node)


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _assign(data: Any, path: list[str], value: Any, override: str) -> None:
    node = data
    for position, part in enumerate(path):
        last = position == len(path) - 1
        if isinstance(node, list):
            if not (part.isascii() and part.isdigit()) or int(part) >= len(node):
                raise InvalidStudy(
                    f"'{override}': {'.'.join(path[:position])} has {len(node)} items, and '{part}' is none of them",
                    where="--set",
                    hint="positions count from 0",
                )
            if last:
                node[int(part)] = value
            else:
                node = node[int(part)]
        elif isinstance(node, dict):
            if last:
                node[part] = value
            else:
                node = node.setdefault(part, {})
        else:
            raise InvalidStudy(f"'{override}': {'.'.join(path[:position])} is a single value", where="--set")
