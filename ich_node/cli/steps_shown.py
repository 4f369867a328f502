"""How the steps of install-service and uninstall-service are printed, and done."""

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import typer

from ich_node.errors import ConfigError

if TYPE_CHECKING:
    from ich_node.service.install import ServicePlan
    from ich_node.service.step import FoundState, ServiceStep

WIDTH = len("already so") + 2


def show(plan: "ServicePlan", command: str) -> None:
    """What would be done, by which command. Raises ConfigError where there are obstacles."""
    from ich_node.service.step import State, seen

    states = []
    for step in plan.steps:
        found = seen(step)
        states.append(found.state)
        _print(step, found, found.state.value)
    typer.echo()
    print_notes(plan.notes)
    if plan.obstacles:
        raise ConfigError(_in_the_way(plan.obstacles))
    if State.TO_DO in states or State.UNSEEN in states:
        steps = f"{states.count(State.TO_DO)} of {len(states)} steps are to be done"
        typer.echo(f"{steps}; nothing was changed. As root, this does it:")
        typer.echo(f"  {command}")
    else:
        typer.echo("nothing to do")


def carry_out(plan: "ServicePlan", apply: Callable[["ServiceStep"], None], command: str) -> None:
    """One after the other; what is already so is left. Raises ConfigError where there are
    obstacles.
    """
    from ich_node.service.step import State

    if plan.obstacles:
        raise ConfigError(_in_the_way(plan.obstacles))
    require_root(command)
    done = 0
    for step in plan.steps:
        found = step.look()
        _print(step, found, "doing" if found.state is State.TO_DO else found.state.value)
        if found.state is State.TO_DO:
            apply(step)
            done += 1
    typer.echo()
    typer.echo(f"done: {done} of {len(plan.steps)} steps" if done else "nothing to do")


def require_root(command: str) -> None:
    """Raises ConfigError."""
    if os.geteuid() != 0:
        raise ConfigError(f"only root can do this: sudo {command}")


def print_notes(notes: Iterable[str]) -> None:
    """What is left to people."""
    for note in notes:
        typer.echo(f"note: {note}")


def _print(step: "ServiceStep", found: "FoundState", word: str) -> None:
    from ich_node.health.amounts import size

    details = [found.detail, size(found.size) if found.size is not None else ""]
    detail = ", ".join(filter(None, details))
    typer.echo(f"{word:<{WIDTH}}{step.what}{': ' if detail else ''}{detail}")
    for line in found.lines:
        typer.echo(f"{'':<{WIDTH}}{line if line.startswith(('+', '-', '@')) else f'# {line}'}")


def _in_the_way(obstacles: Iterable[str]) -> str:
    return "\n".join(["nothing was changed, because", *(f"- {each}" for each in obstacles)])
