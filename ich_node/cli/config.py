"""config init and config show: a first config.toml, and what counts now."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ich_node.errors import ConfigError

if TYPE_CHECKING:
    from ich_node.cli.context import CliContext
    from ich_node.config.origin import Value

app = typer.Typer(no_args_is_help=True, help="config.toml: write a first one, show what counts.")

# Three lines above it would say less than the file itself.
FIRST = """\
[[sources]]              # who may send to this node: AE ICHNODE, port 11112
name = "pacs"            # your name for it
ae_title = "PACS"        # its calling AE title
hosts = ["127.0.0.1"]    # its addresses, or networks like "10.1.4.0/24"
[[destinations]]         # who gets the results
name = "pacs"
ae_title = "PACS"
host = "127.0.0.1"
port = 104
[spool]
path = "var/spool"       # below the folder of this file, or below $ICHNODE_HOME
retention_days = 7
"""


@app.command()
def init(
    out: Annotated[
        Path, typer.Option(help="The file to write; an existing one is never overwritten.")
    ] = Path("config.toml"),
    full: Annotated[
        bool, typer.Option("--full", help="Write every setting, with its default and what it does.")
    ] = False,
) -> None:
    """Write a config.toml of 12 lines that works. Put in the AE titles and addresses of your PACS;
    everything else has a default.
    """
    from ich_node.shipped import shipped

    content = shipped("config.toml").read_text(encoding="utf-8") if full else FIRST
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(content)
    except FileExistsError as error:
        raise ConfigError(f"{out} exists and is not overwritten; choose another --out") from error
    except OSError as error:
        raise ConfigError(f"cannot write {out}: {error.strerror}") from error
    typer.echo(f"wrote {out}; put in your PACS, then: ich-node --config {out} check-config")


@app.command()
def show(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print every effective value, and where it came from: default, a line of config.toml, or an
    environment variable. What is printed is itself a configuration.
    """
    from ich_node.config.origin import effective_values

    node: CliContext = context.obj
    values = list(effective_values(node.config, node.path, os.environ))
    if as_json:
        typer.echo(json.dumps(_document(node, values), ensure_ascii=False))
        return
    typer.echo(f"# {node.path or 'no config.toml'}; relative paths lie below {node.loaded.home}")
    heading: tuple[str, int | None] | None = None
    for value in values:
        if (value.section, value.number) != heading:
            heading = (value.section, value.number)
            typer.echo(f"\n{value.section}")
        typer.echo(_line(value))


def _line(value: "Value") -> str:
    # None has no word in TOML
    written = json.dumps(value.value, ensure_ascii=False)
    line = (
        f"# {value.setting} is not set" if value.value is None else f"{value.setting} = {written}"
    )
    return f"{line:<40} # {value.origin}"


def _document(node: "CliContext", values: "list[Value]") -> dict[str, Any]:
    sections: dict[str, Any] = {}
    for value in values:
        name, _, part = value.section.strip("[]").partition(".")
        pair = {"value": value.value, "from": value.origin}
        if value.number is None:
            sections.setdefault(name, {})[value.setting] = pair
            continue
        entries = sections.setdefault(name, [])
        if len(entries) <= value.number:
            entries.append({})
        entry = entries[value.number]
        (entry.setdefault(part, {}) if part else entry)[value.setting] = pair
    return {
        "config": str(node.path) if node.path is not None else None,
        "home": str(node.loaded.home),
        "settings": sections,
    }
