"""One series: its answer, its story, what was delivered, and what can be done with it."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ich_node.ledger import Job
from ich_node.web.identity import identity_for
from ich_node.web.numbers import number_of
from ich_node.web.page import looks
from ich_node.web.pages.model import others_of
from ich_node.web.rendering import render
from ich_node.web.series_view import view_of
from ich_node.web.site import Site
from ich_node.web.viewer import viewer_of
from ich_node.web.visitor import visitor_of

MOST_NAMED = 50


def show(request: Request, site: Site) -> Response:
    """A number is that of a job; everything else a UID, or the end of one."""
    word = str(request.path_params["word"]).strip()
    job = job_of(site, word)
    if job is None:
        return _elsewhere(request, site, word)
    view = view_of(site, job)
    visitor = visitor_of(request)
    return render(
        request,
        "one_series.html",
        view=view,
        identity=identity_for(request, site, job),
        bundles=others_of(site) if view.possible.reread else [],
        viewer=viewer_of(site, job, request.query_params),
        mine=[each for each in view.verdicts if each.who == visitor.who and each.origin == "site"],
    )


def progress(request: Request, site: Site) -> Response:
    """The parts of the page that change by themselves; without identifiers."""
    job = job_of(site, str(request.path_params["word"]))
    if job is None:
        return render(request, "no_series.html", status=404, word=request.path_params["word"])
    return render(request, "series_progress.html", view=view_of(site, job))


def job_of(site: Site, word: str) -> Job | None:
    """By its number."""
    number = number_of(word)
    return None if number is None else site.ledger.operator.get(number)


def find(request: Request, _: Site) -> Response:
    """The field in which somebody types a number or a UID."""
    word = request.query_params.get("word", "").strip().strip("/")
    return RedirectResponse(f"/series/{word}" if word else "/series", status_code=303)


def _elsewhere(request: Request, site: Site, word: str) -> Response:
    uid = word.lstrip("…. ")
    found = site.ledger.searching.by_uid(uid) if uid else []
    if len(found) == 1:
        return RedirectResponse(f"/series/{found[0].id}", status_code=303)
    if found and all(job.study_instance_uid == uid for job in found):
        return RedirectResponse(f"/studies/{uid}", status_code=303)
    if not found:
        return render(request, "no_series.html", status=404, word=word)
    described = site.ledger.searching.described(found[:MOST_NAMED])
    answered = site.ledger.searching.answered_at(described.jobs)
    return render(request, "several_series.html", word=word, found=described, answered=answered)


routes = [
    looks("/series/go", find),
    looks("/series/{word}/progress", progress),
    looks("/series/{word}", show),
]
