"""web: the status site."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ich_node.cli.context import CliContext


def web(context: typer.Context) -> None:
    """The site for people, and metrics and health for machines."""
    from ich_node.cli.services import now
    from ich_node.web.server import server_of
    from ich_node.web.site import Site

    node: CliContext = context.obj
    site = Site(
        config=lambda: node.config,
        config_path=node.path,
        ledger=node.ledger(),
        spool=node.spool(),
        clock=now,
    )
    server_of(site).run()


def add_to(app: typer.Typer) -> None:
    app.command()(web)
