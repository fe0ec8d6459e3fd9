"""The shape of the code: short functions, narrow records, one name for one record."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
# Made once: there are a million nodes to be compared with them.
DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
NAMED = (*DEFINITIONS, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)
ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "cliffguard"
VAGUE = {"told", "said", "asked", "own", "one", "found", "place"}
LONGEST = 60
"""Lines of a function, its signature and docstring among them."""

MOST_FIELDS = 12
WIDE = {
    "Plan": "the keys of a file that people write",
    "EvalSettings": "the keys of a file that people write",
    "TargetData": "the keys of a file that people write",
    "Task": "what a suite or a harness says of a task, each part from elsewhere",
    "TaskFile": "the keys of a file that people write",
    "Answer": "one line of a shard of the store",
    "Finding": "one row of the verdict, as every report prints it",
    "CandidateOverview": "one row of the overview, as every format prints it",
    "CapabilityCounts": "what becomes of the items, step by step, adds up",
    "CapabilityEvidence": "one row of the review: means, p-values, and what they were asked about",
    "CapabilityPower": "one row of the plan, as it is printed",
    "CauseCount": "one row of the diagnosis: counts, and what they were compared with",
    "ItemResult": "one line of items.jsonl",
    "ItemView": "one item of a page, as its templates read it",
    "Pattern": "one row of the diagnosis, as the screen found it",
    "RescueRecord": "rescue.json, as a reader of it finds it",
    "Sample": "one line of lm-eval's, of which memory holds what is used",
}
"""Records with more fields, and why."""


def definitions(tree: ast.AST) -> Iterator[Definition]:
    """Yield the classes and functions of a file, however deep and in whatever block."""
    return (node for node in ast.walk(tree) if isinstance(node, DEFINITIONS))


MAKERS = {"TypedDict", "NamedTuple", "namedtuple", "make_dataclass"}


def called_name(call: ast.Call) -> str:
    """Return the name of what a call calls, without what it is an attribute of."""
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def records(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield every class of a file, also one that a call makes, with the number of its fields.

    Fields are annotated in the body, or set by `__init__`, whichever are more.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            declared = {ast.unparse(n.target) for n in node.body if isinstance(n, ast.AnnAssign)}
            yield node.name, max(len(declared), len(set_at_start(node)))
        elif isinstance(node, ast.Call) and called_name(node) in MAKERS:
            name, fields = ast.literal_eval(node.args[0]), node.args[1]
            n_keys = len(fields.keys) if isinstance(fields, ast.Dict) else 0
            yield name, n_keys + len(getattr(fields, "elts", ()))


def set_at_start(record: ast.ClassDef) -> set[str]:
    """Return the attributes that a class's `__init__` sets."""
    return {
        part.attr
        for method in record.body
        if isinstance(method, ast.FunctionDef) and method.name == "__init__"
        for part in ast.walk(method)
        if isinstance(part, ast.Attribute)
        and isinstance(part.ctx, ast.Store)
        and ast.unparse(part.value) == "self"
    }


def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def trees() -> dict[Path, ast.Module]:
    """Return the syntax trees of the package by file."""
    return {path: tree_of(path) for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def nodes() -> tuple[tuple[Path, Definition], ...]:
    """Return the classes and functions of the package, each with its file."""
    return tuple(
        (path.relative_to(PACKAGE), node)
        for path, tree in trees().items()
        for node in definitions(tree)
    )


def walk(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a tree in half of the time of `ast.walk`: there are a million of tests."""
    nodes = [tree]
    for node in nodes:
        yield node
        for value in vars(node).values():
            if isinstance(value, list):
                nodes += [part for part in value if isinstance(part, ast.AST)]
            elif isinstance(value, ast.AST):
                nodes.append(value)


def named(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield every name that a file binds, with its line: variables, parameters, attributes, …"""
    for node in walk(tree):
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Store):
            yield node.id if isinstance(node, ast.Name) else node.attr, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.alias):
            yield node.asname or node.name.partition(".")[0], node.lineno
        elif isinstance(node, ast.MatchMapping):
            yield node.rest or "", node.lineno
        elif isinstance(node, NAMED):
            yield node.name or "", node.lineno


def vague(tree: ast.AST) -> list[tuple[str, int]]:
    """Return the names of a file that say nothing, with underscores around them or without."""
    return [(name, line) for name, line in named(tree) if name.strip("_").lower() in VAGUE]


