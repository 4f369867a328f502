"""Commission: prove that this node works with this PACS; the reports of those that did."""

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ich_node.commission.checks import CheckPart
from ich_node.commission.record import RUN, Records
from ich_node.config.destinations import DicomDestination, StowDestination
from ich_node.errors import ConfigError
from ich_node.web.commissioning import STARTED
from ich_node.web.page import Acted, Message, acts, looks
from ich_node.web.rendering import render
from ich_node.web.site import Site
from ich_node.web.visitor import visitor_of

WAYS = ("direct", "through", "none")
MINUTES = (2, 5, 10, 30)


def show(request: Request, site: Site) -> Response:
    config = site.config()
    return render(
        request,
        "commission.html",
        sources=[each.name for each in config.sources],
        through=[
            each.name
            for each in config.destinations
            if isinstance(each, DicomDestination | StowDestination)
        ],
        queries=[each.name for each in config.sources if each.query is not None],
        minutes=MINUTES,
        records=_records(site).newest(),
        keep_days=config.database.keep_days,
    )


def one(request: Request, site: Site) -> Response:
    return _run(request, site, "commission_run.html")


def progress(request: Request, site: Site) -> Response:
    """The part of the page that changes."""
    return _run(request, site, "commission_progress.html")


def _run(request: Request, site: Site, template: str) -> Response:
    run = request.path_params["run"]
    record, is_running = _records(site).get(run), STARTED.is_running(run)
    failure = STARTED.failure(run)
    if record is None and not is_running and not failure:
        raise HTTPException(404)
    now = site.clock()
    return render(
        request,
        template,
        run=run,
        record=record,
        goes_on=is_running or (record is not None and record.goes_on(now)),
        failure=failure if record is None else "",
        parts_in_order=list(CheckPart),
    )


def report(request: Request, site: Site) -> Response:
    """As a file: its style is its own, which no page of the site may have."""
    run = request.path_params["run"]
    html = _records(site).report(run)
    if html is None or not RUN.fullmatch(run):
        raise HTTPException(404)
    name = f"ich-node-commission-{run}.html"
    return Response(
        html,
        media_type="text/html; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def start(request: Request, site: Site, form: FormData) -> Acted:
    fields = {name: str(form.get(name, "")) for name in ("way", "source", "through", "query")}
    options = [f"--query={fields['query']}"] if fields["query"] else []
    match fields["way"]:
        case "through":
            options.append(f"--through={fields['through']}")
        case "none":
            options.append("--no-phantom")
        case "direct":
            options += [f"--source={fields['source']}"] if fields["source"] else []
        case other:
            raise ConfigError(f"'{other}' is no way; there are: {', '.join(WAYS)}")
    asked = str(form.get("minutes", ""))
    if asked not in {str(each) for each in MINUTES}:
        raise ConfigError(f"'{asked}' minutes: choose one of {', '.join(map(str, MINUTES))}")
    if accession := str(form.get("accession", "")).strip():
        options.append(f"--accession={accession}")
    run = _records(site).new_run(site.clock())
    STARTED.start(site, run, *options, who=visitor_of(request).who, minutes=float(asked))
    return Acted(
        to=f"/commission/{run}",
        message=Message(name="commissioning"),
        target=f"commissioning {run}",
    )


def _records(site: Site) -> Records:
    return Records(site.config().spool.path)


routes = [
    looks("/commission", show),
    acts("/commission/start", "commissioning started", start),
    looks("/commission/{run}", one),
    looks("/commission/{run}/progress", progress),
    looks("/commission/{run}/report", report),
]
