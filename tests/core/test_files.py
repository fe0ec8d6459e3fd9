"""Files at the door: what people write is read strictly, what we write is written whole."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter

from cliffguard.core.errors import ConfigError, InfrastructureError, SuiteError, UsageError
from cliffguard.core.files import (
    is_special,
    read_jsonl,
    read_text,
    write_error,
    write_lines,
    write_whole,
)
from cliffguard.core.validation import validate
from cliffguard.core.yaml_files import read_yaml
from tests import support


def written(path: Path, content: str | bytes) -> Path:
    """Write text or bytes as they are and return the path."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def failing(number: int) -> Callable[..., Any]:
    """Return a function that raises the OSError of that number, whatever it is given."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


# --- text ----------------------------------------------------------------------------------------


def test_text_is_read_as_utf_8(tmp_path: Path) -> None:
    """The encoding does not depend on the locale."""
    assert read_text(written(tmp_path / "a.txt", "größer 语言"), UsageError) == "größer 语言"


def test_a_file_used_as_a_folder_is_the_users_error(tmp_path: Path) -> None:
    """A path through a file is one line, not a crash."""
    inside = written(tmp_path / "file", "") / "plan.yaml"

    with support.refused("file.unreadable", 2):
        read_text(inside, UsageError)


@pytest.mark.parametrize(
    "name", ["a\0b.yaml", "x" * 300, "\ud800"], ids=["null byte", "too long", "half a character"]
)
def test_impossible_names_are_the_users_error(name: str, tmp_path: Path) -> None:
    """A name that no file system takes is refused like one that is not there."""
    with pytest.raises(UsageError):
        read_text(tmp_path / name, UsageError)


# What the corpus of tests/bad_input has of files that cannot be read is not here again.
# --- YAML ----------------------------------------------------------------------------------------


def test_yaml_mappings_are_read(tmp_path: Path) -> None:
    """A mapping of keys to values comes back as a dict."""
    path = written(tmp_path / "a.yaml", "a: 1\nb: [x, y]\n")

    assert read_yaml(path, ConfigError) == {"a": 1, "b": ["x", "y"]}


def test_a_text_that_is_read_again_is_as_it_stands(tmp_path: Path) -> None:
    """It is parsed once, and whoever reads it may change what they got."""
    path = written(tmp_path / "a.yaml", "a: {b: [x]}\n")
    read_yaml(path, ConfigError)["a"]["b"].append("y")

    assert read_yaml(path, ConfigError) == {"a": {"b": ["x"]}}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a: 1\nb: [\n", ("file.not-yaml", 2, "a.yaml:3:")),
        ("a:\n  b: 1\n  c: 2\n  b: 3\n", ("file.not-yaml", 2, "a.yaml:4:", "'b'")),
        ("a: *nowhere\n", ("file.not-yaml", 2, "a.yaml:1:")),
        ("? [a]\n: 1\n", ("file.not-yaml", 2, "a.yaml:1:")),
        ("a: b: c\n", ("file.not-yaml", 2, "a.yaml:1:")),
        ("a: \x07\n", ("file.not-yaml", 2)),
        ("# nothing yet\n", ("file.not-yaml", 2)),
        ("plain\n", ("file.not-yaml", 2)),
    ],
)
def test_bad_yaml_is_explained(text: str, error: Any, tmp_path: Path) -> None:
    """What is not a mapping, or not YAML, is refused with the line and the reason."""
    with support.refused(*error) as caught:
        read_yaml(written(tmp_path / "a.yaml", text), ConfigError)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    ["2024-13-45", "1" * 5000],
    ids=["date that is none", "long number"],
)
def test_values_that_yaml_chokes_on_are_explained(value: str, tmp_path: Path) -> None:
    """A scalar that looks like a date or a number but is none is an error with the file's name."""
    with support.refused("file.not-yaml", 2, "a.yaml"):
        read_yaml(written(tmp_path / "a.yaml", f"a: {value}\n"), ConfigError)


def test_a_merged_mapping_may_be_overridden(tmp_path: Path) -> None:
    """A key beside `<<` replaces the merged one, which is what merging is for."""
    text = "a: &shared {margin: 0.1, gate: true}\nb:\n  <<: *shared\n  margin: 0.2\n"

    document = read_yaml(written(tmp_path / "a.yaml", text), ConfigError)

    assert document["b"] == {"margin": 0.2, "gate": True}


def test_a_byte_order_mark_before_yaml_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    """A file saved by an editor that marks UTF-8 reads like any other."""
    assert read_yaml(written(tmp_path / "a.yaml", b"\xef\xbb\xbfa: 1\n"), ConfigError) == {"a": 1}


# --- JSON Lines ----------------------------------------------------------------------------------


