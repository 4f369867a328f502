"""phantom, demo and demo-web: a synthetic head CT, and the node on loopback with it."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node.cli.who import who
from ich_node.dicom.identity import DEMONSTRATION_MODEL, RESEARCH_USE
from ich_node.errors import ConfigError
from ich_node.percent import counted

if TYPE_CHECKING:  # imported in the bodies: `--help` must not wait for them
    from rich.table import Table

    from ich_node.demo import DemoResult

SHORT_STRING = 16  # characters of an SH, PS3.5 6.2
INTERRUPTED = 130  # as a shell has it: 128 and the number of SIGINT


def phantom(
    out: Annotated[
        Path, typer.Option(help="Folder for the slices and truth.json.", file_okay=False)
    ],
    seed: Annotated[
        int, typer.Option(min=0, help="The same seed gives the same head, bleeds and bytes.")
    ] = 0,
    bleed: Annotated[
        list[str] | None,
        typer.Option(
            help="Plant this kind (IPH, IVH, SAH, SDH, EDH; repeatable). Default: random kinds, by"
            " the seed."
        ),
    ] = None,
    none: Annotated[bool, typer.Option("--no-bleeds", help="Plant nothing.")] = False,
    accession: Annotated[
        str, typer.Option(help="Accession number of the study, at most 16 characters.")
    ] = "",
) -> None:
    """Write a synthetic head CT study with known bleeds, as CT Image Storage."""
    from ich_node.phantom import BLEED_KINDS, make_study

    wanted = [kind.upper() for kind in bleed or ()]
    unknown = sorted(set(wanted) - set(BLEED_KINDS))
    if unknown:
        raise typer.BadParameter(
            f"{', '.join(unknown)}: a bleed is one of {', '.join(BLEED_KINDS)}",
            param_hint="--bleed",
        )
    kinds = [kind for name in wanted for kind in BLEED_KINDS if kind == name]
    if len(accession) > SHORT_STRING or not accession.isprintable() or "\\" in accession:
        raise typer.BadParameter(
            f"at most {SHORT_STRING} characters, without a backslash", param_hint="--accession"
        )
    study = make_study(seed, bleeds=kinds if wanted or none else None)
    try:
        paths = study.write(out, accession=accession)
    except OSError as error:
        raise ConfigError(f"cannot write {error.filename or out}: {error.strerror}") from error
    bleeds = [f"{item.kind} in {counted(len(item.boxes), 'slice')}" for item in study.bleeds]
    planted = ", ".join(bleeds) or "no bleed"
    typer.echo(f"{counted(len(paths), 'slice')} in {out}: {planted} (truth.json says where)")


def demo(
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for everything; default: a new temporary folder.", file_okay=False
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the phantom.")] = 7,
) -> None:
    """Show the whole node on loopback: a stand-in for a PACS sends a phantom, and gets an SR and
    overlays.
    """
    from rich.console import Console

    from ich_node.demo import play

    folder = (out or Path(tempfile.mkdtemp(prefix="ich-node-demo-"))).resolve()
    console = Console(highlight=False, soft_wrap=True)
    try:
        result = play(folder, seed=seed, tell=lambda line: console.print(f"- {line}", markup=False))
    except KeyboardInterrupt:
        console.print(
            f"- interrupted; the node was ended. What there is lies in {folder}", markup=False
        )
        raise typer.Exit(INTERRUPTED) from None
    console.print(_table(result))
    console.print(f"marks outside planted bleeds: {result.marks_elsewhere}")
    count, seconds = len(result.received), f"{result.seconds:.0f} s"
    console.print(f"{count} result objects after {seconds}, in {folder / 'received'}", markup=False)
    if result.preview:
        console.print(f"preview: {result.preview}", markup=False)
    console.print(f"{DEMONSTRATION_MODEL}. {RESEARCH_USE}")


def demo_web(
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for everything; default: a new temporary folder.", file_okay=False
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the site; another one if it is taken.")
    ] = 8104,
) -> None:
    """Show the site with something to see, on loopback, until ctrl-C: a stand-in for a PACS sends
    phantoms; some are read, one is refused, and an archive that is down is owed results.
    """
    from ich_node.config.load import load_config
    from ich_node.demo.site import show
    from ich_node.web.address import sign_in_address
    from ich_node.web.tokens import Tokens
    from ich_node.web.visitor import Role

    def address(path: Path) -> str:
        config = load_config(path).config
        token = Tokens(lambda: config).token(Role.OPERATE)
        return sign_in_address(config.web, token, who())

    folder = out or Path(tempfile.mkdtemp(prefix="ich-node-demo-web-"))
    show(folder, port=port, tell=typer.echo, address=address)


def _table(result: "DemoResult") -> "Table":
    from rich.table import Table

    table = Table(box=None)
    for heading in ("planted", "slices that show it", "of these, marked", ""):
        table.add_column(heading)
    for bleed in result.planted:
        table.add_row(
            bleed.kind,
            str(bleed.slices),
            str(bleed.slices_marked),
            "found" if bleed.slices_marked else "MISSED",
        )
    return table


def add_to(app: typer.Typer) -> None:
    app.command()(phantom)
    app.command()(demo)
    app.command("demo-web")(demo_web)
