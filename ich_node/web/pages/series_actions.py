"""What can be done with one series."""

from collections.abc import Callable

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ich_node.answer import WithdrawalReason
from ich_node.deliver.resend import allowed_destinations, check_sent_again, one_destination
from ich_node.errors import ConfigError
from ich_node.ledger import Job
from ich_node.ledger.operator_deliveries import AGAIN, CANCELLABLE, DeliveryChoice
from ich_node.near import check_known
from ich_node.web.command import run_command
from ich_node.web.page import Acted, Action, Message, acts, asks
from ich_node.web.pages.model import others_of
from ich_node.web.pages.one_series import job_of
from ich_node.web.rendering import render
from ich_node.web.site import Site
from ich_node.web.visitor import visitor_of

READS_SECONDS = 300.0
OPTIONS = {
    WithdrawalReason.WRONG_PATIENT: "--wrong-patient",
    WithdrawalReason.QUALITY: "--quality",
    WithdrawalReason.SAFETY: "--safety",
}


def job_in(request: Request, site: Site) -> Job:
    """The one of the address. Raises ConfigError."""
    word = str(request.path_params["word"])
    job = job_of(site, word)
    if job is None:
        raise ConfigError(f"there is no job {word}")
    return job


def acted(job: Job, name: str, **facts: object) -> Acted:
    return Acted(
        to=f"/series/{job.id}",
        message=Message(name=name, facts=facts),
        target=f"job {job.id}",
        study_instance_uid=job.study_instance_uid,
    )


def in_ledger(name: str, change: Callable[[Site, Job, str], object]) -> Action:
    """An action that the ledger does, or refuses with its sentence."""

    def action(request: Request, site: Site, _: FormData) -> Acted:
        job = job_in(request, site)
        change(site, job, visitor_of(request).who)
        return acted(job, name)

    return action


def deliver(request: Request, site: Site, form: FormData) -> Acted:
    """What is owed, now."""
    job, to = job_in(request, site), _destination(form)
    choice = DeliveryChoice(job_ids=[job.id], destination=to, states=AGAIN)
    tried = site.ledger.deliveries.retry(choice, now=site.clock(), who=visitor_of(request).who)
    return acted(job, "delivering", objects=tried.total(), destinations=sorted(tried))


def call_off(request: Request, site: Site, form: FormData) -> Acted:
    job, to = job_in(request, site), _destination(form)
    choice = DeliveryChoice(job_ids=[job.id], destination=to, states=CANCELLABLE)
    called = site.ledger.deliveries.cancel(choice, now=site.clock(), who=visitor_of(request).who)
    return acted(job, "called_off", objects=called.total(), destinations=sorted(called))


def resend(request: Request, site: Site, form: FormData) -> Acted:
    job, to, config = job_in(request, site), _destination(form), site.config()
    allowed = allowed_destinations(config, site.ledger, job.id)
    if to is not None and to not in allowed:
        check_known(to, [each.name for each in config.destinations], what="destination")
        raise ConfigError(f"job {job.id}: {to} does not get what its sources send")
    resent = site.ledger.deliveries.resend(
        job.id,
        to=one_destination(config, to) if to is not None else None,
        now=site.clock(),
        who=visitor_of(request).who,
        allowed=allowed,
    )
    check_sent_again(resent, destination=to)
    assert resent is not None
    return acted(
        job,
        "sent_again",
        objects=sum(resent.again.values()),
        destinations=sorted(resent.again),
        outdated=resent.outdated,
    )


def reread(request: Request, site: Site, form: FormData) -> Acted:
    """By the command line: the model is verified, which needs torch."""
    job = job_in(request, site)
    arguments = ["jobs", "reread", f"job={job.id}"]
    if bundle := str(form.get("bundle", "")):
        path = next((each.path for each in others_of(site) if each.sha256 == bundle), bundle)
        arguments.append(f"--bundle={path}")
    if form.get("deliver"):
        arguments += ["--deliver", "--yes"]
    result = run_command(site, *arguments, who=visitor_of(request).who, timeout=READS_SECONDS)
    if result.exit_code != 0:
        raise ConfigError(f"{result.output}{result.errors}".strip())
    return acted(job, "to_be_read_again", output=result.output)


def preview_withdrawal(request: Request, site: Site, form: FormData) -> Response:
    """Who has the answer, and would hear that it is taken back."""
    visitor = visitor_of(request)
    if not visitor.may_operate:
        raise HTTPException(403, "role")
    problem, plan = "", ""
    try:
        job = job_in(request, site)
        command = [*_withdrawal(job, form), "--dry-run"]
        plan = run_command(site, *command, who=visitor.who).done()
    except ConfigError as error:
        problem = error.detail
    return render(
        request,
        "withdraw.html",
        word=request.path_params["word"],
        plan=plan,
        problem=problem,
        reason=form.get("reason", ""),
        code=form.get("code", ""),
        codes=list(WithdrawalReason),
    )


def withdraw(request: Request, site: Site, form: FormData) -> Acted:
    job = job_in(request, site)
    result = run_command(site, *_withdrawal(job, form), "--yes", who=visitor_of(request).who)
    return acted(job, "withdrawn", output=result.done())


def _withdrawal(job: Job, form: FormData) -> list[str]:
    """Raises ConfigError."""
    code = str(form.get("code", ""))
    check_known(code, [each.value for each in WithdrawalReason], what="code")
    reason = str(form.get("reason", "")).strip()
    if not reason:
        raise ConfigError("give the reason")
    option = OPTIONS[WithdrawalReason(code)]
    return ["jobs", "withdraw", f"job={job.id}", option, f"--reason={reason}"]


def _destination(form: FormData) -> str | None:
    """None: all of them."""
    return str(form.get("destination", "")) or None


CHANGES: dict[str, tuple[str, Callable[[Site, Job, str], object]]] = {
    "retry": ("retried", lambda site, job, _: site.ledger.operator.retry(job.id, now=site.clock())),
    "cancel": (
        "cancelled",
        lambda site, job, _: site.ledger.operator.cancel(job.id, now=site.clock()),
    ),
    "close": ("closed", lambda site, job, _: site.ledger.operator.close(job.id, now=site.clock())),
    "release": (
        "released",
        lambda site, job, who: site.ledger.holds.release(job.id, now=site.clock(), who=who),
    ),
}
routes = [
    *(
        acts(f"/series/{{word}}/{name}", name, in_ledger(message, change))
        for name, (message, change) in CHANGES.items()
    ),
    acts("/series/{word}/deliver", "deliver", deliver),
    acts("/series/{word}/call-off", "cancel deliveries", call_off),
    acts("/series/{word}/resend", "resend", resend),
    acts("/series/{word}/reread", "reread", reread),
    asks("/series/{word}/withdrawal", preview_withdrawal),
    acts("/series/{word}/withdraw", "withdraw", withdraw),
]
