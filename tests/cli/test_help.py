"""--help in one screen, --help-all, and options that are the keys of a plan."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from inspect import cleandoc
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import cliffguard.cli.app as command_line
from cliffguard.cli.app import app
from cliffguard.cli.help import Brief
from cliffguard.config import schema
from cliffguard.core.flags import flags_of
from cliffguard.core.settings import EvalSettings, Plan, RunnerSettings, TargetData

ROOT = Path(__file__).parent.parent.parent
VERBS: dict[str, Any] = dict(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
VERBS |= {f"suites {name}": verb for name, verb in VERBS["suites"].commands.items()}
BRIEF = sorted(name for name, verb in VERBS.items() if isinstance(verb, Brief))
RECORDS = (Plan, EvalSettings, RunnerSettings, TargetData)


def help_of(verb: str, flag: str = "--help", *, width: int = 80) -> str:
    """Return what a verb says of itself in a terminal of so many columns."""
    environment = {"COLUMNS": str(width), "TERMINAL_WIDTH": str(width)}
    result = CliRunner().invoke(app, [*verb.split(), flag], env=environment)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("verb", BRIEF)
def test_help_is_one_screen(verb: str) -> None:
    """Under 40 lines of at most 80 columns, and it says where the rest is."""
    lines = help_of(verb).splitlines()

    assert len(lines) < 40
    assert max(map(len, lines)) <= 80
    assert any("--help-all" in line for line in lines)


@pytest.mark.parametrize("verb", BRIEF)
def test_help_all_shows_every_option(verb: str) -> None:
    """Under each of its spellings, but for those that are hidden."""
    shown = help_of(verb, "--help-all", width=300)

    options = [option for option in VERBS[verb].params if getattr(option, "hidden", True) is False]
    spellings = [name for option in options for name in option.opts if name.startswith("-")]
    assert len(spellings) > 20 or verb == "init"
    assert [name for name in spellings if name not in shown] == []


@pytest.mark.parametrize(
    "verb", ["check", "measure", "plan", "sweep", "rescue", "compare", "noise"]
)
def test_suites_are_chosen_where_help_says_so(verb: str, tmp_path: Path) -> None:
    """`auto` is the default of --suite in the verbs that run without one, and in no other."""
    shown = help_of(verb, width=300)
    plan = tmp_path / "plan.yaml"
    plan.write_text("base: base\ncandidate: tuned\n")
    pair = [str(tmp_path / "base"), str(tmp_path / "tuned")]
    for side in pair:
        Path(side).mkdir()
        (Path(side) / "config.json").write_text("{}")
    sides = pair if verb in ("compare", "measure") else [str(plan)]
    sides = pair[1:] if verb == "noise" else sides
    more = ["--candidates", str(tmp_path / "*")] if verb == "sweep" else []

    result = CliRunner().invoke(app, [verb, *sides, *more])

    assert ("auto (default)" in shown) == (verb in ("check", "measure", "plan"))
    lacks_suite = "plan.suites" in result.stderr or "suite.none" in result.stderr
    assert lacks_suite == ("auto (default)" not in shown), result.stderr


@pytest.mark.parametrize(
    ("verb", "default"),
    [
        ("check", "a new one for each run in cliffguard-out"),
        ("sweep", "cliffguard-out/sweep"),
        ("rescue", "cliffguard-out/NAME-rescue"),
        ("compare", "none is written"),
    ],
)
def test_each_verb_says_where_its_reports_go(verb: str, default: str) -> None:
    """Without --out."""
    assert f"(default: {default})" in help_of(verb, "--help-all", width=300)


def test_the_everyday_options_of_check() -> None:
    """Eight, beside the two about help; of each other panel there is one line."""
    shown, _, further = help_of("check").partition("Further options")

    options = [option for option in VERBS["check"].params if option.param_type_name == "option"]
    everyday = [option.opts[0] for option in options if option.rich_help_panel is None]
    expected = "--candidate --base --suite --policy --target --chat-template --limit --out"
    assert everyday == [*expected.split(), "--help-all"]
    assert all(name in shown for name in everyday)
    assert (
        len(further.strip().splitlines()) - 1
        == len({option.rich_help_panel for option in options}) - 1
    )


@pytest.mark.parametrize("verb", [name for name in BRIEF if VERBS[name].epilog])
def test_the_examples_are_taken(verb: str) -> None:
    """Each of two or three is a command that the verb's own parser reads."""
    examples = VERBS[verb].epilog.split("\n\n")

    assert len(examples) in (2, 3)
    for example in examples:
        words = shlex.split(example)
        assert words[:2] == ["cliffguard", verb]
        VERBS[verb].make_context(verb, words[2:])


@pytest.mark.parametrize("record", RECORDS)
def test_a_key_is_declared_once(record: type[Any]) -> None:
    """Its option and the text in the JSON Schema are both of the field's metadata."""
    described = schema("plan")
    properties = described if record is Plan else described["$defs"][record.__name__]
    options = {name: option for option in VERBS["check"].params for name in option.opts}

    declared = dict(flags_of(record))

    assert declared
    for key, flag in declared.items():
        assert properties["properties"][key]["description"] == flag.help
        assert any(flag.help in (option.help or "") for option in options.values()), key
        assert all(alias in options for alias in flag.aliases), key


@pytest.mark.parametrize("name", command_line.VERBS)
def test_the_table_says_what_the_verb_says(name: str) -> None:
    """Help lists the verbs without importing them, by the first paragraph of their docstrings."""
    paragraph = cleandoc(VERBS[name].help or "").partition("\n\n")[0]

    assert " ".join(paragraph.split()) == command_line.VERBS[name].line


def test_only_what_is_called_is_imported() -> None:
    """Neither help, nor a completion, nor another verb imports a verb's module."""
    script = (
        "import sys\nfrom typer.testing import CliRunner\nfrom cliffguard.cli.app import app\n"
        "for words in (['--help'], ['chek'], ['store', 'path']):\n"
        "    CliRunner().invoke(app, words)\n"
        "    print(sorted(m for m in sys.modules if m.startswith('cliffguard.cli.')))"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    usual = {f"cliffguard.cli.{name}" for name in ("app", "console", "help", "lazy", "streams")}
    of_help, of_a_typo, of_the_store = map(set, map(ast.literal_eval, done.stdout.splitlines()))
    assert of_help == of_a_typo == usual
    assert "cliffguard.cli.store" in of_the_store
    assert not of_the_store & {f"cliffguard.cli.{name}" for name in ("check", "plan", "suites")}


@pytest.mark.parametrize("words", ["che", "suites v"])
def test_names_are_completed(words: str) -> None:
    """With their help, as the shells ask for it."""
    environment = {
        "_CLIFFGUARD_COMPLETE": "complete_zsh",
        "_TYPER_COMPLETE_ARGS": f"cliffguard {words}",
    }

    shown = CliRunner().invoke(app, [], env=environment, prog_name="cliffguard").stdout

    name = "validate" if " " in words else "check"
    assert re.search(rf'"{name}":"\w', shown), shown


def test_the_documents_name_help_all() -> None:
    """Whoever misses an option in --help is told where it is."""
    assert "--help-all" in (ROOT / "README.md").read_text(encoding="utf-8")
