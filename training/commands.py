"""`ich-node train`, a group of commands, and `ich-node adapt`: an entry point of ich_node.commands.

`ich-node --help` loads it, so neither this module nor the modules of the commands import torch,
matplotlib or a reader of data sets: each command imports what it needs when it runs.
"""

import typer

from training.adapt.command import adapt
from training.data_commands import check_data, split
from training.mean_command import mean
from training.pool_commands import pool
from training.run_commands import run
from training.show import show


def add_to(app: typer.Typer) -> None:
    """Add the group `train`, and `adapt`."""
    app.command()(adapt)
    train = typer.Typer(
        no_args_is_help=True, help="Make models: look at the data, divide it, train."
    )
    for name, command in (
        ("check-data", check_data),
        ("split", split),
        ("run", run),
        ("pool", pool),
        ("mean", mean),
        ("show", show),
    ):
        train.command(name)(command)
    app.add_typer(train, name="train")
