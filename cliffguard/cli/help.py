"""`--help` in one screen, `--help-all`, and what typer refuses as one line with an id."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from cliffguard.cli.console import complain, no_room
from cliffguard.cli.lazy import LazyGroup
from cliffguard.core.errors import UsageError

_WIDTH = 78  # of a line about a panel, which is never wrapped


class Brief(TyperCommand):
    """A verb whose --help shows the everyday options, and of each further panel one line."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write usage, examples, everyday options and the names of the other panels' options."""
        self.format_usage(ctx, formatter)
        formatter.write_paragraph()
        formatter.write_text((self.help or "").partition("\n\n")[0])
        if self.epilog:
            with formatter.section("Examples"):
                for line in self.epilog.split("\n\n"):
                    formatter.write(f"  {line}\n")
        everyday: list[tuple[str, str]] = []
        panels: dict[str, list[str]] = {}
        for parameter in sorted(self.get_params(ctx), key=_is_option):
            if (record := parameter.get_help_record(ctx)) is None:
                continue
            panel = getattr(parameter, "rich_help_panel", None)
            if panel is None:
                everyday.append((_TYPE.sub(lambda kind: _NOUNS[kind[1]], record[0]), record[1]))
            else:
                panels.setdefault(panel, []).append(parameter.opts[0])
        with formatter.section("Options"):
            formatter.write_dl(everyday, col_max=24)
        with formatter.section("Further options, with --help-all"):
            for panel, names in panels.items():
                formatter.write(f"  {_listed(panel, names)}\n")


_NOUNS = {"str": "TEXT", "path": "PATH", "int": "N", "float": "NUMBER"}
_TYPE = re.compile(rf"<(?:list\[)?({'|'.join(_NOUNS)})\]?>")


def _is_option(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "option")


def _listed(panel: str, names: list[str]) -> str:
    """Return a panel's name and its first options, as many as a line holds."""
    line = f"{panel:<24}{names[0]}"
    for number, name in enumerate(names[1:], start=1):
        more = "" if number == len(names) - 1 else ", …"
        if len(line) + len(f", {name}{more}") > _WIDTH:
            return f"{line}, …"
        line += f", {name}"
    return line


def _show_all(context: typer.Context, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        formatter = context.make_formatter()
        TyperCommand.format_help(context.command, context, formatter)  # type: ignore[arg-type]
        sys.stdout.write(formatter.getvalue())
        raise typer.Exit


HelpAll = Annotated[
    bool, typer.Option("--help-all", is_eager=True, callback=_show_all, help="Show all options.")
]

# What typer raises → the id under which it is known.
_IDS = {
    "NoSuchOption": "usage.no-such-option",
    "NoSuchCommand": "usage.no-such-command",
    "MissingParameter": "usage.missing",
    "BadParameter": "usage.bad-value",
    "BadOptionUsage": "usage.no-value",
}
_Refusal: Any = typer.BadParameter.__mro__[2]  # click's ClickException, or typer's copy of it


class OneLine(LazyGroup):
    """All verbs; what is wrong with the words of a command is one line, and exit code 2."""

    _called = "cliffguard"  # the command that is read, which not every refusal names

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the verb, and note how it is called."""
        resolved = super().resolve_command(ctx, args)
        self._called = f"{ctx.command_path} {resolved[0]}"
        return resolved

    def main(  # the parameters of click's
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line, and exit with the code that its verb raised."""
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except _Refusal as refusal:
            if not standalone_mode:
                raise
            code = _refused(refusal, self._called)
        except OSError as failure:  # of help: verbs explain theirs
            code = no_room(failure)
        if not standalone_mode:
            return code
        sys.exit(code if isinstance(code, int) else 0)


def _refused(refusal: Any, called: str) -> int:
    """Print what typer refused; return the exit code."""
    text = refusal.format_message()
    if type(refusal).__name__ == "NoArgsIsHelpError":  # its message is the help, printed by rich
        sys.stderr.write(text and f"{text}\n")
        return int(refusal.exit_code)
    context = getattr(refusal, "ctx", None)
    path = called if context is None else context.command_path
    words = text[:1].lower() + text[1:].replace("Value error, ", "").rstrip(".")
    id = _IDS.get(type(refusal).__name__, "usage.words")
    if text.startswith("No such command"):  # of older versions of click no class of its own
        id = _IDS["NoSuchCommand"]
    error = UsageError(f"{words}; see `{path} --help`", id=id)
    complain(error)
    return error.exit_code
