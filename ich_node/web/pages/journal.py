"""Journal: who did what, and who looked at whose series."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ich_node.ledger.audit import READ_JOURNAL, AuditEvent, AuditSearch
from ich_node.web.csv_table import csv_lines
from ich_node.web.numbers import number_of
from ich_node.web.page import looks
from ich_node.web.rendering import render
from ich_node.web.site import Site
from ich_node.web.visitor import visitor_of

EVENTS_A_PAGE = 100
COLUMNS = [field.name for field in fields(AuditEvent)]


@dataclass(frozen=True, kw_only=True)
class JournalQuery:
    """What the address asks for. wrong: the name of a time that is none."""

    search: AuditSearch
    fields: Mapping[str, str]
    wrong: str | None = None

    @property
    def query(self) -> str:
        return urlencode({name: value for name, value in self.fields.items() if value})


def show(request: Request, site: Site) -> Response:
    asked = _asked(request)
    before = number_of(request.query_params.get("before", ""))
    events = site.ledger.audit.find(
        asked.search,
        limit=EVENTS_A_PAGE + 1,
        before=before,
    )
    waiting, waiting_since = site.ledger.audit.unreported()
    return render(
        request,
        "journal.html",
        status=400 if asked.wrong else 200,
        asked=asked,
        events=events[:EVENTS_A_PAGE],
        is_first=before is None,
        older=events[EVENTS_A_PAGE - 1].id if len(events) > EVENTS_A_PAGE else None,
        people=site.ledger.audit.people(),
        actions=site.ledger.audit.actions(),
        repository=site.config().audit.syslog,
        waiting=waiting,
        waiting_since=waiting_since,
        keep_days=site.config().database.keep_days,
    )


def download(request: Request, site: Site) -> Response:
    """That somebody took it is an event, too."""
    asked, visitor = _asked(request), visitor_of(request)
    if asked.wrong:
        return show(request, site)
    site.ledger.audit.record(
        at=site.clock(), who=visitor.who, address=visitor.address, action=READ_JOURNAL
    )
    return StreamingResponse(
        csv_lines(COLUMNS, site.ledger.audit.every(asked.search)),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="journal.csv"'},
    )


def _asked(request: Request) -> JournalQuery:
    names = ("who", "action", "target", "since", "until")
    given = {name: _text(request.query_params.get(name, "")) for name in names}
    since, until = _time(given["since"]), _time(given["until"])
    wrong = [
        name for name, time in (("since", since), ("until", until)) if time is None and given[name]
    ]
    search = AuditSearch(
        who=given["who"] or None,
        action=given["action"] or None,
        target=given["target"] or None,
        since=since,
        until=until,
    )
    return JournalQuery(search=search, fields=given, wrong=wrong[0] if wrong else None)


def _time(text: str) -> datetime | None:
    """Of the node's clock; None if it is none."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        return None


def _text(value: str) -> str:
    """No database has a NUL in a text."""
    return value.replace("\0", "").strip()


routes = [looks("/journal", show), looks("/journal.csv", download)]
