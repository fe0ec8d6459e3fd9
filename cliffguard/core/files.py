"""Reading YAML and JSON Lines that people write; writing files whole or not at all."""

from __future__ import annotations

import codecs
import contextlib
import errno
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from cliffguard.core.canonical_json import parse_json
from cliffguard.core.errors import InfrastructureError, UsageError, key_id, nearest, with_id
from cliffguard.core.texts import cut_middle

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")


def user_path(name: str, error: Callable[[str], UsageError]) -> Path:
    """Return the path that a person wrote, its ~ expanded; an impossible one is `error`."""
    if not name.strip():
        raise with_id(error, "path.empty")(
            "an empty name is no path; leave the key out, or name a file or folder"
        )
    if "\0" in name:
        raise with_id(error, "path.impossible")(f"{name}: a path cannot hold a null character")
    try:
        path = Path(name).expanduser()
        path.exists()
        os.fsencode(path)  # half a character is no name, and newer Pythons call it absent
    except RuntimeError:
        raise with_id(error, "path.no-user")(
            f"{name}: no such user, so no such home folder"
        ) from None
    except (OSError, ValueError) as failure:
        reason = getattr(failure, "strerror", None) or str(failure)
        raise with_id(error, "path.impossible")(
            f"{cut_middle(name)}: not a possible path: {reason}"
        ) from None
    return path


def is_path(name: str) -> bool:
    """Return True for a name that stands for a file of ours, and not for a suite of the package."""
    return "/" in name or name.endswith((".yaml", ".yml"))


def read_text(path: Path, error: Callable[..., UsageError], *, advice: str = "") -> str:
    """Return the text of a file, UTF-8 or what its first bytes name; a failure is `error`.

    `advice` is what to do where there is no such file.
    """
    path = user_path(str(path), error)
    try:
        return decoded(path.read_bytes(), path, error)
    except FileNotFoundError:
        raise with_id(error, "file.missing")(f"{path}: no such file{advice}") from None
    except IsADirectoryError:
        raise with_id(error, "file.is-folder")(f"{path}: is a directory, not a file") from None
    except OSError as failure:
        raise with_id(error, "file.unreadable")(f"{path}: {failure.strerror}") from None


_MARKS = (  # of byte order, as editors on Windows write them; the longer one first
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)


_BEGUN = 4  # characters
_UNMARKED = ("UTF-16LE", "UTF-16BE")  # whose second, or first, bytes are null in Latin text


def decoded(content: bytes, path: Path, error: Callable[..., UsageError]) -> str:
    """Return the text of a file's bytes: UTF-8, or UTF-16 and UTF-32 by their byte-order mark.

    The mark is no part of the text, and line ends of any system are line feeds.
    """
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    named = "UTF-8" if encoding.startswith("utf-8") else encoding.upper()
    try:
        text = content.decode(encoding)
        where = text[:_BEGUN].find("\0")
    except UnicodeDecodeError as failure:
        text, where = "", failure.start
    if where >= 0:  # a null character at once is of UTF-16 without its mark, or of no text
        begun = content[: 2 * _BEGUN]
        unmarked = [name for n, name in enumerate(_UNMARKED) if not any(begun[1 - n :: 2])]
        likely = unmarked[0] if unmarked and len(begun) > 1 else None
        other = "" if likely else ", or from the encoding that it has, such as SHIFT_JIS"
        raise error(
            f"{path}: not {named} text (byte {where}); save it as UTF-8, in Excel as "
            f'"CSV UTF-8", or by `iconv -f {likely or "WINDOWS-1252"} -t UTF-8`{other}',
            id="text.not-utf-8",
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


_MOST_VALUES = 100_000  # of a YAML file, each counted as often as aliases repeat it


class _PlainData(yaml.SafeLoader):
    """A safe loader of plain data, without the traps of YAML 1.1.

    A key written twice is refused, where YAML would keep the last. Only true and false are
    truth values: yes, no, on and off are words, so that `limit: yes` is not the number 1. Tags are
    refused, and so are aliases that stand inside what they stand for, or multiply it.
    """

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Return the next node, unless it has a tag."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "tag", None) is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            raise yaml.constructor.ConstructorError(
                None, None, f"the tag {tag} is no plain data; leave it out", event.start_mark
            )
        return super().compose_node(parent, index)

    def get_single_node(self) -> yaml.Node | None:
        """Return the document's node, unless it holds more than a file can mean."""
        node: yaml.Node | None = super().get_single_node()
        if node is not None:
            _n_values(node, {})
        return node


