"""model calibrate: where the threshold lies on a site's own scores."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node.cli.who import who
from ich_node.errors import BundleError, ConfigError
from ich_node.model.bundle_header import REFERENCE_SCORES
from ich_node.percent import counted

if TYPE_CHECKING:  # they import torch, SQLAlchemy and scipy
    from ich_node.model.bundle import Bundle
    from ich_node.scoring.operating_point import SeriesScores, Share

RECENT = timedelta(days=30)
MOST_IDS = 12


def calibrate(
    context: typer.Context,
    out: Annotated[
        Path,
        typer.Option(
            help="The new bundle file; an existing file is never overwritten.", dir_okay=False
        ),
    ],
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]",
            help="Labelled series: what `ich-node jobs export` wrote, or a folder with the folders"
            " 'bleeding' and 'healthy'.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    jobs: Annotated[
        bool, typer.Option("--jobs", help="The series that the node has read, with verdicts.")
    ] = False,
    since: Annotated[str, typer.Option(help="With --jobs: from when on.")] = "90d",
    specificity: Annotated[
        float | None, typer.Option(min=0, max=1, help="This share of healthy series is negative.")
    ] = None,
    sensitivity: Annotated[
        float | None, typer.Option(min=0, max=1, help="This share of bleeding series is positive.")
    ] = None,
    alerts_per_day: Annotated[
        float | None, typer.Option(help="At most this many positive series a day.")
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option(
            help="The bundle to start from; default: the one that reads now.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    why: Annotated[str, typer.Option(help="The reason, kept in the bundle.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Choose the threshold by labelled series, by verdicts, or by the scores of this site, and make
    a new bundle with it.
    """
    from ich_node.model.bundle_file import open_bundle

    wanted = {
        "specificity": specificity,
        "sensitivity": sensitivity,
        "alerts per day": alerts_per_day,
    }
    goals = {name: value for name, value in wanted.items() if value is not None}
    if len(goals) != 1:
        raise ConfigError("give one of --specificity, --sensitivity and --alerts-per-day")
    if (folder is not None) == jobs:
        raise ConfigError("give a folder of labelled series, or --jobs")
    if folder is not None and alerts_per_day is not None:
        raise ConfigError(
            "--alerts-per-day needs --jobs: a folder does not say how many come a day"
        )
    if alerts_per_day is not None and not alerts_per_day > 0:
        raise ConfigError("--alerts-per-day is above 0: with 0 no series would ever be positive")
    if out.exists():
        raise BundleError(f"{out} exists; a revision is a new file: choose another --out")
    ((goal, value),) = goals.items()
    now = datetime.now(UTC)
    parent = open_bundle(bundle or context.obj.active_bundle_path())
    scores = (
        _of_jobs(context, parent, since, now)
        if folder is None
        else _of_folder(context, parent, folder)
    )
    threshold = _threshold(scores, goal, value)
    _print_curve(scores, chosen=threshold, now=parent.operating_point.threshold)
    _print_changes(context, parent, now, threshold)
    if threshold == parent.operating_point.threshold:
        typer.echo("the threshold stays as it is: no bundle is written")
        return
    if not yes:
        typer.confirm(f"write {out} with the threshold {threshold:g}?", abort=True)
    reason = f"{goal} {value:g}" + (f": {why.strip()}" if why.strip() else "")
    _write(parent, threshold, out, why=reason, evidence=_evidence(scores, threshold), at=now)
    typer.echo(f"{out} is written; now: ich-node model activate {out}")


def _threshold(scores: "SeriesScores", goal: str, value: float) -> float:
    if not len(scores.score_N):
        raise ConfigError("there is no score: this bundle has read none of these series")
    if goal == "specificity":
        return scores.for_specificity(value)
    if goal == "sensitivity":
        return scores.for_sensitivity(value)
    return scores.for_alerts(value)


def _of_jobs(context: typer.Context, parent: "Bundle", since: str, now: datetime) -> "SeriesScores":
    from ich_node.model.revise import lineage
    from ich_node.statistics.threshold import scored_series
    from ich_node.times import moment

    ledger = context.obj.existing_ledger()
    read = scored_series(ledger, lineage(parent), since=moment(since, now=now), until=now)
    days = counted(round(read.days), "day")
    typer.echo(f"{len(read.found)} series of {days} that {parent.name} has read")
    _print_labels(read.known)
    return read.scores


