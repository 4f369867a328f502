"""Quality: what was read in some days, how fast, whether the scores drift, how often readers agree.

A process of its own counts: a year of a large hospital takes more memory than the site may have.
"""

import json
import tempfile
from pathlib import Path

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from ich_node.statistics.document import from_document
from ich_node.statistics.figures import Statistics
from ich_node.web.command import run_command
from ich_node.web.page import looks
from ich_node.web.pages.model import bundles_of
from ich_node.web.pages.model_days import DAYS, days_asked
from ich_node.web.rendering import render
from ich_node.web.site import Site
from ich_node.web.visitor import visitor_of

COUNT_SECONDS = 300.0


def show(request: Request, site: Site) -> Response:
    return _shown(request, site, "quality.html")


def show_figures(request: Request, site: Site) -> Response:
    """The part of the page that waits for the figures."""
    return _shown(request, site, "quality_figures.html")


def _shown(request: Request, site: Site, template: str) -> Response:
    who = visitor_of(request).who

    def count(days: int) -> Statistics:
        command = ("statistics", f"--days={days}", "--json")
        output = run_command(site, *command, who=who, timeout=COUNT_SECONDS).done()
        return from_document(json.loads(output))

    days = days_asked(request)
    counted = site.statistics.get(days, count, now=site.clock())
    found = counted.statistics
    model = next(
        (each for each in bundles_of(site) if found and each.sha256 == found.bundle_sha256), None
    )
    return render(
        request, template, choices=DAYS, days=days, counted=counted, found=found, model=model
    )


def registry(request: Request, site: Site) -> Response:
    """One line a series without identifiers, for a registry of AI results."""
    days = days_asked(request)
    with tempfile.NamedTemporaryFile(suffix=".csv", delete=False) as file:
        path = Path(file.name)
    try:
        run_command(
            site,
            "statistics",
            f"--days={days}",
            f"--csv={path}",
            who=visitor_of(request).who,
            timeout=COUNT_SECONDS,
        ).done()
    except BaseException:
        path.unlink()
        raise
    return FileResponse(
        path,
        media_type="text/csv",
        filename=f"ich-node-{site.clock():%Y-%m-%d}-{days}d.csv",
        background=BackgroundTask(path.unlink),
    )


routes = [
    looks("/quality", show),
    looks("/quality/figures", show_figures),
    looks("/quality/registry.csv", registry),
]