def _n_values(node: yaml.Node, known: dict[int, int]) -> int:
    """Return how many values a node stands for, aliases followed."""
    if id(node) in known:
        if not known[id(node)]:
            raise _too_much(node, "an alias stands inside what it stands for")
        return known[id(node)]
    known[id(node)] = 0  # until all inside it is counted
    inner = node.value if not isinstance(node, yaml.ScalarNode) else []
    parts = [p for pair in inner for p in pair] if isinstance(node, yaml.MappingNode) else inner
    known[id(node)] = n_values = 1 + sum(_n_values(part, known) for part in parts)
    if n_values > _MOST_VALUES:
        raise _too_much(node, f"aliases and lists make more than {_MOST_VALUES:,} values of it")
    return n_values


def _too_much(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_PlainData.yaml_implicit_resolvers = {
    first: [
        (tag, re.compile("^(?:true|True|TRUE|false|False|FALSE)$"))
        if tag == "tag:yaml.org,2002:bool"
        else (tag, pattern)
        for tag, pattern in resolvers
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _mapping(loader: _PlainData, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            continue
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, (str, int)) and key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} stands twice", key_node.start_mark
            )
        if isinstance(key, (str, int)):
            seen.add(key)
    loader.flatten_mapping(node)  # after the check: what << brings in may be overridden
    return loader.construct_mapping(node, deep=True)


_PlainData.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(path: Path, error: type[UsageError], *, kind: str | None = None) -> dict[str, Any]:
    """Return the mapping in a YAML file, loaded without tags that run code.

    Of a `kind` of file that people write, an error has the id of the whole (`policy.file`).
    """
    make_error = error if kind is None else partial(error, id=key_id(kind, "file"))
    begun = "; `cliffguard init` writes one to begin with" if kind in _BEGUN_BY_INIT else ""
    return _read_yaml(path, make_error, begun)


_BEGUN_BY_INIT = ("plan", "policy")


def _read_yaml(path: Path, error: Callable[[str], UsageError], advice: str) -> dict[str, Any]:
    text = read_text(path, error, advice=advice)
    try:
        value = yaml.load(text, Loader=_PlainData)  # a subclass of SafeLoader
    except yaml.MarkedYAMLError as failure:
        mark = failure.problem_mark or failure.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise with_id(error, "file.not-yaml")(
            f"{path}{line}: not valid YAML: {failure.problem}"
        ) from None
    except yaml.reader.ReaderError as failure:
        line = f":{text.count(chr(10), 0, failure.position) + 1}"
        raise with_id(error, "file.not-yaml")(
            f"{path}{line}: not valid YAML: {str(failure).splitlines()[0]}"
        ) from None
    except RecursionError:
        raise with_id(error, "file.not-yaml")(
            f"{path}: not valid YAML: nested too deeply"
        ) from None
    except ValueError as failure:  # a date or a number that is none
        reason = (str(failure).splitlines() or [type(failure).__name__])[0]
        raise with_id(error, "file.not-yaml")(f"{path}: not valid YAML: {reason}") from None
    if not isinstance(value, dict):
        content = "empty" if value is None else f"a {type(value).__name__}"
        raise with_id(error, "file.not-yaml")(
            f"{path}: expected a mapping of keys to values, but the file is {content}"
        )
    return value


def read_jsonl(path: Path, error: type[UsageError]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) for every non-blank line of a JSON Lines file."""
    for number, line in enumerate(read_text(path, error).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = parse_json(line)
        except ValueError as failure:
            reason = getattr(failure, "msg", None) or str(failure)
            raise with_id(error, "file.not-json")(
                f"{path}:{number}: not valid JSON: {reason}"
            ) from None
        if not isinstance(value, dict):
            raise with_id(error, "file.not-json")(
                f"{path}:{number}: expected an object, found a {type(value).__name__}"
            )
        if has_half_characters(value):
            raise with_id(error, "text.half-character")(f"{path}:{number}: {HALF_CHARACTERS}")
        yield number, value


HALF_CHARACTERS = "holds half a surrogate pair, which is no character; write it as UTF-8 text"


def has_half_characters(value: Any) -> bool:
    """Say whether a text has what JSON can spell and neither UTF-8 nor a tokenizer can hold."""
    try:
        json.dumps(value, ensure_ascii=False, default=str, skipkeys=True).encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _has_no_number(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False, default=str, skipkeys=True)
    except ValueError:
        return True
    return False


def validate(
    adapter: TypeAdapter[T],
    value: Any,
    source: str,
    error: type[UsageError],
    *,
    kind: str | None = None,
) -> T:
    """Return `value` as the adapter's type, or raise `error` with the first fault in one line.

    Of a `kind` of file that people write, the error has the id of the key (`policy.margin`), of a
    key that is none (`policy.unknown-key`), or of the whole (`policy.file`); of another one
    `file.unexpected`.
    """
    from pydantic import ValidationError

    whole = "file.unexpected" if kind is None else key_id(kind, "file")
    if has_half_characters(value):
        raise error(f"{source}: {HALF_CHARACTERS}", id=whole)
    try:
        valid = adapter.validate_python(value)
    except ValidationError as failure:
        first = _first(failure)
        cause = first.get("ctx", {}).get("error")  # what the record itself has raised
        error_id = getattr(cause, "id", None) or (_id(first, adapter, kind) if kind else whole)
        raise error(f"{source}: {_explain(first, adapter)}", id=error_id) from None
    if _has_no_number(value):
        raise error(f"{source}: holds an infinity or NaN, which is no number to go by", id=whole)
    return valid


SECTIONS = ("policy", "protocol", "runner", "target")
"""Keys of a plan that are kinds of their own."""


def _id(first: Mapping[str, Any], adapter: TypeAdapter[Any], kind: str) -> str:
    """Return the id of a fault: of the innermost of its keys that the file's schema knows."""
    parts = [str(part) for part in first["loc"]]
    if kind == "plan" and len(parts) > 1 and parts[0] in SECTIONS:
        kind, parts = parts[0], parts[1:]
    if first["type"] in _UNKNOWN:
        return key_id(kind, "unknown-key")
    described = adapter.json_schema()
    bodies = (described, *described.get("$defs", {}).values())
    known = {key for body in bodies for key in body.get("properties", {})}
    return key_id(kind, next((part for part in reversed(parts) if part in known), "file"))


def _first(failure: ValidationError) -> Mapping[str, Any]:
    """Return the fault that says most."""
    errors = failure.errors(include_url=False)
    # A misspelt key is also a missing one: the misspelling says more.
    first = next((error for error in errors if error["type"] in _UNKNOWN), errors[0])
    if first["loc"][-1:] in _PLAIN:  # of a key that may also be a mapping, which it here is
        inside = [e for e in errors if e["loc"][: len(first["loc"]) - 1] == first["loc"][:-1]]
        first = max(inside, key=lambda error: len(error["loc"]))
    return first


def _explain(first: Mapping[str, Any], adapter: TypeAdapter[Any]) -> str:
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] in _UNKNOWN:
        return f"{where}: unknown key{_nearest_key(str(first['loc'][-1]), adapter.json_schema())}"
    if first["type"] in {"missing", "missing_argument"}:
        return f"{where}: missing"
    message = first["msg"].removeprefix("Value error, ").replace("valid tuple", "list")
    return f"{where}: {message}" if where else message


