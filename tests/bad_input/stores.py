"""Stores whose entries are damaged after they were written."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.bad_input.place import Case, Cases, Workspace, run


def damaged(
    workspace: Workspace, name: str, change: Callable[[bytes], bytes | None], *words: str
) -> list[str]:
    """Fill the store, change a file of its first entry (None: remove it), and check again."""
    fill(workspace)
    path = sorted(workspace.store.rglob(name))[0]
    content = change(path.read_bytes())
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    return list(words) or workspace.check()


_filled: dict[str, bytes] = {}


def fill(workspace: Workspace) -> None:
    """Put the answers of a check into the store; they are asked once for all cases."""
    if not _filled:
        done = run([*workspace.check(), "--out", str(workspace.root / "before")])
        assert done.exit_code == 0, done.output
        files = (path for path in workspace.store.rglob("*") if path.is_file())
        _filled.update({str(p.relative_to(workspace.store)): p.read_bytes() for p in files})
    for name, content in _filled.items():
        workspace.write(f"store/{name}", content)


def edited(change: Callable[[Any], object]) -> Callable[[bytes], bytes]:
    """Return a change of a JSON file's value."""

    def to_bytes(content: bytes) -> bytes:
        value = json.loads(content)
        change(value)
        return json.dumps(value).encode()

    return to_bytes


def renamed(workspace: Workspace) -> list[str]:
    """Give an entry the name of another question."""
    words = damaged(workspace, "0000.jsonl", lambda b: b)
    folder = sorted(workspace.store.rglob("question.json"))[0].parent
    name = f"{folder.name[:-4]}{'0' * 4}"
    folder.rename(folder.parent / name)
    return [
        "compare",
        str(workspace.base),
        str(workspace.tuned),
        "-s",
        str(workspace.suite),
        "-q",
        "--store",
        str(workspace.store),
        *words[:0],
    ]


SHARD, QUESTION = "0000.jsonl", "question.json"

CASES: Cases = {
    "a score in the store is flipped": Case(
        lambda p: damaged(p, SHARD, lambda b: b.replace(b'"score":1.0', b'"score":0.0', 1)),
        12,
        "store.damaged",
    ),
    "a byte in the store is flipped": Case(
        lambda p: damaged(p, SHARD, lambda b: b[:100] + bytes([b[100] ^ 1]) + b[101:]),
        12,
        "store.damaged",
    ),
    "the last line of a shard is torn": Case(
        lambda p: damaged(p, SHARD, lambda b: b[:-20]), 12, "store.damaged"
    ),
    "a shard without its seal": Case(
        lambda p: damaged(p, SHARD, lambda b: b"".join(b.splitlines(True)[:-1])),
        12,
        "store.damaged",
    ),
    "a shard without a line": Case(
        lambda p: damaged(p, SHARD, lambda b: b"".join(b.splitlines(True)[1:])), 12, "store.damaged"
    ),
    "a shard with a line twice": Case(
        lambda p: damaged(p, SHARD, lambda b: b.splitlines(True)[0] + b), 12, "store.damaged"
    ),
    "an empty shard": Case(lambda p: damaged(p, SHARD, lambda _: b""), 12, "store.damaged"),
    "a shard of garbage": Case(
        lambda p: damaged(p, SHARD, lambda b: b"\0" * len(b)), 12, "store.damaged"
    ),
    "a shard nested without end": Case(
        lambda p: damaged(p, SHARD, lambda _: b"[" * 50_000), 12, "store.damaged"
    ),
    "a shard of numbers": Case(
        lambda p: damaged(p, SHARD, lambda _: b"1\n2\n"), 12, "store.damaged"
    ),
    "a question that is torn": Case(
        lambda p: damaged(p, QUESTION, lambda b: b[:2]), 12, "store.damaged"
    ),
    "a question that is a list": Case(
        lambda p: damaged(p, QUESTION, lambda _: b"[]"), 12, "store.damaged"
    ),
    "a question that was edited": Case(
        lambda p: damaged(p, QUESTION, edited(lambda q: q["asked"].update(task="other"))),
        12,
        "store.damaged",
    ),
    "a question with NaN": Case(
        lambda p: damaged(p, QUESTION, edited(lambda q: q["asked"].update(task=float("nan")))),
        12,
        "store.damaged",
    ),
    "a question without its names": Case(
        lambda p: damaged(p, QUESTION, edited(lambda q: q.pop("about"))), 12, "store.damaged"
    ),
    "an entry under another name": Case(renamed, 12, "store.damaged"),
}
