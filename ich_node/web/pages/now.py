"""Now: what the node does, and what needs a hand first."""

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from ich_node.ledger.pauses import READING, RECEIVING, TO, to_destination
from ich_node.near import check_known
from ich_node.times import ahead
from ich_node.web.now.facts import facts_of
from ich_node.web.now.live import Live, events
from ich_node.web.page import Acted, Message, acts, looks
from ich_node.web.rendering import render
from ich_node.web.site import Site
from ich_node.web.visitor import visitor_of

DRAIN = "drain"  # why receiving is paused, as `ich-node drain` says it


def show(request: Request, site: Site) -> Response:
    destinations = [each.name for each in site.config().destinations]
    return render(request, "now.html", facts=facts_of(site), destinations=destinations)


async def stream(request: Request) -> Response:
    """The page's parts as server-sent events, whenever they have changed."""
    live: Live = request.app.state.live
    visitor = visitor_of(request)
    if not live.has_room(visitor.csrf):
        return PlainTextResponse("too many streams", status_code=503)
    return StreamingResponse(
        events(visitor, live),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def pause(request: Request, site: Site, form: FormData) -> Acted:
    """Reading, or sending to a destination, until it is resumed or its time is over."""
    now, name = site.clock(), str(form.get("target", ""))
    destinations = [each.name for each in site.config().destinations]
    check_known(name, [READING, *destinations], what="destination")
    target = READING if name == READING else to_destination(name)
    text, why = str(form.get("until", "")).strip(), str(form.get("why", "")).strip()
    until = ahead(text, now=now, option="until") if text else None
    site.ledger.pauses.pause(target, now=now, until=until, who=visitor_of(request).who, why=why)
    message = Message(name="paused", facts={"target": target, "until": until})
    return Acted(to="/#pauses", message=message, target=_journalled(target))


def resume(request: Request, site: Site, form: FormData) -> Acted:
    """End a pause, or the drain."""
    now, target = site.clock(), str(form.get("target", ""))
    ended = site.ledger.pauses.resume([target], now=now, who=visitor_of(request).who)
    name = "resumed" if ended else "not_paused"
    return Acted(
        to="/#pauses",
        message=Message(name=name, facts={"target": target}),
        target=_journalled(target),
    )


def drain(request: Request, site: Site, _form: FormData) -> Acted:
    """Receive nothing new until it is resumed; what is there is finished."""
    now = site.clock()
    if not any(each.target == RECEIVING for each in site.ledger.pauses.in_force(now)):
        who = visitor_of(request).who
        site.ledger.pauses.pause(RECEIVING, now=now, until=None, who=who, why=DRAIN)
    return Acted(to="/#pauses", message=Message(name="drained"), target=RECEIVING)


def _journalled(target: str) -> str:
    """As the journal names a thing."""
    return f"destination {target.removeprefix(TO)}" if target.startswith(TO) else target


routes = [
    looks("/", show),
    Route("/events", stream, methods=["GET"]),
    acts("/pause", "pause", pause),
    acts("/resume", "resume", resume),
    acts("/drain", "drain", drain),
]
