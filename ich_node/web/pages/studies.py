"""Studies: one answer each, which series gave it, and why the others did not."""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ich_node.errors import IchNodeError
from ich_node.ledger import Job
from ich_node.ledger.study_search import FoundStudies
from ich_node.study.overview import StudyOverview, overview_of
from ich_node.web.identity import identity_for
from ich_node.web.job_filter import JobFilter, filter_of, sources
from ich_node.web.numbers import number_of
from ich_node.web.page import looks
from ich_node.web.rendering import render
from ich_node.web.site import Site

ON_ONE_PAGE = 25
OUTCOMES = ("present", "absent", "undetermined", "refused")


def show(request: Request, site: Site) -> Response:
    asked = filter_of(request.query_params)
    if asked.study:
        return RedirectResponse(f"/studies/{asked.study.strip('/')}", status_code=303)
    try:
        search = asked.search(site, now=site.clock())
    except IchNodeError as error:
        return _page(request, site, asked=asked, problem=error.detail)
    found = site.ledger.studies.find(search, limit=ON_ONE_PAGE)
    return _page(request, site, asked=asked, found=found)


def _page(
    request: Request,
    site: Site,
    *,
    asked: JobFilter,
    found: FoundStudies | None = None,
    problem: str = "",
) -> Response:
    older = found.older_than if found else None
    return render(
        request,
        "studies.html",
        asked=asked,
        problem=problem,
        studies=[_overview(site, study) for study in found.studies] if found else [],
        older=asked.query(older=older) if older else "",
        newest=asked.query(),
        sources=sources(site),
        outcomes=OUTCOMES,
        nothing_received=site.ledger.searching.newest_id() is None,
    )


def show_one(request: Request, site: Site) -> Response:
    """By its UID, or by the number or UID of one of its series."""
    word = str(request.path_params["word"]).strip()
    study = site.ledger.studies.study(word)
    if not study:
        number = number_of(word)
        job = None if number is None else site.ledger.operator.get(number)
        found = [job] if job else site.ledger.searching.by_uid(word.lstrip("….") or "-")
        uids = {each.study_instance_uid for each in found}
        if len(uids) != 1:
            return render(request, "no_series.html", status=404, word=word)
        return RedirectResponse(f"/studies/{uids.pop()}", status_code=303)
    overview = _overview(site, study)
    searching = site.ledger.searching
    return render(
        request,
        "one_study.html",
        study=overview,
        by_id={job.id: job for job in study},
        found=searching.described(study[::-1]),
        answered=searching.answered_at(study),
        identity=identity_for(request, site, overview.given_by or overview.newest),
    )


def _overview(site: Site, study: list[Job]) -> StudyOverview:
    late_after = timedelta(minutes=site.config().study.overdue_minutes)
    return overview_of(study, now=site.clock(), late_after=late_after)


routes = [looks("/studies", show), looks("/studies/{word}", show_one)]
