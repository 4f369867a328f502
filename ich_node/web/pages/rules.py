"""Rules: those that hold, what they say about one received series, and drafts that are tried.

A look alone: nothing is changed, and a draft is kept nowhere.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ich_node.answer import Answer
from ich_node.config.draft_rules import draft_rules
from ich_node.errors import IchNodeError
from ich_node.ledger import Job
from ich_node.series.shipped_rules import SHIPPED
from ich_node.web.command import run_command
from ich_node.web.numbers import number_of
from ich_node.web.page import looks
from ich_node.web.rendering import render
from ich_node.web.site import Site
from ich_node.web.visitor import visitor_of

NEWEST = (10, 20, 50)
USUAL_NEWEST = 20


@dataclass(frozen=True, kw_only=True)
class Tried:
    """trials: of the newest series, or of the one that was chosen. mistake: in the draft; then
    there are none. positives: how many the draft would keep without an answer that is positive.
    """

    trials: tuple[Any, ...] = ()
    mistake: str = ""

    @property
    def matching(self) -> int:
        return sum(trial.matches for trial in self.trials)

    @property
    def changing(self) -> int:
        return sum(trial.changes for trial in self.trials)

    @property
    def positives(self) -> int:
        return sum(
            trial.job.answer is Answer.PRESENT and trial.then.action in ("refuse", "hold")
            for trial in self.trials
            if trial.matches
        )


@dataclass(frozen=True, kw_only=True)
class Explained:
    """What `ich-node explain` says of a job; mistake: why it does not."""

    document: Mapping[str, Any] | None = None
    mistake: str = ""


def show(request: Request, site: Site) -> Response:
    word, draft = (request.query_params.get(name, "") for name in ("job", "draft"))
    newest = request.query_params.get("newest", "")
    count = int(newest) if newest in {str(number) for number in NEWEST} else USUAL_NEWEST
    job = _job(site, word)
    config = site.config()
    wants_explanation = bool(word) and "draft" not in request.query_params
    return render(
        request,
        "rules.html",
        word=word,
        draft=draft,
        count=count,
        counts=NEWEST,
        job=job,
        explained=_explained(request, site, job) if job and wants_explanation else None,
        tried=_tried(site, draft, job, count) if draft and (job or not word) else None,
        rules=[rule for rule in config.rules if rule.name not in SHIPPED],
        shipped=SHIPPED.values(),
        taken_away={rule.name: rule for rule in config.rules if rule.name in SHIPPED},
        config_path=site.config_path,
    )


def _job(site: Site, word: str) -> Job | None:
    """By its number, or by the end of a series UID that only one series has."""
    word = word.strip().lstrip("….")
    number = number_of(word)
    if number is not None:
        found = site.ledger.operator.get(number)
        if found is not None:
            return found
    of_uid = site.ledger.searching.by_uid(word) if len(word) >= 8 else []
    return of_uid[0] if len(of_uid) == 1 else None


def _explained(request: Request, site: Site, job: Job) -> Explained:
    try:
        who = visitor_of(request).who
        printed = run_command(site, "explain", "--json", "--", f"job={job.id}", who=who).done()
    except IchNodeError as error:
        return Explained(mistake=error.detail)
    return Explained(document=json.loads(printed)["series"][0])


def _tried(site: Site, draft: str, job: Job | None, count: int) -> Tried:
    from ich_node.study.rule_trial import tried  # what reads headers is large

    config, ledger = site.config(), site.ledger.operator
    try:
        trials = tried(
            draft_rules(draft, config.sources),
            [job] if job else ledger.list(limit=count),
            config=config,
            spool=site.spool,
            instances=ledger.instances,
        )
        return Tried(trials=tuple(trials))
    except IchNodeError as error:
        return Tried(mistake=error.detail)


routes = [looks("/refused/rules", show)]
