"""jobs withdraw: take an answer back."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node.answer import WithdrawalReason
from ich_node.cli.job_choice import WORDS, job_ids
from ich_node.cli.who import who
from ich_node.errors import ConfigError
from ich_node.percent import counted

if TYPE_CHECKING:
    from ich_node.cli.context import CliContext
    from ich_node.ledger import Job
    from ich_node.study.withdrawal import Reported, Withdrawer


def withdraw(
    context: typer.Context,
    job: Annotated[list[str], typer.Argument(metavar="JOB...", help=WORDS)],
    reason: Annotated[
        str,
        typer.Option(help="Why, in your words; stays in the ledger. Do not name the patient."),
    ],
    wrong_patient: Annotated[
        bool, typer.Option("--wrong-patient", help="The images are of another patient or order.")
    ] = False,
    quality: Annotated[bool, typer.Option("--quality", help="The answer is not good.")] = False,
    safety: Annotated[
        bool, typer.Option("--safety", help="The answer must not be used, for any other reason.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show who would hear of it.")
    ] = False,
) -> None:
    """Take answers back: a rejection note to whoever has the objects, a message to whoever was
    told.
    """
    from ich_node.export.patient_names import patient_finder
    from ich_node.study.withdrawal import Withdrawer

    code = _code(wrong_patient=wrong_patient, quality=quality, safety=safety)
    if not reason.strip():
        raise typer.BadParameter("give the reason", param_hint="--reason")
    node: CliContext = context.obj
    ledger = node.ledger_in_place()
    withdrawer = Withdrawer(
        ledger=ledger.withdrawals,
        spool=node.spool(),
        destinations=node.config.destinations,
        ae_title=node.config.scp.ae_title,
    )
    numbers = dict.fromkeys(job_ids(context, job))
    jobs = [found for number in numbers if (found := ledger.operator.get(number)) is not None]
    names_the_patient = patient_finder(ledger, node.spool())
    for asked in jobs:
        if names_the_patient(asked, reason):
            raise ConfigError(
                f"--reason names the patient of job {asked.id}; the ledger names no patients"
            )
    sent = _all_sent(withdrawer, jobs)
    for each in sent:
        _print_plan(withdrawer, each)
    _print_others(withdrawer, jobs)
    typer.echo(f'Those who have it are told: "{code.words}". Your reason stays in the ledger.')
    if dry_run:
        return
    if not yes:
        count = "this answer" if len(sent) == 1 else f"these {len(sent)} answers"
        typer.confirm(f"Withdraw {count}? This cannot be undone", abort=True)
    for each in sent:
        done = withdrawer.withdraw(
            each, code, reason=reason.strip(), who=who(), now=datetime.now(UTC)
        )
        owed = "1 delivery" if done.cancelled == 1 else f"{done.cancelled} deliveries"
        cancelled = f", {owed} cancelled" if done.cancelled else ""
        typer.echo(f"job {each.job.id} is withdrawn{cancelled}")


def _code(*, wrong_patient: bool, quality: bool, safety: bool) -> WithdrawalReason:
    chosen = [
        code
        for code, is_chosen in (
            (WithdrawalReason.WRONG_PATIENT, wrong_patient),
            (WithdrawalReason.QUALITY, quality),
            (WithdrawalReason.SAFETY, safety),
        )
        if is_chosen
    ]
    if len(chosen) != 1:
        raise typer.BadParameter(
            "say what those who got the answer are told: one of these three",
            param_hint="--wrong-patient, --quality, --safety",
        )
    return chosen[0]


def _all_sent(withdrawer: "Withdrawer", jobs: Sequence["Job"]) -> list["Reported"]:
    """Of every job; nothing is done to any of them if one cannot be withdrawn."""
    from ich_node.study.withdrawal import FilesGone

    sent, gone = [], []
    for each in jobs:
        try:
            sent.append(withdrawer.sent(each))
        except FilesGone:
            gone.append(each.id)
    if gone:
        numbers = ", ".join(map(str, gone))
        raise ConfigError(
            f"the results of {len(gone)} of {len(jobs)} jobs ({numbers}) were removed\n"
            "from the spool after their time, so no rejection note can be made, and nothing\n"
            "was withdrawn. Reject these results in the PACS by hand, and tell those who\n"
            f"read them; `ich-node jobs show {gone[0]}` lists their UIDs"
        )
    return sent


def _print_plan(withdrawer: "Withdrawer", sent: "Reported") -> None:
    job, reached = sent.job, withdrawer.reached(sent.job)
    answer = str(job.answer).replace("_", " ")
    typer.echo(f"job {job.id}: {answer}, revision {job.revision}")
    typer.echo(f"  series {job.series_instance_uid}")
    if reached.objects:
        objects = counted(len(sent.headers), "object")
        typer.echo(f"  a rejection note of {objects} to {_names(reached.objects)}")
    if reached.messages and withdrawer.is_told(sent):
        typer.echo(f"  a message to {_names(reached.messages)}")
    elif reached.messages:
        typer.echo("  no message: the one about a newer answer has replaced it")
    if reached.owed:
        typer.echo(f"  not sent yet, and cancelled: {_names(reached.owed)}")
    if not (reached.objects or reached.messages or reached.owed):
        typer.echo("  nobody has it: it is only marked")


def _print_others(withdrawer: "Withdrawer", jobs: Sequence["Job"]) -> None:
    """Answers of the same studies that stay."""
    known = {job.id for job in jobs}
    for job in jobs:
        for other in withdrawer.ledger.study(job):
            if other.id not in known and other.answer and not other.withdrawn_at:
                known.add(other.id)
                answer = str(other.answer).replace("_", " ")
                typer.echo(f"Not withdrawn, of the same study: job {other.id}, {answer}")


def _names(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))


def add_to(app: typer.Typer) -> None:
    """app: the `jobs` commands."""
    app.command()(withdraw)
