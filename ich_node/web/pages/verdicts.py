"""The address to which other systems send verdicts, as signed messages; it answers JSON."""

from typing import Any

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ich_node.deliver.secret import read_webhook_secret
from ich_node.errors import ConfigError, IchNodeError, Unavailable
from ich_node.export.patient_names import patient_finder
from ich_node.verdicts.finding import job_finder
from ich_node.verdicts.message import WrongMessage
from ich_node.verdicts.webhook import (
    NoSuchSeries,
    NotSigned,
    Taken,
    WrongVerdicts,
    signed_message,
    take,
)
from ich_node.web.caller import WebCaller
from ich_node.web.page import site_of
from ich_node.web.site import Site

log = structlog.get_logger(__name__)
MOST_BYTES = 1_000_000
STATUS: dict[type[IchNodeError], int] = {
    WrongMessage: 400,
    WrongVerdicts: 400,
    NotSigned: 401,
    NoSuchSeries: 404,
    ConfigError: 500,
    Unavailable: 503,
}


async def receive(request: Request) -> Response:
    """Whoever knows the secret may send; without [verdicts] secret_file nobody may."""
    site = site_of(request)
    if site.config().verdicts.secret_file is None:
        raise HTTPException(404)
    caller: WebCaller = request.state.caller
    if not (caller.is_encrypted or caller.is_near):
        raise HTTPException(403, "plain")
    body = await _body(request)
    if body is None:
        return JSONResponse({"most_bytes": MOST_BYTES}, status_code=413)
    return await run_in_threadpool(_answer, site, body, dict(request.headers), caller.address)


def _answer(site: Site, body: bytes, headers: dict[str, str], address: str) -> Response:
    try:
        taken = _take(site, body, headers, address)
    except (
        WrongMessage,
        WrongVerdicts,
        NotSigned,
        NoSuchSeries,
        ConfigError,
        Unavailable,
    ) as error:
        status = next(code for kind, code in STATUS.items() if isinstance(error, kind))
        log.warning("verdicts_refused", address=address, status=status, reason=error.detail)
        return JSONResponse(_refusal(error), status_code=status)
    log.info("verdicts_noted", address=address, verdicts=len(taken.jobs))
    return JSONResponse(
        {
            "noted": dict(taken.outcomes),
            "jobs": list(taken.jobs),
            "unmatched": list(taken.unmatched),
            "repeated": taken.is_repeated,
        }
    )


def _take(site: Site, body: bytes, headers: dict[str, str], address: str) -> Taken:
    config = site.config()
    assert config.verdicts.secret_file is not None, "receive"
    secret = read_webhook_secret(config.verdicts.secret_file, section="[verdicts]")
    message_id, text = signed_message(body, headers, secret=secret)
    return take(
        text,
        message_id=message_id,
        address=address,
        ledger=site.ledger,
        jobs_of=job_finder(site.ledger, config.database.search_key),
        names_the_patient=patient_finder(site.ledger, site.spool),
        now=site.clock(),
    )


def _refusal(error: IchNodeError) -> dict[str, Any]:
    if isinstance(error, ConfigError):  # where its file lies is nobody's business
        return {"error": ConfigError().detail}
    document: dict[str, Any] = {"error": error.detail}
    if isinstance(error, WrongVerdicts):
        document["verdicts"] = [
            {"verdict": each.line, "error": each.words} for each in error.mistakes
        ]
    return document


async def _body(request: Request) -> bytes | None:
    """None if it is too large."""
    data = bytearray()
    try:
        async for chunk in request.stream():
            data += chunk
            if len(data) > MOST_BYTES:
                return None
    except ClientDisconnect as error:
        raise HTTPException(400, "truncated") from error
    return bytes(data)


routes = [Route("/verdicts", receive, name="verdicts", methods=["POST"])]
