"""install-service: this ich-node as services of systemd."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node import __version__
from ich_node.errors import ConfigError

if TYPE_CHECKING:
    from ich_node.service.install import ServiceWishes
    from ich_node.service.wheel import Wheel


def install_service(
    context: typer.Context,
    prefix: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the program, e.g. /opt/ich-node; it is made where it is missing, as a"
            " virtual environment. Default: the one that this command runs from.",
            file_okay=False,
        ),
    ] = None,
    wheel: Annotated[
        Path | None,
        typer.Option(
            help="Wheel of this version, to install into --prefix. Default: the one that this"
            " ich-node was installed from, if its file is still there.",
            dir_okay=False,
        ),
    ] = None,
    start: Annotated[
        bool,
        typer.Option("--start", help="Start the services, too, or restart those that are old."),
    ] = False,
    replace_edited: Annotated[
        bool,
        typer.Option(
            "--replace-edited",
            help="Overwrite units that somebody has edited; his version stays as NAME.edited.",
        ),
    ] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Do it. Without this, it only says what it would do.")
    ] = False,
) -> None:
    """Make this ich-node a service of systemd: user, folders, configuration, units, and the command
    for people. Shows every step, and does them with --apply; what is already so is left.

    With --config, that file is copied to /etc/ich-node/config.toml, unless there is one.
    """
    from ich_node.cli import steps_shown
    from ich_node.service import install, places
    from ich_node.service.machine import Machine
    from ich_node.service.units import active_units

    machine = Machine(said=lambda line: typer.echo(f"  {line}"))
    wishes = _wishes(context.obj.path, prefix, wheel, start=start, replace_edited=replace_edited)
    command = _command(wishes, wheel)
    typer.echo(f"ich-node {__version__} as services of systemd, from {wishes.prefix}\n")
    plan = install.plan(machine, wishes)
    if not apply:
        steps_shown.show(plan, command)
        return
    steps_shown.carry_out(plan, lambda step: install.apply(machine, step, wishes.prefix), command)
    steps_shown.print_notes(install.plan(machine, wishes).notes)
    if not active_units(machine):
        typer.echo(f"Name your PACS in {places.CONFIG}, then:")
        typer.echo(f"  {places.COMMAND.name} check-config")
        typer.echo(f"  systemctl start {places.TARGET}")
    typer.echo("The site for people: ich-node web-address. The log: journalctl -u 'ich-node-*' -f")


def _wishes(
    config: Path | None,
    prefix: Path | None,
    wheel: Path | None,
    *,
    start: bool,
    replace_edited: bool,
) -> "ServiceWishes":
    """Raises ConfigError."""
    from ich_node.service import places
    from ich_node.service.install import ServiceWishes

    if prefix is None:
        if sys.prefix == sys.base_prefix:
            raise ConfigError(
                "this ich-node lies among the packages of the system's Python, where others change"
                f" it: give a folder of its own, e.g. --prefix {places.PREFIX} --wheel FILE"
            )
        prefix = Path(sys.prefix)
    if config is not None and not config.is_file():
        raise ConfigError(f"--config {config}: there is no such file")
    is_there = config is not None and config.absolute() == places.CONFIG
    return ServiceWishes(
        prefix=prefix,
        wheel=_wheel(wheel, prefix),
        config=config.absolute() if config is not None and not is_there else None,
        start=start,
        replace_edited=replace_edited,
    )


def _wheel(given: Path | None, prefix: Path) -> "Wheel | None":
    """None: what is in the prefix stays."""
    from importlib.metadata import distribution

    from ich_node.service.wheel import installed_from, open_wheel

    if given is None and Path(sys.prefix) != prefix:
        this = distribution("ich-node")
        given = installed_from(this.read_text("direct_url.json"), this.read_text("RECORD"))
    return open_wheel(given, version=__version__) if given is not None else None


def _command(wishes: "ServiceWishes", wheel: Path | None) -> str:
    """As it would be typed to do all of it."""
    words = [str(Path(sys.prefix) / "bin" / "ich-node"), "install-service"]
    if wishes.prefix != Path(sys.prefix):
        words += ["--prefix", str(wishes.prefix)]
    if wheel is not None:
        words += ["--wheel", str(wheel)]
    if wishes.config is not None:
        words += ["--config", str(wishes.config)]
    words += ["--start"] * wishes.start + ["--replace-edited"] * wishes.replace_edited
    return shlex.join([*words, "--apply"])


def add_to(app: typer.Typer) -> None:
    app.command("install-service")(install_service)