_PLAIN = {("str",), ("bool",), ("int",), ("float",)}
_UNKNOWN = {"extra_forbidden", "unexpected_keyword_argument"}


def _nearest_key(name: str, schema: dict[str, Any]) -> str:
    """Return where a known key belongs that stands in the wrong place, or the nearest key."""
    groups = {**schema.get("$defs", {}), "": schema}
    homes = [home for home, body in groups.items() if name in body.get("properties", {})]
    if homes:
        fields = groups[""].get("properties", {})
        under = [key for key, body in fields.items() if _points_to(body, homes)]
        return f" here; it belongs under {under[0]}" if under else " here"
    keys = {key for body in groups.values() for key in body.get("properties", {})}
    return nearest(name, keys)


def _points_to(body: Any, homes: list[str]) -> bool:
    return any(f'"#/$defs/{home}"' in json.dumps(body) for home in homes)


def write_whole(path: Path, text: str) -> None:
    """Write `text` so that a reader finds the old file or the new one, never a part.

    What a link points to is written, and the link stays; into a device or a pipe it is written as
    it comes. Raises UsageError when the place cannot be written to, InfrastructureError when it is
    full.
    """
    if is_special(path):
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as failure:
            raise write_error(path, failure) from failure
        return
    path = Path(os.path.realpath(path)) if path.is_symlink() else path
    with _beside(path, text) as temporary:
        os.replace(temporary, path)


