"""The index of the ids of errors and of caveats, read from the source of the package.

An id stands where an error is made (`UsageError(…, id="target.unused-column")`). One that is
computed is of a table beside it, or names the key of a file; of those the page gives the form.
That of a caveat stands where it is made, too, always as a text.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby, islice
from pathlib import Path

from cliffguard.core import errors

PACKAGE = Path(errors.__file__).parent.parent

_HEAD = """\
# Error ids

<!-- Written by scripts/make/pages.py from the source of the package. -->

Every error line on stderr shows its id, and `failure.json` holds it under `id`.
The message may be worded anew; an id keeps its meaning once it is released, so a program should go
by the id and by the [exit code](../README.md): 2 is what was typed or read, 12 what cannot be
trusted, 20 what may succeed later.

An error about a key of a file has the kind of file and the key as its id: `policy.margin`,
`suite.chance`, with the kinds plan, policy, protocol, runner, suite and target. The whole file is
`policy.file`, a key that does not exist `policy.unknown-key`. All of these exit with 2, and are
not listed one by one: they come from the bounds beside the field (`core/bounds.py`), from its
record (`core/policy.py`, `core/settings.py`, `core/protocol.py`, `suites/schema.py`) or from who
reads the file (`core/validation.py`). `Observation` are faults that only `cliffguard doctor` looks
for; it prints the exit code that a run would end with.

A [caveat](#caveats) is no error: the comparison is made, and its review says what to know of it.
"""
_CAVEATS = """
## Caveats

Every caveat of a review has an id as well: `comparison.caveats` of `review.json` is a list of
objects, `{"id": …, "text": …}`, as are the `notes` of either side, so that a pipeline can go by
them: `jq -r '.comparison.caveats[].id' review.json`. In reviews of before layout 3 they were
sentences, and are read with the id `unknown`. A sentence that a caller gives `guard()` has the id
`caller.remark`.

| id | file |
|---|---|
"""
_ID = re.compile(r"[a-z]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)+")
_GIVEN_ON = re.compile(r"\bkey_id\(|\.id\b|^id$")  # of a key, or of another error
_OF_DOCTOR = "Observation"  # of `cliffguard doctor`, with the exit code that a run would end with
_FILE = re.compile(r"\.(?:bin|h5|json|jsonl|model|msgpack|npz|ot|pt|py|safetensors|txt|ya?ml)$")
_ANY_INPUT = ("error", "partial", "with_id")  # the caller says which error of input it is


def page() -> str:
    """Return the page: a table for each topic, which is what stands before the first period."""
    trees = {
        path.relative_to(PACKAGE.parent).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }
    codes = _exit_codes(trees.values())
    rows: dict[str, set[tuple[str, str]]] = {}
    for file, tree in trees.items():
        for class_name, id in _raised(file, tree, trees.values(), codes):
            rows.setdefault(id, set()).add((class_name, file))
    text = _HEAD
    for topic, ids in groupby(sorted(rows), key=lambda id: id.partition(".")[0]):
        text += f"\n## {topic}\n\n| id | exit code | error | file |\n|---|---|---|---|\n"
        text += "".join(_row(id, rows[id], codes) for id in ids)
    caveats = sorted((id, file) for file, tree in trees.items() for id in _caveats(tree))
    return text + _CAVEATS + "".join(f"| `{id}` | `{file}` |\n" for id, file in caveats)


def _caveats(tree: ast.Module) -> Iterator[str]:
    """Yield the id of each caveat that a module makes."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "Caveat":
            yield from (id for word in call.keywords if word.arg == "id" for id in _texts(word))


def _row(id: str, places: Iterable[tuple[str, str]], codes: Mapping[str, int]) -> str:
    classes, files = (sorted(set(column)) for column in zip(*places, strict=True))
    exits = sorted({codes[name] for name in classes if name != _OF_DOCTOR})
    shown = ", ".join(f"`{file}`" for file in files)
    code = ", ".join(map(str, exits)) or "of `doctor`"
    return f"| `{id}` | {code} | {', '.join(classes)} | {shown} |\n"


def _exit_codes(trees: Iterable[ast.Module]) -> dict[str, int]:
    """Return the exit code of each error class: those of core/errors.py, and theirs elsewhere."""
    codes = {
        name: int(value.exit_code)
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.CliffguardError)
    }
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                for base in map(ast.unparse, node.bases):
                    if base in codes:
                        codes.setdefault(node.name, codes[base])
    return codes


def _raised(
    file: str, tree: ast.Module, trees: Iterable[ast.Module], codes: Mapping[str, int]
) -> Iterator[tuple[str, str]]:
    """Yield (class of the error, id) for each error that a module makes."""
    classes = {
        call: node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name in codes
        for call in ast.walk(node)
    }
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        maker = ast.unparse(call.func).removeprefix("errors.")
        class_name = {
            **{name: "UsageError" for name in _ANY_INPUT},
            "super().__init__": classes.get(call, ""),
        }.get(maker, maker)
        given = [word.value for word in call.keywords if word.arg == "id"]
        given += call.args[1:] if maker == "with_id" else []
        if class_name in codes:
            for value in given:
                ids = _ids(value, tree, trees)
                if not ids and not _GIVEN_ON.search(ast.unparse(value)):
                    raise ValueError(
                        f"{file}:{call.lineno}: no id can be read from {ast.unparse(value)}; "
                        "write it as a text, a constant or by key_id"
                    )
                yield from ((class_name, id) for id in ids)
        elif maker == _OF_DOCTOR:
            yield from ((maker, id) for value in given for id in _texts(value))


def _ids(value: ast.expr, tree: ast.Module, trees: Iterable[ast.Module]) -> set[str]:
    """Return the ids that an expression can be."""
    if isinstance(value, ast.Name) and not value.id.isupper():
        return _beside(tree)
    if isinstance(value, ast.Name):
        texts = (_constant(value.id, module) for module in (tree, *trees))  # its own module first
        return {text for text in islice(filter(None, texts), 1)}
    return _texts(value)


def _beside(tree: ast.Module) -> set[str]:
    """Return the ids that stand in a module without an `id=`: in a table, or with a caller."""
    given = {
        word.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for word in node.keywords
        if word.arg == "id" and isinstance(word.value, ast.Constant)
    }
    return {text for text in _texts(tree) - given if not _FILE.search(text)}


def _constant(name: str, tree: ast.Module) -> str | None:
    """Return the id that a module gives a name, if it does."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return next(iter(_texts(node.value)), None)
    return None


def _texts(tree: ast.AST) -> set[str]:
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and _ID.fullmatch(node.value)
    }
