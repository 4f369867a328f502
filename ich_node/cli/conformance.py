"""conformance: the DICOM conformance statement."""

import typer


def conformance() -> None:
    """Print the DICOM conformance statement (Markdown)."""
    from ich_node.conformance import statement

    typer.echo(statement(), nl=False)


def add_to(app: typer.Typer) -> None:
    app.command()(conformance)
