"""What a source takes and holds, read from its syntax tree: nothing of it is imported.

    python -m tests.runners.signatures FOLDER

looks for the names of vllm_calls.json in FOLDER, an unpacked source distribution of vLLM, and
writes release and digests beside them. The file holds no text of vLLM's.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FACTS = Path(__file__).with_name("vllm_calls.json")


def names_in(tree: ast.AST, dotted: str) -> tuple[Any, ...]:
    """Return a function's parameters, a class's fields, or the values of a Literal, by its name.

    Raises KeyError where the source has none of that name.
    """
    node = tree
    for part in dotted.split("."):
        inside = {_name_of(child): child for child in getattr(node, "body", ())}
        if part not in inside:
            raise KeyError(dotted)
        node = inside[part]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        arguments = node.args
        return tuple(
            a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        )
    if isinstance(node, ast.ClassDef):
        return tuple(_name_of(field) for field in node.body if isinstance(field, ast.AnnAssign))
    return tuple(value.value for value in ast.walk(node) if isinstance(value, ast.Constant))


def attributes_set_in(tree: ast.AST, class_name: str) -> set[str]:
    """Return the names that the methods of a class set on `self`."""
    wanted = next(node for node in ast.walk(tree) if _name_of(node) == class_name)
    return {
        node.attr
        for node in ast.walk(wanted)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }


def _name_of(node: ast.AST) -> str | None:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return node.name
    targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
    return getattr(targets[0], "id", None)


def facts_of(folder: Path, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return release, digests and names as a source has them. Raises SystemExit for a lack."""
    release = re.search(r"^Version: (\S+)$", (folder / "PKG-INFO").read_text("utf-8"), re.M)
    assert release is not None, "PKG-INFO of a source distribution has a version"
    sources = {}
    for path, source in before["sources"].items():
        text = (folder / path).read_bytes()
        tree = ast.parse(text)
        for name, wanted in source["names"].items():
            if lacking := [value for value in wanted if value not in names_in(tree, name)]:
                raise SystemExit(f"{path}: {name} has no {', '.join(map(str, lacking))}")
        digest = hashlib.sha256(text).hexdigest()
        sources[path] = {"sha256": digest, "names": source["names"]}
    return {"version": release[1], "sources": sources}


if __name__ == "__main__":
    facts = facts_of(Path(sys.argv[1]), json.loads(FACTS.read_text("utf-8")))
    rows = [f'  "{path}": {json.dumps(source)}' for path, source in facts["sources"].items()]
    body = f'{{"version": "{facts["version"]}", "sources": {{\n' + ",\n".join(rows) + "\n}}\n"
    FACTS.write_text(body, encoding="utf-8")
    print(f"{FACTS.name}: vllm {facts['version']}, {len(rows)} files")
