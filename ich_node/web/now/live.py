"""One reader of the facts for all browsers, and a stream of server-sent events for each of them."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from ich_node.errors import Unavailable
from ich_node.web.now.facts import Facts, facts_of
from ich_node.web.now.parts import parts_of, shared_parts
from ich_node.web.site import Site
from ich_node.web.visitor import Visitor

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
        self._newest: Look | None = None
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

    async def next(self, seen: int) -> tuple[int, "Look"]:
        """A look with a higher number than the one that was seen last. Whoever comes first makes
        it; the others wait for him.
        """
        async with self._lock:
            if self.reads <= seen or self._newest is None:
                await asyncio.sleep(max(0.0, self._read_at + READ_SECONDS - time.monotonic()))
                self._newest = await run_in_threadpool(_read, self._site)
                self._read_at = time.monotonic()
                self.reads += 1
            return self.reads, self._newest


@dataclass(frozen=True)
class Look:
    """The facts of one moment, and the parts of the page that look the same to everybody."""

    facts: Facts | Unavailable
    shared: Mapping[str, str]


def _read(site: Site) -> Look:
    facts: Facts | Unavailable
    try:
        facts = facts_of(site)
    except Unavailable as error:
        facts = error
    return Look(facts, shared_parts(facts))


async def events(visitor: Visitor, live: Live) -> AsyncIterator[str]:
    """The parts that have changed, again and again. The clock always has: that is the heartbeat."""
    with live.stream(visitor.csrf):
        yield f"retry: {CONNECT_AGAIN_MS}\n\n"
        ends_at = time.monotonic() + STREAM_SECONDS
        sent: dict[str, str] = {}
        seen = 0
        while time.monotonic() < ends_at:
            seen, look = await live.next(seen)
            own = await run_in_threadpool(parts_of, visitor, look.facts)
            parts = {**look.shared, **own}
            changed = {name: text for name, text in parts.items() if sent.get(name) != text}
            yield "".join(_event(name, text) for name, text in changed.items()) or ": \n\n"
            sent |= changed


def _event(name: str, text: str) -> str:
    lines = "\n".join(f"data: {line}" for line in text.splitlines())
    return f"event: {name}\n{lines}\n\n"