def _of_folder(context: typer.Context, parent: "Bundle", folder: Path) -> "SeriesScores":
    from rich.console import Console
    from rich.progress import Progress

    from ich_node.files.labelled import labelled_series
    from ich_node.files.score import score_files
    from ich_node.model.detector import Detector
    from ich_node.scoring.operating_point import scores_of
    from ich_node.series.rules import SelectionRules
    from ich_node.study.site_rules import site_rules

    labelled = labelled_series(folder)
    detector = Detector(parent)
    rules = SelectionRules(**context.obj.config.selection.model_dump())
    of_site = site_rules(context.obj.config)
    scores: list[float] = []
    labels: list[bool | None] = []
    refused = 0
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=len(labelled))
        for each in labelled:
            score = score_files(each.files, detector, rules=rules, site_rules=of_site)
            if score is None:
                refused += 1
            else:
                scores.append(score)
                labels.append(each.bleeding)
            bar.advance(task)
    typer.echo(f"{len(scores)} series of {folder}, read with {parent.name}")
    if refused:
        verb = "is" if refused == 1 else "are"
        typer.echo(f"{refused} more {verb} not read by the node (`ich-node explain` says why)")
    _print_labels(labels)
    return scores_of(scores, labels)


def _print_labels(labels: Sequence[bool | None]) -> None:
    bleeding, healthy, unknown = (labels.count(each) for each in (True, False, None))
    typer.echo(f"{bleeding} of them bleed, {healthy} do not, {unknown} are not known")
    if not healthy:
        typer.echo("nobody said which series do not bleed: the specificity is that of all series,")
        typer.echo("some of which bleed, so the true one is higher")
    elif unknown:
        typer.echo(
            "if the known ones were chosen by their answer, the figures are not those of all"
        )


def _print_curve(scores: "SeriesScores", *, chosen: float, now: float) -> None:
    typer.echo("")
    typer.echo("     threshold  specificity       sensitivity       positive  a day")
    for point in scores.curve(chosen, now):
        mark = "new" if point.threshold == chosen else "now" if point.threshold == now else ""
        a_day = "" if point.alerts_per_day is None else f"{point.alerts_per_day:.1f}"
        columns = (
            f"{mark:3}  {point.threshold:<9.6g}",
            f"{_words(point.specificity):16}",
            f"{_words(point.sensitivity):16}",
            f"{point.positive.value:8.1%}",
            f"{a_day:>5}",
        )
        typer.echo("  ".join(columns).rstrip())
    typer.echo("in brackets: 95 % interval")


def _words(part: "Share") -> str:
    if not part.total:
        return "unknown"
    low, high = part.interval
    return f"{part.value:.1%} ({100 * low:.0f}-{100 * high:.0f})"


def _print_changes(
    context: typer.Context, parent: "Bundle", now: datetime, threshold: float
) -> None:
    """Which answers of the last days would be other ones."""
    from ich_node.model.revise import lineage
    from ich_node.statistics.threshold import scored_series

    ledger = context.obj.existing_ledger()
    recent = scored_series(ledger, lineage(parent), since=now - RECENT, until=now)
    typer.echo("")
    if not recent.found:
        typer.echo(f"the node has read no series in the last {RECENT.days} days")
        return
    found = recent.changes(parent.operating_point.threshold, threshold)
    typer.echo(
        f"the last {RECENT.days} days: {found.series} series, {found.positive_before} positive;"
    )
    if not found.changed:
        typer.echo("no answer would change")
        return
    what = "positive" if found.become_positive else "negative"
    ids = ", ".join(str(each.id) for each in found.changed[:MOST_IDS])
    left_out = len(found.changed) - MOST_IDS
    more = f" and {left_out} more" if left_out > 0 else ""
    typer.echo(f"{len(found.changed)} would be {what} instead: job {ids}{more}")


def _evidence(scores: "SeriesScores", threshold: float) -> dict[str, object]:
    """`scores`: what `ich-node statistics` compares later ones with."""
    point = scores.at(threshold)
    return {
        "series": point.positive.total,
        "healthy": point.specificity.total,
        "specificity": point.specificity.value,
        "bleeding": point.sensitivity.total,
        "sensitivity": point.sensitivity.value if point.sensitivity.total else None,
        "alerts_per_day": point.alerts_per_day,
        REFERENCE_SCORES: scores.reference(),
    }


def _write(
    parent: "Bundle",
    threshold: float,
    out: Path,
    *,
    why: str,
    evidence: dict[str, object],
    at: datetime,
) -> None:
    from ich_node.model.revise import revise, rule_for

    data = revise(
        parent,
        rule_for(parent, threshold),
        who=who(),
        why=why,
        at=at,
        threshold=threshold,
        evidence=evidence,
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(data)


def add_to(app: typer.Typer) -> None:
    """app: the `model` commands."""
    app.command()(calibrate)
