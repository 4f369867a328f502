"""Model: which bundle reads, which others there are, and what was activated when."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ich_node.analyse.node_bundles import BundleUse, NodeBundle, node_bundles
from ich_node.health.services import is_alive
from ich_node.model.bundle_file import KEPT_IN
from ich_node.model.card_rows import detail_rows
from ich_node.web.page import looks
from ich_node.web.rendering import render
from ich_node.web.site import Site

READER = "analyse"
LEAST_DIGITS = 6
MOST_COUNTED = 5000


def bundles_of(site: Site) -> list[NodeBundle]:
    """The one that reads now first."""
    config = site.config()
    return node_bundles(site.ledger, spool=config.spool.path, configured=config.bundle.path)


def others_of(site: Site) -> list[NodeBundle]:
    """Those that could read, without the one that reads now."""
    return [each for each in bundles_of(site)[1:] if each.header is not None]


def bundle_named(bundles: list[NodeBundle], sha256: str) -> NodeBundle:
    """By its hash, or the beginning of it. Raises HTTPException."""
    meant = [each for each in bundles if each.sha256.startswith(sha256.lower())]
    if len(sha256) < LEAST_DIGITS or len(meant) != 1:
        raise HTTPException(404)
    return meant[0]


def show(request: Request, site: Site) -> Response:
    bundles, now = bundles_of(site), site.clock()
    readers = [
        each
        for each in site.ledger.heartbeats.all()
        if each.service == READER and is_alive(each, now)
    ]
    shadow = next((each for each in site.ledger.shadows.history() if not each.stopped_at), None)
    return render(
        request,
        "model.html",
        active=bundles[0],
        readers=readers,
        bundles=bundles,
        activations=site.ledger.activations.activations(),
        shadow=shadow,
        progress=site.ledger.shadows.newest_counts(shadow.bundle_sha256, most=MOST_COUNTED)
        if shadow
        else {},
        most_counted=MOST_COUNTED,
        uses=BundleUse,
        kept_in=site.config().spool.path / KEPT_IN,
    )


def show_bundle(request: Request, site: Site) -> Response:
    bundles = bundles_of(site)
    bundle = bundle_named(bundles, request.path_params["sha256"])
    return render(
        request,
        "model_bundle.html",
        bundle=bundle,
        active=bundles[0],
        others=[each for each in bundles if each is not bundle and each.header is not None],
        uses=BundleUse,
        details=detail_rows(bundle.header) if bundle.header else [],
    )


routes = [
    looks("/model", show),
    looks("/model/bundle/{sha256}", show_bundle),
]