def test_json_lines_are_counted_from_one(tmp_path: Path) -> None:
    """Every object comes with the number of its line; blank lines count and are passed over."""
    path = written(tmp_path / "a.jsonl", '{"a": 1}\n\n   \n{"a": 2}')

    assert list(read_jsonl(path, SuiteError)) == [(1, {"a": 1}), (4, {"a": 2})]


def test_odd_line_separators_do_not_end_a_line(tmp_path: Path) -> None:
    """U+2028 and its like inside a text are text."""
    path = written(tmp_path / "a.jsonl", '{"a": "x\u2028y\u0085z\u000bw"}\n'.replace("\u000b", ""))

    assert list(read_jsonl(path, SuiteError)) == [(1, {"a": "x\u2028y\u0085zw"})]


def test_lines_may_end_as_on_windows(tmp_path: Path) -> None:
    """A carriage return before the line feed is no part of the line."""
    path = written(tmp_path / "a.jsonl", b'{"a": 1}\r\n{"a": 2}\r\n')

    assert [number for number, _ in read_jsonl(path, SuiteError)] == [1, 2]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("{'a': 1}", ("file.not-json", 2, "a.jsonl:2")),
        ('{"a": 1,}', ("file.not-json", 2, "a.jsonl:2")),
        ('{"a": 1} {"b": 2}', ("file.not-json", 2, "a.jsonl:2")),
        ("null", ("file.not-json", 2, "a.jsonl:2")),
    ],
    ids=["single quotes", "comma", "two", "null"],
)
def test_bad_json_lines_are_explained(line: str, error: Any, tmp_path: Path) -> None:
    """A line that is no JSON object is refused with file, line and reason."""
    path = written(tmp_path / "a.jsonl", '{"a": 1}\n' + line + "\n")

    with support.refused(*error):
        list(read_jsonl(path, SuiteError))


# --- values --------------------------------------------------------------------------------------


class Inner(BaseModel):
    """A group of keys."""

    model_config = ConfigDict(extra="forbid")

    margin: float = 0.0
    gate_levels: int = 0


class Outer(BaseModel):
    """A file of two keys and a group."""

    model_config = ConfigDict(extra="forbid")

    name: str
    group: Inner = Inner()


def refusal(value: Any) -> str:
    """Return the message with which the value is refused as an Outer."""
    with pytest.raises(ConfigError) as caught:
        validate(TypeAdapter(Outer), value, "plan.yaml", ConfigError)
    return str(caught.value)


def test_a_good_value_has_its_type() -> None:
    """What fits comes back as the type."""
    assert validate(TypeAdapter(Outer), {"name": "a"}, "plan.yaml", ConfigError).name == "a"


def test_an_unknown_key_offers_the_nearest() -> None:
    """A misspelt key is named with its place, and the one it may have meant."""
    assert refusal({"name": "a", "group": {"margn": 0.1}}) == (
        "plan.yaml: group.margn: unknown key; did you mean 'margin'?"
    )


def test_a_key_unlike_any_offers_none() -> None:
    """Where nothing is near, nothing is offered."""
    assert refusal({"name": "a", "zzzzzz": 1}) == "plan.yaml: zzzzzz: unknown key"


def test_a_key_is_not_offered_as_its_own_correction() -> None:
    """A known key in the wrong group is not answered with its own name."""
    assert "did you mean 'margin'" not in refusal({"name": "a", "margin": 0.1})


def test_a_missing_key_is_named() -> None:
    """What must be there and is not is called missing."""
    assert refusal({}) == "plan.yaml: name: missing"


def test_a_wrong_type_is_named_with_its_place() -> None:
    """The dotted key leads the reason."""
    assert refusal({"name": "a", "group": {"margin": "much"}}).startswith(
        "plan.yaml: group.margin: Input should be a valid number"
    )


# --- writing -------------------------------------------------------------------------------------


def test_writing_makes_the_folders(tmp_path: Path) -> None:
    """Folders on the way are made."""
    path = tmp_path / "a" / "b" / "c.txt"

    write_whole(path, "x")

    assert path.read_text() == "x"


def test_writing_replaces(tmp_path: Path) -> None:
    """The new text takes the place of the old, and nothing else is left."""
    path = written(tmp_path / "a.txt", "old, and longer")

    write_whole(path, "new")

    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_line_ends_are_the_same_everywhere(tmp_path: Path) -> None:
    """A line feed is written as one byte."""
    write_whole(tmp_path / "a.txt", "a\nb\n")

    assert (tmp_path / "a.txt").read_bytes() == b"a\nb\n"


def test_others_may_read_what_is_written(tmp_path: Path) -> None:
    """A report is not private to its writer, as temporary files are."""
    write_whole(tmp_path / "a.txt", "x")

    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o755, 0o444])
