"""/metrics, /healthz and /readyz: for machines, which carry no token. [web] probes names the
addresses that may ask; what a proxy passes on is asked by somebody else, and is turned away.
"""

import ipaddress
from collections.abc import Callable, Sequence
from datetime import datetime

from prometheus_client.exposition import choose_encoder
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ich_node.config.config import Config
from ich_node.errors import Unavailable
from ich_node.health.checks import Check, is_healthy, is_ready
from ich_node.ledger import Ledger
from ich_node.metrics.collector import registry_of
from ich_node.web.page import site_of
from ich_node.web.site import Site

FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
Checks = Callable[[Ledger, Config, datetime], Sequence[Check]]


def may_ask(request: Request, site: Site) -> bool:
    """Whether this address may, and asks for itself."""
    if request.client is None or any(name in request.headers for name in FORWARDED):
        return False
    address = ipaddress.ip_address(request.client.host)
    # a site that listens on "::" sees IPv4 addresses as ::ffff:a.b.c.d
    address = getattr(address, "ipv4_mapped", None) or address
    return any(
        address in ipaddress.ip_network(network, strict=False)
        for network in site.config().web.probes
    )


def metrics(request: Request, site: Site) -> Response:
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    try:
        text = encode(registry_of(site.ledger, site.config, site.clock))
    except Unavailable as error:
        return PlainTextResponse(error.detail, status_code=503)
    return Response(text, headers={"Content-Type": media_type})


def healthz(_: Request, site: Site) -> Response:
    return _answer(is_healthy, site)


def readyz(_: Request, site: Site) -> Response:
    return _answer(is_ready, site)


def _answer(checks: Checks, site: Site) -> Response:
    """One line for each part."""
    found = checks(site.ledger, site.config(), site.clock())
    is_ok = all(check.is_ok for check in found)
    return JSONResponse(
        {
            "ok": is_ok,
            "parts": {check.part: {"ok": check.is_ok, "detail": check.words} for check in found},
        },
        status_code=200 if is_ok else 503,
        headers={"Cache-Control": "no-store"},
    )


def _probe(path: str, view: Callable[[Request, Site], Response]) -> Route:
    async def endpoint(request: Request) -> Response:
        site = site_of(request)
        if not may_ask(request, site):
            return PlainTextResponse("", status_code=403)
        return await run_in_threadpool(view, request, site)

    return Route(path, endpoint, name=f"{__name__}.{view.__name__}", methods=["GET"])


routes = [_probe("/metrics", metrics), _probe("/healthz", healthz), _probe("/readyz", readyz)]
