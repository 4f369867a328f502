"""Owed: what each destination is still to get, and whether it answers."""

from dataclasses import dataclass, fields, replace
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ich_node.config.destinations import Destination
from ich_node.errors import ConfigError
from ich_node.ledger import Owed, Pause
from ich_node.ledger.destination_states import DestinationState
from ich_node.ledger.operator_deliveries import AGAIN, CANCELLABLE
from ich_node.ledger.pauses import TO
from ich_node.ledger.status import OwedTo
from ich_node.web.csv_table import csv_lines
from ich_node.web.owed_choice import FAILED, PENDING, Line, OwedFilter, filter_of
from ich_node.web.page import looks
from ich_node.web.rendering import render
from ich_node.web.site import Site

LINES = 50
MOST_LINES = 500  # boxes that one form can send, and a page can show
MOST_OF_FILE = 100_000
COLUMNS = [field.name for field in fields(Owed)]


@dataclass(frozen=True, kw_only=True)
class DestinationCard:
    """settings: None of a destination that is gone from config.toml. state: None if it was never
    asked. owed: None if nothing is. jobs: of how many jobs.
    """

    name: str
    settings: Destination | None
    state: DestinationState | None
    owed: OwedTo | None
    jobs: int
    pause: Pause | None


def show(request: Request, site: Site) -> Response:
    now, asked, mistake = site.clock(), filter_of(request.query_params), ""
    try:
        choice = asked.choice(now)
    except ConfigError as error:
        mistake, choice = error.detail, replace(asked, older="").choice(now)
    limit = _limit(request)
    page = site.ledger.deliveries.list(choice, limit=limit)
    cards = _cards(site, now)
    return render(
        request,
        "owed.html",
        status=400 if mistake else 200,
        cards=cards,
        asked=asked,
        mistake=mistake,
        names=[card.name for card in cards],
        states=(PENDING, FAILED),
        lines=[(_key(owed), owed) for owed in page.owed],
        page=page,
        more=None if len(page.owed) == page.lines or limit == MOST_LINES else _more(asked, limit),
        paused={card.name for card in cards if card.pause is not None},
        configured=[destination.name for destination in site.config().destinations],
        changeable={*AGAIN, *CANCELLABLE},
        back=f"/owed?{request.url.query}" if request.url.query else "/owed",
    )


def download(request: Request, site: Site) -> Response:
    """The same lines as a table, without an end."""
    try:
        choice = filter_of(request.query_params).choice(site.clock())
    except ConfigError:
        return show(request, site)
    page = site.ledger.deliveries.list(choice, limit=MOST_OF_FILE)
    return StreamingResponse(
        csv_lines(COLUMNS, page.owed),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="owed.csv"'},
    )


def _cards(site: Site, now: datetime) -> list[DestinationCard]:
    """Those of config.toml in its order, then those that are gone from it and owed something."""
    ledger = site.ledger
    settings = {destination.name: destination for destination in site.config().destinations}
    states = {state.destination: state for state in ledger.destination_states.all()}
    owed = {each.destination: each for each in ledger.status.owed_by_destination(now)}
    jobs = ledger.deliveries.jobs()
    pauses = {
        pause.target.removeprefix(TO): pause
        for pause in ledger.pauses.in_force(now)
        if pause.target.startswith(TO)
    }
    return [
        DestinationCard(
            name=name,
            settings=settings.get(name),
            state=states.get(name),
            owed=owed.get(name),
            jobs=jobs.get(name, 0),
            pause=pauses.get(name),
        )
        for name in dict.fromkeys((*settings, *owed, *pauses))
    ]


def _key(owed: Owed) -> str:
    return Line(job_id=owed.job_id, state=owed.state, destination=owed.destination).key


def _limit(request: Request) -> int:
    word = request.query_params.get("limit", "")
    is_number = word.isascii() and word.isdecimal() and len(word) < 10
    return min(max(int(word), 1), MOST_LINES) if is_number else LINES


def _more(asked: OwedFilter, limit: int) -> str:
    query = f"{asked.query}&" if asked.query else ""
    return f"/owed?{query}limit={min(4 * limit, MOST_LINES)}"


routes = [looks("/owed", show), looks("/owed.csv", download)]
