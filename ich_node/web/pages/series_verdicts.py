"""What a radiologist says about one series: the visitor is the reader."""

from starlette.datastructures import FormData
from starlette.requests import Request

from ich_node.errors import ConfigError
from ich_node.ledger import SITE, Verdict
from ich_node.near import check_known
from ich_node.verdicts.table import MOST_CHARACTERS
from ich_node.verdicts.words import TYPES, UnknownWord, types_of
from ich_node.web.page import Acted, acts
from ich_node.web.pages.series_actions import acted, job_in
from ich_node.web.site import Site
from ich_node.web.visitor import visitor_of

BLEEDING = {"yes": True, "no": False, "quality": None}
QUALITY = "quality"
TYPE_CHOICES = tuple(each for each in dict.fromkeys(TYPES.values()) if each != QUALITY)


def say(request: Request, site: Site, form: FormData) -> Acted:
    job, who = job_in(request, site), visitor_of(request).who
    said = str(form.get("bleeding", ""))
    check_known(said, list(BLEEDING), what="verdict")
    comment = " ".join(str(form.get("comment", "")).split())
    if len(comment) > MOST_CHARACTERS["comment"]:
        raise ConfigError(f"comment has more than {MOST_CHARACTERS['comment']} characters")
    if comment:
        from ich_node.export.patient_names import check_names_nobody

        check_names_nobody(site.ledger, site.spool, job, comment)
    verdict = Verdict(
        job_id=job.id,
        at=site.clock(),
        bleeding=BLEEDING[said],
        type=_type(said, str(form.get("type", ""))),
        who=who[: MOST_CHARACTERS["who"]],
        origin=SITE,
        comment=comment,
    )
    site.ledger.verdicts.record([verdict], by=who)
    return acted(job, "verdict", words=verdict.words)


def take_back(request: Request, site: Site, _: FormData) -> Acted:
    """The visitor's own, given on the site."""
    job, who = job_in(request, site), visitor_of(request).who
    removed = site.ledger.verdicts.remove(
        job.id, who=who[: MOST_CHARACTERS["who"]], by=who, now=site.clock(), origin=SITE
    )
    if not removed:
        raise ConfigError(f"job {job.id} has no verdict that {who} gave here")
    return acted(job, "verdict_removed")


def _type(said: str, words: str) -> str:
    """Of a bleed. Raises ConfigError."""
    if said != "yes":
        return QUALITY if said == QUALITY else ""
    try:
        return ", ".join(types_of(words))
    except UnknownWord as error:
        raise ConfigError(str(error)) from error


routes = [
    acts("/series/{word}/verdict", "verdict", say),
    acts("/series/{word}/verdict/remove", "remove verdict", take_back),
]
