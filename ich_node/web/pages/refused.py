"""Refused: what was not analysed in a period, by reason and by rule, and its series."""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from ich_node.errors import ConfigError
from ich_node.ledger import JobState
from ich_node.ledger.not_analysed import MOST, NotAnalysedSearch
from ich_node.series.shipped_rules import ALL_SHIPPED
from ich_node.web.numbers import number_of
from ich_node.web.page import Acted, Message, acts, looks, own_path
from ich_node.web.rendering import render
from ich_node.web.site import Site

PERIODS = (1, 7, 30, 90)  # days
USUAL_DAYS = 7
SHOWN, MOST_SHOWN = 50, 1000
# What `jobs retry` can read again; a series that a rule holds is released on its own page.
AGAIN = (JobState.REFUSED, JobState.FAILED)


@dataclass(frozen=True, kw_only=True)
class RuleCount:
    """action: None of a rule that config.toml has no more; is_shipped: it is one of the node's."""

    name: str
    count: int
    action: str | None
    is_shipped: bool


def show(request: Request, site: Site) -> Response:
    days, now = _days(request), site.clock()
    found = site.ledger.not_analysed.count(since=now - timedelta(days=days), until=now)
    actions = {rule.name: rule.action for rule in site.config().rules}
    return render(
        request,
        "refused.html",
        days=days,
        periods=PERIODS,
        found=found,
        most=MOST,
        rules=[
            RuleCount(
                name=name,
                count=count,
                action=actions.get(name),
                is_shipped=name in ALL_SHIPPED,
            )
            for name, count in found.rules.items()
        ],
        held=found.others.get(JobState.HELD, 0),
        set_aside=found.others.get(JobState.SET_ASIDE, 0),
        cancelled=found.others.get(JobState.CANCELLED, 0),
    )


def listed(request: Request, site: Site) -> Response:
    """The series of one reason, or of one rule."""
    days, now = _days(request), site.clock()
    reason, rule = request.query_params.get("reason"), request.query_params.get("rule")
    limit = _number(request, "limit", SHOWN, most=MOST_SHOWN)
    which = NotAnalysedSearch(since=now - timedelta(days=days), until=now, reason=reason, rule=rule)
    found = site.ledger.not_analysed.list(which, limit=limit + 1)
    more = {**request.query_params, "limit": str(min(limit + 200, MOST_SHOWN))}
    return render(
        request,
        "refused_series.html",
        days=days,
        reason=reason,
        rule=rule,
        jobs=found[:limit],
        more=f"/refused/series?{urlencode(more)}"
        if len(found) > limit and limit < MOST_SHOWN
        else None,
        has_more=len(found) > limit,
        again=AGAIN,
        back=f"/refused/series?{request.url.query}",
    )


def retry(_: Request, site: Site, form: FormData) -> Acted:
    """As `jobs retry`, for each that is chosen."""
    done, failed = [], []
    for job_id in _job_ids(form):
        try:
            site.ledger.operator.retry(job_id, now=site.clock())
        except ConfigError as error:
            failed.append(error.detail)
        else:
            done.append(job_id)
    if failed and not done:
        raise ConfigError("\n".join(failed))
    return Acted(
        to=own_path(str(form.get("back", "/refused"))),
        message=Message(name="read_again", facts={"jobs": done, "failed": failed}),
        target=" ".join(f"job {job_id}" for job_id in done),
    )


def _job_ids(form: FormData) -> list[int]:
    numbers = [number_of(str(word)) for word in form.getlist("job")]
    return list(dict.fromkeys(number for number in numbers if number is not None))


def _days(request: Request) -> int:
    days = _number(request, "days", USUAL_DAYS, most=max(PERIODS))
    return days if days in PERIODS else USUAL_DAYS


def _number(request: Request, name: str, usual: int, *, most: int) -> int:
    word = request.query_params.get(name, "")
    is_number = word.isascii() and word.isdecimal() and len(word) < 10
    return min(int(word), most) if is_number and int(word) else usual


routes = [
    looks("/refused", show),
    looks("/refused/series", listed),
    acts("/refused/retry", "retry", retry),
]
