"""One reader of the facts for all browsers, and a stream of server-sent events for each of them."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from ich_node.errors import Unavailable
from ich_node.web.now.facts import Facts, facts_of
from ich_node.web.now.parts import rendered, rendered_without_facts
from ich_node.web.site import Site
from ich_node.web.visitor import visitor_of

READ_SECONDS = 2.0
# Then the browser connects again, and the guards see whether it still may.
STREAM_SECONDS = 300.0
CONNECT_AGAIN_MS = 1000
MOST_OF_ONE_SESSION = 4  # a browser opens six connections to one server


class Live:
    """The newest facts, read at most every READ_SECONDS, and only while somebody waits for them."""

    def __init__(self, site: Site) -> None:
        self.reads = 0
        self._site = site
        self._lock = asyncio.Lock()
        self._newest: Facts | Unavailable | None = None
        self._read_at = float("-inf")
        self._streams: Counter[str] = Counter()

    def has_room(self, session: str) -> bool:
        """For one more stream; how many all sessions together may have, the guards say."""
        return self._streams[session] < MOST_OF_ONE_SESSION

    @contextmanager
    def stream(self, session: str) -> Iterator[None]:
        """It counts until the block ends."""
        self._streams[session] += 1
        try:
            yield
        finally:
            self._streams[session] -= 1
            self._streams += Counter()  # without those that have none

    @property
    def streams(self) -> int:
        return self._streams.total()

    async def next(self, seen: int) -> tuple[int, Facts | Unavailable]:
        """Facts with a higher number than those that were seen. Whoever comes first reads them; the
        others wait for him.
        """
        async with self._lock:
            if self.reads <= seen or self._newest is None:
                await asyncio.sleep(max(0.0, self._read_at + READ_SECONDS - time.monotonic()))
                self._newest = await run_in_threadpool(_read, self._site)
                self._read_at = time.monotonic()
                self.reads += 1
            return self.reads, self._newest


def _read(site: Site) -> Facts | Unavailable:
    try:
        return facts_of(site)
    except Unavailable as error:
        return error


async def events(request: Request, live: Live) -> AsyncIterator[str]:
    """The parts that have changed, again and again. The clock always has: that is the heartbeat."""
    with live.stream(visitor_of(request).csrf):
        yield f"retry: {CONNECT_AGAIN_MS}\n\n"
        ends_at = time.monotonic() + STREAM_SECONDS
        sent: dict[str, str] = {}
        seen = 0
        while time.monotonic() < ends_at:
            seen, facts = await live.next(seen)
            parts = await run_in_threadpool(_rendered, request, facts)
            changed = {name: text for name, text in parts.items() if sent.get(name) != text}
            yield "".join(_event(name, text) for name, text in changed.items())
            sent |= changed


def _rendered(request: Request, facts: Facts | Unavailable) -> dict[str, str]:
    if isinstance(facts, Unavailable):
        return rendered_without_facts(request, facts)
    return rendered(request, facts)


def _event(name: str, text: str) -> str:
    lines = "\n".join(f"data: {line}" for line in text.splitlines())
    return f"event: {name}\n{lines}\n\n"
