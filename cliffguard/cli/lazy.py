"""Verbs whose modules are imported when they are called: of the others a table has the help."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup


class Verb(NamedTuple):
    """A verb, or a typer app of several, by `module:name` in this package.

    `line` is what help lists: the first paragraph of its docstring, or of the app's help.
    `settings` are those of `typer.Typer.command`.
    """

    source: str
    line: str
    settings: Mapping[str, Any] = {}


class LazyGroup(TyperGroup):
    """A group of the `verbs` of a subclass, which imports the one that is called.

    Who lists them, or completes a name, gets commands that know their help and no more;
    `commands` holds the real ones, imported as they are looked up.
    """

    verbs: Mapping[str, Verb]

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        self.commands: Any = _Imported(self.verbs)

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of the table."""
        return list(self.verbs)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return what help shows of a verb; None of a name that is none."""
        verb = self.verbs.get(cmd_name)
        return None if verb is None else TyperCommand(cmd_name, help=verb.line)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the verb that is called, with its name and its arguments."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and self.commands[name], rest


class _Imported(Mapping[str, Any]):
    """Commands by name, each made when it is looked up for the first time."""

    def __init__(self, verbs: Mapping[str, Verb]) -> None:
        self._verbs = verbs
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = _command(name, self._verbs[name])
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._verbs)

    def __len__(self) -> int:
        return len(self._verbs)


def _command(name: str, verb: Verb) -> Any:
    module, _, attribute = verb.source.partition(":")
    target = getattr(import_module(f"cliffguard.cli.{module}"), attribute)
    if isinstance(target, typer.Typer):
        group = typer.main.get_group(target)
        group.name = name
        return group
    alone = typer.Typer(add_completion=False)
    alone.command(name, **verb.settings)(target)
    return typer.main.get_command(alone)
