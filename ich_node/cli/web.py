"""web-address: where the site is, and the token that signs in."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ich_node.cli.context import CliContext


def web_address(
    context: typer.Context,
    look: Annotated[
        bool, typer.Option("--look", help="With the token of those who may look, not operate.")
    ] = False,
    name: Annotated[
        str, typer.Option(help="Sign in under this name at once, without asking for it.")
    ] = "",
) -> None:
    """Print the address of the site with the token that signs in. Whoever has it may operate the
    node: treat it as a password.
    """
    from ich_node.errors import Unavailable
    from ich_node.web.address import sign_in_address
    from ich_node.web.tokens import Tokens
    from ich_node.web.visitor import Role

    node: CliContext = context.obj
    config = node.config
    role = Role.LOOK if look else Role.OPERATE
    path = config.web.look_token_file if look else config.web.operate_token_file
    if not path.exists():
        raise Unavailable(
            f"there is no token yet ({path}): the site makes it when it starts; `ich-node web` or"
            " `ich-node run`"
        )
    token = Tokens(lambda: config).token(role)
    typer.echo(sign_in_address(config.web, token, name))


def add_to(app: typer.Typer) -> None:
    app.command("web-address")(web_address)
