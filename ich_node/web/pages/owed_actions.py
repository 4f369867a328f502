"""What can be done with what is owed, and with a destination."""

from collections import Counter

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ich_node.deliver.resend import allowed_destinations, check_sent_again, one_destination
from ich_node.errors import ConfigError
from ich_node.ledger import DeliveryState
from ich_node.ledger.operator_deliveries import AGAIN, CANCELLABLE, DeliveryChoice
from ich_node.ledger.pauses import TO, to_destination
from ich_node.near import check_known
from ich_node.times import ahead
from ich_node.web.command import run_command
from ich_node.web.owed_choice import choices_of, filter_of, job_number
from ich_node.web.page import Acted, Message, acts, asks, own_path
from ich_node.web.rendering import render
from ich_node.web.site import Site
from ich_node.web.visitor import visitor_of

LONGEST_REASON = 200


def retry(request: Request, site: Site, form: FormData) -> Acted:
    """As `deliveries retry`."""
    now, who = site.clock(), visitor_of(request).who
    tried: Counter[str] = Counter()
    for choice in _choices(site, form, AGAIN):
        tried += site.ledger.deliveries.retry(choice, now=now, who=who)
    paused = {pause.target.removeprefix(TO) for pause in site.ledger.pauses.in_force(now)}
    facts = {"objects": dict(sorted(tried.items())), "paused": sorted(paused & set(tried))}
    return _acted(form, "owed_retried", target=_targets(tried), **facts)


def preview_cancel(request: Request, site: Site, form: FormData) -> Response:
    """How much would never be delivered."""
    if not visitor_of(request).may_operate:
        raise HTTPException(403, "role")
    deliveries = site.ledger.deliveries
    found: Counter[str] = Counter()
    sending: Counter[str] = Counter()
    mistake = ""
    try:
        for choice in _choices(site, form, CANCELLABLE):
            found += deliveries.count(choice)
        for choice in _choices(site, form, (DeliveryState.SENDING,)):
            sending += deliveries.count(choice)
    except ConfigError as error:
        mistake = error.detail
    return render(
        request,
        "owed_cancel.html",
        status=400 if mistake else 200,
        mistake=mistake,
        found=sorted(found.items()),
        total=found.total(),
        sending=sending.total(),
        lines=form.getlist("line"),
        asked=filter_of(form),
        is_all=bool(form.get("all")),
        back=own_path(str(form.get("back", "/owed"))),
    )


def cancel(request: Request, site: Site, form: FormData) -> Acted:
    """As `deliveries cancel`."""
    cancelled: Counter[str] = Counter()
    for choice in _choices(site, form, CANCELLABLE):
        cancelled += site.ledger.deliveries.cancel(
            choice, now=site.clock(), who=visitor_of(request).who
        )
    objects = dict(sorted(cancelled.items()))
    return _acted(form, "owed_cancelled", target=_targets(cancelled), objects=objects)


def resend(request: Request, site: Site, form: FormData) -> Acted:
    """As `jobs resend`."""
    config, job_id = site.config(), job_number(str(form.get("job", "")))
    job = site.ledger.operator.get(job_id)
    if job is None:
        raise ConfigError(f"there is no job {job_id}")
    name = str(form.get("destination", "")) or None
    to = one_destination(config, name) if name is not None else None
    allowed = allowed_destinations(config, site.ledger, job_id)
    if name is not None and name not in allowed:
        raise ConfigError(f"job {job_id}: {name} does not get what its sources send")
    resent = site.ledger.deliveries.resend(
        job_id, to=to, now=site.clock(), who=visitor_of(request).who, allowed=allowed
    )
    check_sent_again(resent, destination=name)
    assert resent is not None
    facts = {"job": job_id, "objects": resent.again, "outdated": resent.outdated}
    acted = _acted(form, "owed_resent", target=f"job {job_id}", **facts)
    return Acted(
        to=acted.to,
        message=acted.message,
        target=acted.target,
        study_instance_uid=job.study_instance_uid,
    )


def pause(request: Request, site: Site, form: FormData) -> Acted:
    """As `pause`; one that is in force gets the new end and reason."""
    name, now = _destination(site, form), site.clock()
    until = str(form.get("until", "")).strip()
    end = ahead(until, now=now, option="until") if until else None
    why = " ".join(str(form.get("why", "")).split())[:LONGEST_REASON]
    site.ledger.pauses.pause(
        to_destination(name), now=now, until=end, who=visitor_of(request).who, why=why
    )
    return _acted(form, "owed_paused", target=f"destination {name}", name=name, until=end)


def resume(request: Request, site: Site, form: FormData) -> Acted:
    name = _destination(site, form)
    ended = site.ledger.pauses.resume(
        [to_destination(name)], now=site.clock(), who=visitor_of(request).who
    )
    facts = {"name": name, "was_paused": bool(ended)}
    return _acted(form, "owed_resumed", target=f"destination {name}", **facts)


def ask(request: Request, site: Site, form: FormData) -> Acted:
    """As `echo`, in a process of its own: the DICOM on the wire is large."""
    config, name = site.config(), str(form.get("destination", ""))
    check_known(name, [each.name for each in config.destinations], what="destination")
    result = run_command(site, "echo", "--", name, who=visitor_of(request).who)
    words = (result.output or result.errors).strip()
    is_up = result.exit_code == 0
    site.ledger.destination_states.answered(name, is_up=is_up, detail=words, now=site.clock())
    facts = {"words": words, "is_up": is_up}
    return _acted(form, "owed_asked", target=f"destination {name}", **facts)


def _choices(site: Site, form: FormData, states: tuple[DeliveryState, ...]) -> list[DeliveryChoice]:
    """Of these states: all that the filter of the form finds, or the lines with a tick. Raises
    ConfigError.
    """
    if form.get("all"):
        return [filter_of(form).choice(site.clock(), states)]
    lines = [str(key) for key in form.getlist("line")]
    if not lines:
        raise ConfigError("choose at least one line")
    return list(choices_of(lines, states))


def _destination(site: Site, form: FormData) -> str:
    """Also one that is gone from config.toml, if it is paused. Raises ConfigError."""
    name = str(form.get("destination", ""))
    paused = [
        each.target.removeprefix(TO)
        for each in site.ledger.pauses.in_force(site.clock())
        if each.target.startswith(TO)
    ]
    names = [*(destination.name for destination in site.config().destinations), *paused]
    check_known(name, names, what="destination")
    return name


def _targets(objects: Counter[str]) -> str:
    return ", ".join(f"destination {name}" for name in sorted(objects))


def _acted(form: FormData, message: str, *, target: str, **facts: object) -> Acted:
    back = own_path(str(form.get("back", "/owed")))
    return Acted(to=back, message=Message(name=message, facts=facts), target=target)


routes = [
    acts("/owed/retry", "retry deliveries", retry),
    asks("/owed/cancel/preview", preview_cancel),
    acts("/owed/cancel", "cancel deliveries", cancel),
    acts("/owed/resend", "resend", resend),
    acts("/owed/pause", "pause", pause),
    acts("/owed/resume", "resume", resume),
    acts("/owed/ask", "ask", ask),
]
