"""Options that several of training's commands have in common."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node.errors import ConfigError

if TYPE_CHECKING:  # importing a data set's reader takes seconds, and `ich-node --help` needs none
    from training.datasets.labelled import Source

KINDS = ("auto", "rsna", "cq500", "bhx", "ct-ich", "ct-ich-8bit", "tissue", "labels", "phantom")

Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="The data set as it was unpacked: table and images.")
]
Kind = Annotated[str, typer.Option(help=f"{', '.join(KINDS)}.")]
BoxTable = Annotated[
    Path | None,
    typer.Option(help="CQ500, BHX: the box table; default: the hand-drawn one.", dir_okay=False),
]
Chronic = Annotated[
    bool,
    typer.Option(
        "--chronic/--no-chronic", help="BHX: whether a chronic box alone makes a slice positive."
    ),
]
SplitFile = Annotated[
    Path | None,
    typer.Option(
        help="The data set's split file; without it every patient is read.",
        exists=True,
        dir_okay=False,
    ),
]
Device = Annotated[str, typer.Option(help="cpu, cuda.")]


def source_of(kind: str) -> "Source | None":
    """The data set that --kind names; None for auto."""
    match kind:
        case "auto":
            return None
        case "rsna" | "cq500" | "bhx" | "ct-ich" | "ct-ich-8bit" | "tissue" | "labels" | "phantom":
            return kind
        case _:
            raise typer.BadParameter(f"{kind} is none of {', '.join(KINDS)}", param_hint="--kind")


def check_device(device: str) -> None:
    """Raises typer.BadParameter or ConfigError."""
    import torch

    if device not in ("cpu", "cuda"):
        raise typer.BadParameter(f"{device} is neither cpu nor cuda", param_hint="--device")
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "--device cuda: this torch sees no GPU; "
            "install the CUDA build, or train with --device cpu"
        )
