"""`ich-node adapt`.

As of training.commands: nothing heavy is imported before the command runs.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node.errors import BundleError
from ich_node.percent import counted
from training.errors import DataError
from training.options import Device, check_device
from training.plots import check_plots
from training.terminal import FIRST, counting_files, progress_bar, say, training_bar

if TYPE_CHECKING:  # see training.options
    from ich_node.model.bundle import Bundle
    from ich_node.model.detector import Detector
    from training.adapt.inputs import Folders
    from training.adapt.outcome import Outcome
    from training.adapt.parts import Parts
    from training.adapt.studies import Study
    from training.adapt.suspects import Sorted
    from training.datasets import Found, Skip

NOT_THE_BEST = "another series of the study is better"


def adapt(
    context: typer.Context,
    negatives: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Studies of this site without bleeding: DICOM, 20 or more, in any folders.",
            exists=True,
            file_okay=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="BUNDLE", help="The new bundle file; its card goes beside it.", dir_okay=False
        ),
    ],
    positives: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Studies that bleed: DICOM, all of them positive, or with labels.csv.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option(
            help="The bundle to start from; default: the one that reads now.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    confirmed: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="UIDs of studies that look positive, and that a person has seen not to bleed.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    slices: Annotated[
        int, typer.Option(min=64, help="Slices to draw bleeds into; half as many phantoms.")
    ] = 2048,
    epochs: Annotated[
        float, typer.Option(min=0.1, help="How often each of them is learned from.")
    ] = 6.0,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    device: Device = "cpu",
    workers: Annotated[int, typer.Option(min=1, help="Processes that prepare slices.")] = 2,
    yes: Annotated[
        bool, typer.Option("--yes", help="Go on without the studies that look positive.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Do it anew; what --out holds is replaced.")
    ] = False,
) -> None:
    """Adapt the model to this site: it learns from studies without bleeding, into which bleeds are
    drawn, and is measured on others, which it has not learned from.

    No bundle is written if it finds fewer bleeds than before. Nothing changes before you activate
    it. A run that was killed goes on when the same command is given again.
    """
    from ich_node.model.bundle_file import open_bundle
    from ich_node.model.detector import Detector
    from ich_node.model.engines.choose import required_engine
    from training.adapt.adaptation import Adaptation, carry_out
    from training.adapt.inputs import Folders, forget, inputs_of, open_work
    from training.adapt.parts import divide
    from training.adapt.place import Place
    from training.adapt.recipe import Recipe
    from training.adapt.suspects import check_confirmed, read_confirmed, sort_studies

    check_plots("adapt")
    check_device(device)
    folders = Folders(bundle=out)
    parent = open_bundle(bundle or context.obj.active_bundle_path())
    before = str(bundle or parent.sha256[:12])
    uids = read_confirmed(confirmed) if confirmed else frozenset[str]()
    recipe = Recipe(tissue_slices=slices, phantom_slices=slices // 2, epochs=epochs)
    of_negatives = _find(negatives, bleeding=False)
    of_positives = _find(positives, bleeding=True) if positives else None
    inputs = inputs_of(
        of_negatives.series,
        of_positives.series if of_positives else (),
        parent_sha256=parent.sha256,
        confirmed=uids,
        recipe=recipe,
        seed=seed,
    )
    if again:
        forget(folders)
    elif _is_finished(folders, inputs, before):
        return
    detector = Detector(parent, required_engine(parent, device))
    healthy = _read(of_negatives, detector, "negative")
    if confirmed:
        check_confirmed(uids, healthy, confirmed)
    bleeding = _read(of_positives, detector, "positive") if of_positives else []
    sorted_ = sort_studies(healthy, threshold=parent.operating_point.threshold, confirmed=uids)
    _show_suspects(sorted_, parent=parent, confirmed=uids)
    if sorted_.doubtful:
        show_doubtful(sorted_.doubtful, confirmed=confirmed, folder=folders.card)
    parts = divide(sorted_.usable, bleeding, seed=seed, doubtful=len(sorted_.doubtful))
    _show_parts(parts)
    if sorted_.doubtful and confirmed is None and not yes:
        ask_to_go_on(len(sorted_.doubtful))
    if open_work(folders, inputs, recipe, size_px=parent.input.size_px):
        say(f"goes on with what {folders.work} holds")
    adaptation = Adaptation(
        parent=parent,
        parts=parts,
        sorted_=sorted_,
        confirmed=sum(study.is_named_in(uids) for study in healthy),
        recipe=recipe,
        folders=folders,
        place=Place(
            folder=folders.work,
            seed=seed,
            device=device,
            workers=workers,
            bar=progress_bar,
            training_bar=lambda: training_bar(shown=True, batch=recipe.batch),
        ),
        inputs=inputs,
    )
    try:
        outcome = carry_out(adaptation, at=datetime.now(UTC))
    except OSError as error:
        raise DataError(
            f"{folders.work} or {folders.card} cannot be written: {error}; when the cause is gone,"
            " the same command goes on"
        ) from error
    _show(outcome, parent=parent, folders=folders, before=before)
    if outcome.objections():
        raise typer.Exit(1)


def _find(folder: Path, *, bleeding: bool) -> "Found":
    """Raises DataError if there is no series; what is left out is named."""
    from training.adapt.studies import find_positives
    from training.tissue.negative_series import find_negatives

    with counting_files("reading headers") as count:
        found = (find_positives if bleeding else find_negatives)(folder, progress=count)
    _name_skipped(found.skipped)
    if not found.series:
        what = "positive" if bleeding else "negative"
        raise DataError(f"{folder} holds no {what} head CT series that can be used")
    return found


def _read(found: "Found", detector: "Detector", what: str) -> "list[Study]":
    from training.adapt.studies import read_studies

    with progress_bar(f"reading {what} studies") as advance:
        studies, skipped = read_studies(found.series, detector, advance)
    _name_skipped(skipped)
    say(f"{len(studies)} {what} studies of {found.folder} can be used")
    return studies


def _name_skipped(skipped: "Sequence[Skip]") -> None:
    """Every study and series by its UID; of files and of series that are not the best of their
    study the first.
    """
    by_reason: dict[str, list[Skip]] = {}
    for skip in skipped:
        by_reason.setdefault(skip.reason, []).append(skip)
    for reason, of_reason in by_reason.items():
        say(f"left out, {reason}: {len(of_reason)}")
        is_study = "/" not in of_reason[0].what and reason != NOT_THE_BEST
        for skip in of_reason[: None if is_study else FIRST]:
            say(f"  {skip.what}" + (f": {skip.detail}" if skip.detail else ""))


def _is_finished(folders: "Folders", inputs: str, before: str) -> bool:
    """Whether the same command has come to its end; its result is printed again. Raises BundleError
    if the bundle is another one.
    """
    from training.adapt.inputs import finished

    earlier = finished(folders)
    if earlier is not None and earlier.inputs == inputs and earlier.objections:
        say(f"these studies and options gave no bundle on {earlier.at}:")
        for sentence in earlier.objections:
            say(f"  {sentence}")
        say(f"see {folders.card}; give other studies or options, or --again")
        raise typer.Exit(1)
    if earlier is not None and earlier.inputs == inputs and folders.bundle.exists():
        folders.clear_work()
        typer.echo(
            f"{folders.bundle} was made by this command on {earlier.at}; --again makes it anew"
        )
        _show_next(folders, before)
        return True
    if folders.bundle.exists():
        raise BundleError(
            f"{folders.bundle} exists, and is not of these studies and options:"
            " choose another --out, or give --again to replace it"
        )
    return False


def _show_suspects(sorted_: "Sorted", *, parent: "Bundle", confirmed: frozenset[str]) -> None:
    threshold = parent.operating_point.threshold
    say(f"most positive to {parent.name} (positive from {threshold:g}):")
    for study in sorted_.shown:
        mark = " confirmed" if study.is_named_in(confirmed) else ""
        if study in sorted_.doubtful:
            mark = " NOT USED until it is confirmed"
        points = counted(study.points, "point")
        say(
            f"  {study.probability:.4f}  {points}, slice {study.highest}, {study.study_uid},"
            f" {study.folder}{mark}"
        )
    say("a person must confirm that they do not bleed: a missed bleed would be learned as normal")


def show_doubtful(doubtful: "Sequence[Study]", *, confirmed: Path | None, folder: Path) -> None:
    """Write them into a file for --confirmed. With --confirmed, a person has looked, and what his
    file does not name may bleed: no file is written, least of all in the place of his.
    """
    from training.adapt.suspects import write_to_confirm

    if confirmed is not None:
        say(f"{_studies(len(doubtful))} not used: positive to the bundle, and not in {confirmed}")
        return
    path = write_to_confirm(doubtful, folder)
    say(
        f"{_studies(len(doubtful))} not used. Look at them, delete the lines of those that bleed"
        f" from {path}, and give --confirmed {path}"
    )


def ask_to_go_on(doubtful: int) -> None:
    """Nobody has looked yet. Raises DataError where nobody can be asked: an hour of learning from
    the easy studies alone is not what was meant.
    """
    if not sys.stdin.isatty():
        raise DataError(
            f"{_studies(doubtful)} to be confirmed: give --confirmed FILE, or --yes to go on"
            " without what looks positive"
        )
    typer.confirm(f"go on without {_studies(doubtful)}?", abort=True)


def _studies(count: int) -> str:
    return "1 study" if count == 1 else f"{count} studies"


def _show_parts(parts: "Parts") -> None:
    say(
        f"{len(parts.training)} studies to learn from, {len(parts.left_out)} of other patients to"
        " measure with"
    )
    if parts.bleeding or parts.bleeding_left_out:
        say(
            f"positives: {len(parts.bleeding)} to learn from, {len(parts.bleeding_left_out)} to"
            " measure with"
        )


def _show(outcome: "Outcome", *, parent: "Bundle", folders: "Folders", before: str) -> None:
    from training.adapt.figures import table_of

    rows = [("", f"before: {parent.name}", "after"), *table_of(outcome)]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for what, left, right in rows:
        typer.echo(f"{what:{widths[0]}}  {left:{widths[1]}}  {right}".rstrip())
    typer.echo("in brackets: 95 % interval")
    typer.echo(f"threshold: {outcome.why_threshold}")
    objections = outcome.objections()
    if objections:
        typer.echo("")
        typer.echo("no bundle is written:")
        for sentence in objections:
            typer.echo(f"  {sentence}")
        typer.echo(f"see {folders.card}")
        return
    if not outcome.gains:
        typer.echo("no gain is shown: the left-out studies had no false point to lose")
    typer.echo(f"{folders.bundle} is written; its card: {folders.card}")
    _show_next(folders, before)


def _show_next(folders: "Folders", before: str) -> None:
    """before: a file or the beginning of a hash."""
    typer.echo("next, on the node:")
    typer.echo(f"  ich-node model compare {before} {folders.bundle}")
    typer.echo(f'  ich-node model shadow {folders.bundle} --why "adapted, beside the active one"')
    typer.echo(f'  ich-node model activate {folders.bundle} --why "..."')
