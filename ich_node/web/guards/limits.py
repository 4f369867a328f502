"""How many requests at once, how much of each, how long it may take to arrive."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ich_node.web.errors import error_page

MOST_AT_ONCE = 100
MOST_STREAMS = 50  # server-sent events: a page that is open keeps one
MOST_BYTES = 10_000_000  # of a body
BODY_SECONDS = 60.0
EVENT_STREAM = "text/event-stream"


class BodyTooLarge(Exception):
    """More than MOST_BYTES."""


class BodyTooSlow(Exception):
    """It took longer than BODY_SECONDS."""


class AtOnce:
    """More requests than we answer at once are told to come again."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._requests, self._streams = 0, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._requests >= MOST_AT_ONCE or self._streams >= MOST_STREAMS:
            is_stream = EVENT_STREAM in Headers(scope=scope).get("accept", "")
            if self._requests >= MOST_AT_ONCE or is_stream:
                await error_page(503, "busy", retry_after=2)(scope, receive, send)
                return
        self._requests += 1
        streams = False

        async def watched(message: Message) -> None:
            nonlocal streams
            if message["type"] == "http.response.start" and not streams:
                kind = Headers(raw=message.get("headers", [])).get("content-type", "")
                if kind.startswith(EVENT_STREAM):  # it stays open, and needs no thread
                    streams = True
                    self._requests -= 1
                    self._streams += 1
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            if streams:
                self._streams -= 1
            else:
                self._requests -= 1


class BodyLimit:
    """A body that is too large, or comes too slowly, is not read to its end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stated = Headers(scope=scope).get("content-length", "0")
        if not stated.isdecimal() or int(stated) > MOST_BYTES:
            await error_page(413, "body", most=MOST_BYTES)(scope, receive, send)
            return
        deadline = asyncio.get_running_loop().time() + BODY_SECONDS
        count, is_whole, has_begun = 0, False, False

        async def limited() -> Message:
            nonlocal count, is_whole
            if is_whole:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise BodyTooSlow from None
            count += len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            if count > MOST_BYTES:
                raise BodyTooLarge
            return message

        async def noted(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, limited, noted)
        except BodyTooLarge:
            if not has_begun:
                await error_page(413, "body", most=MOST_BYTES)(scope, receive, send)
        except BodyTooSlow:
            if not has_begun:
                await error_page(408, "slow")(scope, receive, send)