def is_special(path: Path) -> bool:
    """Say whether a path is a device, a pipe or a socket, which no file may take the place of."""
    # Unlike Path's, these take a name that is too long for one.
    return os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path))


def write_new(path: Path, text: str) -> bool:
    """Write `text` as `write_whole` does unless the file is there; say whether it was written.

    Of several processes that write the same file at once, one is told True.
    """
    with _beside(path, text) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        except OSError as failure:
            if failure.errno not in _NO_HARD_LINKS:
                raise
            if path.exists():
                return False
            os.replace(temporary, path)
    return True


_NO_HARD_LINKS = {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK}
_NO_FLUSHED_FOLDERS = {errno.EACCES, errno.EINVAL, errno.EPERM, errno.ENOTSUP}


@contextlib.contextmanager
def _beside(path: Path, text: str) -> Iterator[str]:
    """Lend a flushed temporary file with `text` beside `path`, to be put in its place."""
    content = text.encode("utf-8")
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        yield temporary
        _flush_folder(path.parent)
    except OSError as failure:
        raise write_error(path, failure) from failure
    finally:  # also when the run is interrupted
        if temporary is not None:
            with contextlib.suppress(OSError):  # it is not there any more, as a rule
                os.unlink(temporary)


def _flush_folder(folder: Path) -> None:
    """Flush the names in a folder, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as failure:
        if failure.errno not in _NO_FLUSHED_FOLDERS:
            raise


def write_error(path: Path, failure: OSError) -> UsageError | InfrastructureError:
    """Translate a failed write: no room is worth a retry, no permission is for the user."""
    if failure.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO}:
        return InfrastructureError(
            f"{path}: {failure.strerror}; free some space and run again, what is stored is kept",
            id="file.no-room",
        )
    return UsageError(
        f"{path}: cannot be written: {failure.strerror}; choose another place",
        id="file.not-written",
    )


_UNREACHABLE = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EMFILE, errno.ENFILE, errno.ENOMEM}


def is_unreachable(failure: OSError) -> bool:
    """Say whether a failed read tells nothing of the file: no permission, or no disk."""
    return isinstance(failure, PermissionError) or failure.errno in _UNREACHABLE


def read_error(path: Path, failure: OSError) -> UsageError | InfrastructureError:
    """Translate a failed read of a file of ours that may well be whole."""
    if isinstance(failure, PermissionError):
        return UsageError(
            f"{path}: cannot be read: {failure.strerror}; choose another place",
            id="file.unreadable",
        )
    return InfrastructureError(
        f"{path}: cannot be read: {failure.strerror}; run again when it can, what is stored is "
        "kept",
        id="file.unreadable",
    )
