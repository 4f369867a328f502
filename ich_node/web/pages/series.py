"""Series: the list, with every filter of `ich-node jobs list`."""

from dataclasses import replace
from datetime import datetime

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ich_node.errors import ConfigError, IchNodeError
from ich_node.ledger import FoundJobs, JobSearch
from ich_node.ledger.audit import SEARCH
from ich_node.web.job_filter import (
    OUTCOMES,
    STATES,
    JobFilter,
    Pages,
    filter_of,
    pages_beside,
    sources,
)
from ich_node.web.page import asks, looks
from ich_node.web.rendering import render
from ich_node.web.site import Site
from ich_node.web.visitor import visitor_of

ON_ONE_PAGE = 50
MOST_OF_ONE_PATIENT = 200


def show(request: Request, site: Site) -> Response:
    asked, now = filter_of(request.query_params), site.clock()
    try:
        search = asked.search(site, now=now)
    except IchNodeError as error:
        return _page(request, site, asked=asked, problem=error.detail)
    found = site.ledger.searching.find(search, limit=ON_ONE_PAGE)
    if search.newer_than is not None and len(found.jobs) < ON_ONE_PAGE:
        asked = replace(asked, newer="")  # the first page is whole
        search = asked.search(site, now=now)
        found = site.ledger.searching.find(search, limit=ON_ONE_PAGE)
    pages = pages_beside(site, asked, search, found)
    return _page(request, site, asked=asked, found=found, pages=pages)


def find(request: Request, site: Site, form: FormData) -> Response:
    """By what identifies a patient, which must not stand in an address."""
    visitor = visitor_of(request)
    if not visitor.sees_identifiers:
        raise HTTPException(403, "identifiers")
    try:
        search = _identified(site, form)
    except IchNodeError as error:
        return _page(request, site, asked=JobFilter(), problem=error.detail)
    found = site.ledger.searching.find(search, limit=MOST_OF_ONE_PATIENT)
    by = "accession" if search.accession_hmac is not None else "patient"
    # also that there is none: it says whose head this node has not seen
    studies: list[str | None] = [*dict.fromkeys(job.study_instance_uid for job in found.jobs)]
    for study in studies or [None]:
        site.ledger.audit.record(
            at=site.clock(),
            who=visitor.who,
            address=visitor.address,
            action=SEARCH,
            target=by,
            study_instance_uid=study,
        )
    return _page(request, site, asked=JobFilter(), found=found, looked_for=by)


def _identified(site: Site, form: FormData) -> JobSearch:
    """Raises ConfigError."""
    key = site.ledger.search_keys.for_looking(site.config().database.search_key)
    accession, patient = (str(form.get(name, "")).strip() for name in ("accession", "patient"))
    if not (accession or patient):
        raise ConfigError("give an accession number or a patient ID")
    no_job_has_it = ""
    return JobSearch(
        accession_hmac=(key.accession(accession) if key else no_job_has_it) if accession else None,
        patient_hmac=(key.patient(patient) if key else no_job_has_it) if patient else None,
    )


def _page(
    request: Request,
    site: Site,
    *,
    asked: JobFilter,
    found: FoundJobs | None = None,
    pages: Pages | None = None,
    problem: str = "",
    looked_for: str = "",
) -> Response:
    searching = site.ledger.searching
    answered: dict[int, datetime] = searching.answered_at(found.jobs) if found else {}
    return render(
        request,
        "series.html",
        asked=asked,
        found=found,
        answered=answered,
        pages=pages or Pages(),
        problem=problem,
        looked_for=looked_for,
        sources=sources(site),
        states=STATES,
        outcomes=OUTCOMES,
        nothing_received=searching.newest_id() is None,
        has_old_ones=bool(looked_for) and searching.has_jobs_without_search_terms(),
    )


routes = [looks("/series", show), asks("/series/find", find)]
