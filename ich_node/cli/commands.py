"""The groups of commands: what all commands have in common."""

import copy
from functools import cache
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup
from typing_extensions import override

from ich_node.cli.groups import GROUP_OF, ORDER

CONFIG = "config"


class Commands(TyperGroup):
    """Our commands, and those of other packages (the entry points ich_node.commands).

    The latter are imported only for `--help` and when the name is none of ours.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._config = next(option for option in self.params if option.name == CONFIG)
        self._prepare(self.commands)

    @override
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] not in self.commands:
            self._add_others()
        return super().resolve_command(ctx, args)

    @override
    def list_commands(self, ctx: Any) -> list[str]:
        """Group by group; rich shows a group where its first command stands."""
        self._add_others()
        for name, command in self.commands.items():
            command.rich_help_panel = GROUP_OF.get(name)  # type: ignore[attr-defined]
        return sorted(super().list_commands(ctx), key=_place)

    def _add_others(self) -> None:
        new = {name: command for name, command in _others().items() if name not in self.commands}
        self._prepare(new)
        self.commands.update(new)

    def _prepare(self, commands: Any) -> None:
        """Each command, at any depth, takes --config, too. Square brackets in its help are shown:
        rich would take the names of our sections for markup. Its lines are as long as the terminal
        is wide, not as those of the code.
        """
        for command in commands.values():
            for described in (command, *command.params):
                if getattr(described, "help", None):
                    paragraphs = described.help.replace("[", r"\[").split("\n\n")
                    described.help = "\n\n".join(" ".join(each.split()) for each in paragraphs)
            option: Any = copy.copy(self._config)
            option.expose_value, option.callback, option.envvar = False, _use_config, None
            command.params.append(option)
            self._prepare(getattr(command, "commands", {}))


def _place(name: str) -> int:
    return ORDER.index(name) if name in ORDER else len(ORDER)


@cache
def _others() -> dict[str, Any]:
    from importlib.metadata import entry_points

    others = typer.Typer()
    for entry in entry_points(group="ich_node.commands"):
        entry.load()(others)
    return dict(typer.main.get_group(others).commands)


def _use_config(context: typer.Context, _option: Any, path: Path | None) -> None:
    """The --config behind a verb counts before the one in front of it."""
    if path is not None:
        context.obj = context.obj.with_config(path)