@pytest.mark.parametrize("name", ["a.txt", "link"])
def test_who_may_read_a_file_that_is_replaced_still_may(
    name: str, mode: int, tmp_path: Path
) -> None:
    """And nobody else, also behind a link, whose own mode says nothing."""
    path = written(tmp_path / "a.txt", "old")
    path.chmod(mode)
    (tmp_path / "link").symlink_to("a.txt")

    write_whole(tmp_path / name, "new")

    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o7777 == mode


def test_a_file_keeps_its_owner_where_we_may_give_it_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One in a checkout that root writes to; who may not give it away writes it all the same."""
    path = written(tmp_path / "a.txt", "old")
    path.chmod(0o640)
    theirs, changed = os.stat_result((0o100640, 0, 0, 1, 12_345, 54_321, 0, 0, 0, 0)), []
    lstat = os.lstat
    monkeypatch.setattr(os, "lstat", lambda p: theirs if Path(p) == path else lstat(p))

    def chown(_: str, uid: int, gid: int) -> None:
        changed.append((uid, gid))
        raise PermissionError

    monkeypatch.setattr(os, "chown", chown)
    write_whole(path, "new")

    assert changed == [(-1, 54_321), (12_345, -1)]
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_result_in_a_strangers_folder_has_a_mode_of_ours(tmp_path: Path) -> None:
    """What lay there under its name says nothing."""
    path = written(tmp_path / "a.txt", "old")
    path.chmod(0o666)

    write_whole(path, "new", follows=False)

    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_full_disk_is_worth_a_retry(
    step: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No room is an infrastructure error."""
    monkeypatch.setattr(os, step, failing(number))

    with support.refused("file.no-room", 20):
        write_whole(tmp_path / "a.txt", "x")


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_alone(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failure the old text is there, and no part of the new."""
    path = written(tmp_path / "a.txt", "old")
    monkeypatch.setattr(os, step, failing(errno.ENOSPC))

    with pytest.raises(InfrastructureError):
        write_whole(path, "new")

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_write_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """^C in the middle of a write takes the temporary file away."""

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)

    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "a.txt", "x")

    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_the_users_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only place is for the user to change."""
    monkeypatch.setattr("tempfile.mkstemp", failing(errno.EROFS))

    with support.refused("file.not-written", 2):
        write_whole(tmp_path / "a.txt", "x")


def test_a_file_in_the_way_is_the_users_error(tmp_path: Path) -> None:
    """A file where a folder is wanted is one line that names the path."""
    inside = written(tmp_path / "file", "") / "a.txt"

    with support.refused("file.not-written", 2, "file/a.txt"):
        write_whole(inside, "x")


def test_a_folder_in_the_way_is_the_users_error(tmp_path: Path) -> None:
    """A folder where a file is wanted is one line, and the folder stays."""
    (tmp_path / "a.txt").mkdir()

    with support.refused("file.not-written", 2):
        write_whole(tmp_path / "a.txt", "x")

    assert list(tmp_path.iterdir()) == [tmp_path / "a.txt"]


def test_text_that_is_no_unicode_leaves_no_temporary_file(tmp_path: Path) -> None:
    """Half a surrogate pair cannot be written as UTF-8; nothing is left of the try."""
    with pytest.raises(Exception, match=r"surrogate|UTF-8"):
        write_whole(tmp_path / "a.txt", "\ud800")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENAMETOOLONG])
def test_permission_and_names_are_for_the_user(number: int) -> None:
    """What a retry cannot mend is no infrastructure error."""
    failure = OSError(number, os.strerror(number))

    assert write_error(Path("a"), failure).exit_code == 2


def test_into_a_pipe_it_is_written_as_it_comes(tmp_path: Path) -> None:
    """A file in its place would break whoever reads it; /dev/null is such a one."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    write_whole(pipe, "told")

    assert os.read(reader, 10) == b"told"
    os.close(reader)
    assert is_special(pipe)


def test_a_link_in_a_folder_of_results_is_replaced(tmp_path: Path) -> None:
    """The folder may be a stranger's, and the link lead to a file of the reader's."""
    (tmp_path / "mine").write_text("mine")
    for name, write in (
        ("review.json", lambda path: write_whole(path, "new\n", follows=False)),
        ("labels.jsonl", lambda path: write_lines(path, ["new"])),
    ):
        (tmp_path / name).symlink_to("mine")

        write(tmp_path / name)

        assert not (tmp_path / name).is_symlink()
        assert (tmp_path / name).read_text() == "new\n"
    assert (tmp_path / "mine").read_text() == "mine"


def test_what_a_link_points_to_is_written(tmp_path: Path) -> None:
    """The link stays one."""
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")

    write_whole(tmp_path / "link", "new")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"
