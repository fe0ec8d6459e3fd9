"""Text files that people write, read at the door; files of ours, written whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from cliffguard.errors import InfrastructureError, UsageError, nearest

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")


def read_text(path: Path, error: type[UsageError]) -> str:
    """Return the text of a UTF-8 file; any failure is `error` with the path."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise error(f"{path}: no such file") from None
    except IsADirectoryError:
        raise error(f"{path}: is a directory, not a file") from None
    except UnicodeDecodeError as failure:
        raise error(f"{path}: not UTF-8 text (byte {failure.start})") from None
    except OSError as failure:
        raise error(f"{path}: {failure.strerror}") from None


class _UniqueKeys(yaml.SafeLoader):
    """A safe loader that refuses a key written twice, of which YAML would keep the last."""


def _mapping(loader: _UniqueKeys, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, (str, int)) and key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} stands twice", key_node.start_mark
            )
        if isinstance(key, (str, int)):
            seen.add(key)
    return loader.construct_mapping(node, deep=True)


_UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(path: Path, error: type[UsageError]) -> dict[str, Any]:
    """Return the mapping in a YAML file, loaded without tags that run code."""
    text = read_text(path, error)
    try:
        value = yaml.load(text, Loader=_UniqueKeys)  # a subclass of SafeLoader
    except yaml.MarkedYAMLError as failure:
        mark = failure.problem_mark or failure.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise error(f"{path}{line}: not valid YAML: {failure.problem}") from None
    except (yaml.YAMLError, RecursionError) as failure:
        reason = str(failure).splitlines()[0]
        raise error(f"{path}: not valid YAML: {reason}") from None
    if not isinstance(value, dict):
        found = "empty" if value is None else f"a {type(value).__name__}"
        raise error(f"{path}: expected a mapping of keys to values, but the file is {found}")
    return value


def read_jsonl(path: Path, error: type[UsageError]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) for every non-blank line of a JSON Lines file."""
    for number, line in enumerate(read_text(path, error).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as failure:
            reason = getattr(failure, "msg", "nested too deeply")
            raise error(f"{path}:{number}: not valid JSON: {reason}") from None
        if not isinstance(value, dict):
            raise error(f"{path}:{number}: expected an object, found a {type(value).__name__}")
        yield number, value


def validate(adapter: TypeAdapter[T], value: Any, source: str, error: type[UsageError]) -> T:
    """Return `value` as the adapter's type, or raise `error` with the first fault in one line."""
    from pydantic import ValidationError

    try:
        return adapter.validate_python(value)
    except ValidationError as failure:
        raise error(f"{source}: {_explain(failure, adapter)}") from None


def _explain(failure: ValidationError, adapter: TypeAdapter[Any]) -> str:
    first = failure.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
        name = str(first["loc"][-1])
        return f"{where}: unknown key{nearest(name, _known_keys(adapter.json_schema()))}"
    if first["type"] in {"missing", "missing_argument"}:
        return f"{where}: missing"
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message


def _known_keys(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return set().union(*(_known_keys(part) for part in schema)) if schema else set()
    if not isinstance(schema, dict):
        return set()
    keys = set(schema.get("properties", {}))
    return keys.union(*(_known_keys(part) for part in schema.values()))


def write_whole(path: Path, text: str) -> None:
    """Write `text` so that a reader finds the old file or the new one, never a part.

    Raises UsageError when the place cannot be written to, InfrastructureError when it is full.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as failure:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
        raise write_error(path, failure) from failure


def write_error(path: Path, failure: OSError) -> UsageError | InfrastructureError:
    """Translate a failed write: no room is worth a retry, no permission is for the user."""
    if failure.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO}:
        return InfrastructureError(
            f"{path}: {failure.strerror}; free some space and run again, what is stored is kept"
        )
    return UsageError(f"{path}: cannot be written: {failure.strerror}; choose another place")
