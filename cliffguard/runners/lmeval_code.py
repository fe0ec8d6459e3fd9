"""Refuses lm-eval tasks that would run code, by reading their files before any is loaded.

A task of lm-eval's is a YAML file that may name functions in Python files beside it. Some of them
run what the model wrote, and not all are marked so; some fetch a metric's program from a hub.
Nothing of a task is imported here: its files are read as text and as syntax trees.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cliffguard.core.errors import SuiteError

_RUNS = frozenset({"exec", "eval", "compile", "__import__"})
_RUNNERS = frozenset({"subprocess", "multiprocessing", "os", "pty", "runpy", "pickle", "marshal"})
_RUNNING = {
    "os": {"system", "popen", "execv", "execve", "execvp", "spawnl", "spawnv", "fork"},
    "multiprocessing": {"Process", "Pool"},
}


def refuse_code(index: Mapping[str, Any], name: str) -> None:
    """Raise SuiteError where a task, or one of a group's or tag's, would run foreign code."""
    for entry in _entries(index, name, set()):
        if entry.yaml_path is None:
            raise SuiteError(
                f"{entry.name}: lm-eval has it as a program, and not as a task file",
                id="task.program",
            )
        config = _config(entry.yaml_path)
        if config.get("unsafe_code"):
            raise _refused(entry.name, "runs code that the model wrote (marked unsafe by lm-eval)")
        for reason in _reasons(config):
            raise _refused(entry.name, reason)


def _refused(name: str, reason: str) -> SuiteError:
    return SuiteError(
        f"{name}: {reason}; cliffguard does not run it: measure it in a sandbox with lm-eval's own "
        "command line and --log_samples, and compare the samples",
        id="task.runs-code",
    )


def _entries(index: Mapping[str, Any], name: str, seen: set[str]) -> Iterator[Any]:
    """Yield the index entries of a task and of all that it stands for."""
    entry = index.get(name)
    if entry is None or name in seen:
        return
    seen.add(name)
    if entry.kind.name == "TAG":
        for member in sorted(entry.tags):
            yield from _entries(index, member, seen)
        return
    yield entry
    if entry.kind.name == "GROUP":
        for member in _named((entry.cfg or {}).get("task")):
            yield from _entries(index, member, seen)


def _named(members: Any) -> Iterator[str]:
    for member in members if isinstance(members, list) else [members]:
        if isinstance(member, str):
            yield member
        elif isinstance(member, dict):
            yield from _named([member.get("group")])
            yield from _named(member.get("task"))


def _config(path: Path) -> Mapping[str, Any]:
    """Return a task's file with its includes; its functions stand as paths, and are not loaded."""
    from lm_eval.tasks._yaml_loader import load_yaml

    config: Mapping[str, Any] = load_yaml(path, resolve_func=False)
    return config


def _reasons(config: Mapping[str, Any]) -> Iterator[str]:
    from lm_eval.api import metrics
    from lm_eval.api.registry import metric_registry

    assert metrics, "imported since that fills the registry"
    for entry in config.get("metric_list") or ():
        metric = entry.get("metric") if isinstance(entry, dict) else None
        # A task with process_results makes a metric of any name itself.
        is_named = isinstance(metric, str) and not metric.startswith("/")
        if is_named and metric not in metric_registry and config.get("process_results") is None:
            yield f"fetches the metric {metric} as a program from a hub"
    for module, function in _functions(config):
        yield from _in_function(module, function)


def _home() -> Path:
    import lm_eval.tasks

    return Path(lm_eval.tasks.__file__).resolve().parent


def _functions(value: Any) -> Iterator[tuple[Path, str]]:
    """Yield module and name of all functions and classes that a configuration names."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _functions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _functions(inner)
    elif isinstance(value, str) and value.startswith(str(_home())):
        folder, _, called = value.rpartition("/")
        module, _, function = called.rpartition(".")
        file = f"{module.replace('.', '/')}.py"
        beside = Path(folder, file)
        yield beside if beside.is_file() else _home().parent.parent / file, function


@cache
def _in_function(module: Path, function: str) -> tuple[str, ...]:
    """Return why a function of lm-eval's tasks, or what it calls or imports there, is not run."""
    reasons: list[str] = []
    seen: set[tuple[Path, str | None]] = set()
    waiting: list[tuple[Path, str | None]] = [(module.resolve(), function)]
    while waiting:
        path, name = waiting.pop()
        if (path, name) in seen:
            continue
        seen.add((path, name))
        if not path.is_relative_to(_home()) or not path.is_file():
            return (f"names code that is none of lm-eval's tasks ({path.name})",)
        for node in _reached(ast.parse(path.read_text(encoding="utf-8")), name):
            reasons += [f"{reason} ({path.parent.name}/{path.name})" for reason in _in_tree(node)]
            waiting += [(other, None) for other in _imported(node, path)]
    return tuple(reasons)


def _reached(tree: ast.Module, name: str | None) -> list[ast.AST]:
    """Return what is run on import, and what a function (None: any) may call in its module."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    defined = {node.name: node for node in tree.body if isinstance(node, kinds)}
    nodes: list[ast.AST] = [node for node in tree.body if not isinstance(node, kinds)]
    if name not in defined:
        return [*nodes, *defined.values()]
    names = {name} | {used for node in nodes for used in _used(node)}
    taken: set[str] = set()
    while new := (names & defined.keys()) - taken:
        taken |= new
        names |= {used for called in new for used in _used(defined[called])}
    return [*nodes, *(defined[called] for called in sorted(taken))]


def _used(tree: ast.AST) -> Iterator[str]:
    return (node.id for node in ast.walk(tree) if isinstance(node, ast.Name))


def _in_tree(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in _RUNS:
            yield f"calls {called.id}, which can run code that the model wrote"
        elif isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
            owner, name = called.value.id, called.attr
            if owner in _RUNNERS and name in _RUNNING.get(owner, {name}):
                yield f"calls {owner}.{name}, which can run code that the model wrote"
            elif name == "load" and "evaluate" in owner:
                yield _fetched(node)


def _fetched(call: ast.Call) -> str:
    given = call.args[0] if call.args else None
    first = str(given.value) if isinstance(given, ast.Constant) else "a metric"
    if first == "code_eval":
        return "runs code that the model wrote (code_eval)"
    return f"fetches {first} as a program from a hub"


def _imported(tree: ast.AST, module: Path) -> Iterator[Path]:
    """Yield the modules of lm-eval's tasks that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _module_files(alias.name, module, 0)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            yield from _module_files(base, module, node.level)
            for alias in node.names:
                yield from _module_files(f"{base}.{alias.name}".lstrip("."), module, node.level)


def _module_files(name: str, module: Path, level: int) -> Iterator[Path]:
    tasks = "lm_eval.tasks."
    if level == 0 and name.startswith(tasks):
        path = _home() / name.removeprefix(tasks).replace(".", "/")
    else:
        beside = module.parents[max(level - 1, 0)]
        path = beside / name.replace(".", "/")
    if name and path.with_suffix(".py").is_file():
        yield path.with_suffix(".py").resolve()
