"""conformance: the DICOM conformance statement."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ich_node.cli.context import CliContext


def conformance(context: typer.Context) -> None:
    """Print the DICOM conformance statement (Markdown); with --config, of this node."""
    from ich_node.conformance import statement

    node: CliContext = context.obj
    typer.echo(statement(node.config if node.path is not None else None), nl=False)


def add_to(app: typer.Typer) -> None:
    app.command()(conformance)
