"""Two models beside each other: their cards, and what they say about the same series."""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from ich_node.model.card_rows import side_by_side
from ich_node.statistics import pairs
from ich_node.web.page import looks
from ich_node.web.pages.model import bundle_named, bundles_of
from ich_node.web.pages.model_days import DAYS, MOST_PAIRS, days_asked
from ich_node.web.rendering import render
from ich_node.web.site import Site

MOST_SHOWN = 100  # of each kind


def show(request: Request, site: Site) -> Response:
    """a, b: hashes; default: the one that reads now, and the next one."""
    bundles = bundles_of(site)
    chosen = [request.query_params.get(name, "") for name in ("a", "b")]
    a = bundle_named(bundles, chosen[0]) if chosen[0] else bundles[0]
    others = [each for each in bundles if each is not a]
    b = bundle_named(bundles, chosen[1]) if chosen[1] else next(iter(others), a)
    days, now = days_asked(request), site.clock()
    asked = now - timedelta(days=days)
    since = site.ledger.scores.since_of_newest(MOST_PAIRS, since=asked)
    found = site.ledger.comparing.compare(
        a.sha256,
        b.sha256,
        since=since,
        until=now,
        labels=site.ledger.verdicts.labels(since, now),
    )
    labelled = pairs.labelled(found.pairs)
    return render(
        request,
        "model_compare.html",
        bundles=bundles,
        a=a,
        b=b,
        rows=side_by_side(a.header, b.header) if a.header and b.header else None,
        choices=DAYS,
        days=days,
        since=since,
        is_bounded=since > asked,
        found=found,
        table=pairs.table_of(found.pairs),
        only_a=pairs.only(found.pairs, a=True),
        only_b=pairs.only(found.pairs, a=False),
        undetermined=pairs.undetermined(found.pairs),
        labelled=labelled,
        against=pairs.against_verdicts(labelled),
        most=MOST_SHOWN,
    )


routes = [looks("/model/compare", show)]
