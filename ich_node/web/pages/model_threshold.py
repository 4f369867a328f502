"""Another threshold or rule: what it would change, before anything is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ich_node.errors import BundleError
from ich_node.model.bundle_header import BundleHeader
from ich_node.model.calibration import Calibration
from ich_node.model.moved_rule import moved_with
from ich_node.model.rule_numbers import SENTENCES, present_numbers, rule_number
from ich_node.scoring.operating_point import BINS, histogram
from ich_node.statistics.threshold import scored_series
from ich_node.web.page import looks
from ich_node.web.pages.model import bundle_named, bundles_of
from ich_node.web.pages.model_days import DAYS, MOST_JOBS, days_asked
from ich_node.web.rendering import render
from ich_node.web.site import Site

MOST_SHOWN = 100


@dataclass(frozen=True, kw_only=True)
class TypedRule:
    """What the form says. None: nothing. wrong: sentences about fields that are no such number."""

    threshold: float | None
    marks: Mapping[str, float]
    wrong: tuple[str, ...]


def show(request: Request, site: Site) -> Response:
    bundles = bundles_of(site)
    asked = request.query_params.get("bundle", "")
    bundle = bundle_named(bundles, asked) if asked else bundles[0]
    facts = _facts(request, site, bundle.header) if bundle.header else {}
    return render(
        request,
        "model_threshold.html",
        bundle=bundle,
        bundles=bundles,
        rule=bundle.header.card["peak_rule"] if bundle.header else {},
        choices=DAYS,
        typed={name: request.query_params.get(name, "") for name in SENTENCES},
        **facts,
    )


def show_changes(request: Request, site: Site) -> Response:
    """The part of the page that follows the fields."""
    bundle = bundle_named(bundles_of(site), request.query_params.get("bundle", ""))
    facts = _facts(request, site, bundle.header) if bundle.header else {}
    return render(request, "model_changes.html", bundle=bundle, **facts)


def _facts(request: Request, site: Site, header: BundleHeader) -> dict[str, Any]:
    days, now = days_asked(request), site.clock()
    asked = now - timedelta(days=days)
    read = scored_series(site.ledger, header.lineage, since=asked, until=now, most=MOST_JOBS)
    wanted = _wanted(request.query_params, header)
    before = header.threshold
    after = before if wanted.threshold is None else wanted.threshold
    scores = read.scores
    return {
        "days": days,
        "since": read.since,
        "is_bounded": read.since > asked,
        "wanted": wanted,
        "before": scores.at(before),
        "after": scores.at(after),
        "curve": scores.curve(after, before) if read.found else [],
        "changes": read.changes(before, after),
        "labels": read.labels,
        "known": sum(label is not None for label in read.known),
        "bins": histogram(scores.score_N),
        "bin_count": BINS,
        "moved": {} if wanted.threshold is None else _moved(header, after),
        "most": MOST_SHOWN,
    }


def _wanted(query: Mapping[str, str], header: BundleHeader) -> TypedRule:
    """What is typed and differs from what the bundle has."""
    numbers: dict[str, float] = {}
    wrong = []
    for name, present in present_numbers(header).items():
        text = query.get(name, "").strip()
        if not text:
            continue
        try:
            number = rule_number(name, text)
        except BundleError as error:
            wrong.append(error.detail)
            continue
        if number != present:
            numbers[name] = number
    threshold = numbers.pop("threshold", None)
    return TypedRule(threshold=threshold, marks=numbers, wrong=tuple(wrong))


def _moved(header: BundleHeader, threshold: float) -> dict[str, float]:
    """What moves with the threshold, and to where."""
    present, card = present_numbers(header), header.card
    gate, likelihood = moved_with(
        threshold,
        gate=present["gate"],
        likelihood=present["T"],
        head=card["network_spec"]["head"],
        calibration=Calibration(**card["calibration"]),
    )
    moved = {"gate": gate, "T": likelihood}
    return {name: number for name, number in moved.items() if number != present[name]}


routes = [looks("/model/threshold", show), looks("/model/threshold/changes", show_changes)]