VAGUE_SOURCES = {
    "a variable": "told = 1",
    "of several": "a, *said = values",
    "with its type": "asked: int = 1",
    "in an expression": "print(own := 1)",
    "of a loop": "for one in values: pass",
    "of a comprehension": "[1 for found in values]",
    "of a block": "with f() as place: pass",
    "an attribute": "self.told = 1",
    "an attribute with its type": "self._said: int = 1",
    "an underscore before it": "_told = 1",
    "one behind it": "own_ = 1",
    "a function": "def _asked(): pass",
    "one that waits": "async def found(): pass",
    "a class": "class _asked: pass",
    "a class in capitals": "class Asked: pass",
    "a parameter": "def f(*, one): pass",
    "of a lambda": "lambda told: 1",
    "the rest of the arguments": "def f(*said, **own): pass",
    "a module": "import x as told",
    "a module's own name": "import one.two",
    "a name of a module": "from x import y as _found",
    "an error": "try: pass\nexcept ValueError as found: pass",
    "a case": "match x:\n  case told: pass",
    "a part of a case": "match x:\n  case [int() as place]: pass",
    "the others of a case": "match x:\n  case [1, *said]: pass",
    "the other keys of a case": "match x:\n  case {1: 2, **own}: pass",
}


@pytest.mark.parametrize("kind", VAGUE_SOURCES)
def test_a_vague_name_is_seen(kind: str) -> None:
    """Wherever it is bound, and with an underscore as without."""
    assert vague(ast.parse(VAGUE_SOURCES[kind])) != []


@pytest.mark.parametrize("source", ["print(told)", "x.said", "f(own=1)", "n_found = told_by = 1"])
def test_a_name_that_is_only_used_or_part_of_another_is_not_counted(source: str) -> None:
    """Other libraries have such names, and of two words one says what it is."""
    assert vague(ast.parse(source)) == []


def test_nothing_is_called_by_a_word_that_says_nothing() -> None:
    """A name says what a thing is, in the package, the tests and the scripts."""
    places = [
        f"{path.relative_to(ROOT).as_posix()}:{line}: {name}"
        for top in ("cliffguard", "tests", "scripts")
        for path in sorted((ROOT / top).rglob("*.py"))
        for name, line in vague(trees().get(path) or tree_of(path))
    ]

    assert places == []


def test_no_two_classes_share_a_name() -> None:
    """A name stands for one class in the whole package."""
    names = Counter(node.name for _, node in nodes() if isinstance(node, ast.ClassDef))

    assert [name for name, n in names.items() if n > 1] == []


@pytest.mark.parametrize(
    "block",
    [
        "if x:\n  {}",
        "try:\n  f()\nexcept ValueError:\n  {}",
        "try:\n  f()\nfinally:\n  {}",
        "match x:\n  case 1:\n    {}",
        "with f():\n  {}",
        "def f():\n  {}",
    ],
)
def test_a_class_is_seen_in_any_block(block: str) -> None:
    """Where it stands hides neither its name nor its fields."""
    tree = ast.parse(block.format("class Hidden: pass"))

    assert "Hidden" in [node.name for node in definitions(tree)]
    assert list(records(tree)) == [("Hidden", 0)]


WIDE_SOURCES = {
    "a dataclass": "@dataclass\nclass R:\n  a: int\n  b: int = 1\n  c: str",
    "a typed dict": "class R(TypedDict, total=False):\n  a: int\n  b: int\n  c: str",
    "a typed dict by a call": "R = TypedDict('R', {'a': int, 'b': int, 'c': str})",
    "a tuple by a call": "R = typing.NamedTuple('R', [('a', int), ('b', int), ('c', str)])",
    "a class's start": (
        "class R:\n  def __init__(self):\n    self.a = self.b = 1\n    self.c: int = 1"
    ),
    "a start in a branch": (
        "class R:\n  def __init__(self):\n    self.a, self.b = x\n    if x:\n      self.c = 1"
    ),
}


@pytest.mark.parametrize("kind", WIDE_SOURCES)
def test_the_fields_of_a_record_are_counted(kind: str) -> None:
    """However it is made: these have three."""
    assert list(records(ast.parse(WIDE_SOURCES[kind]))) == [("R", 3)]


def test_wide_records_have_a_reason() -> None:
    """A class with more than 12 fields has its reason in the table, and none is there in vain."""
    wide = {name for tree in trees().values() for name, n in records(tree) if n > MOST_FIELDS}

    assert wide == WIDE.keys()


def test_every_module_says_what_it_is_for() -> None:
    """In its first line, by which a search finds it."""
    silent = [
        path.relative_to(PACKAGE).as_posix()
        for path, tree in trees().items()
        if not (ast.get_docstring(tree) or "").partition("\n\n")[0].endswith((".", "?"))
    ]

    assert silent == []


def test_functions_are_short() -> None:
    """No function of the package is longer than a page."""
    long = [
        f"{path.as_posix()}: {node.name}"
        for path, node in nodes()
        if not isinstance(node, ast.ClassDef) and (node.end_lineno or 0) - node.lineno >= LONGEST
    ]

    assert long == []


def test_the_gate_fits_a_screen() -> None:
    """guard() is at most 40 lines, its parameters among them, what describes it not."""
    (guard,) = (
        node for _, node in nodes() if isinstance(node, ast.FunctionDef) and node.name == "guard"
    )

    described = guard.body[0]

    n_described = (described.end_lineno or 0) - described.lineno + 1
    assert (guard.end_lineno or 0) - guard.lineno + 1 - n_described <= 40
