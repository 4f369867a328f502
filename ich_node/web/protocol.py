"""HTTP on a connection, with a deadline for the head of each request.

uvicorn waits for it for ever: peers that send a byte now and then would take all connections.
"""

import asyncio

from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 15.0
EVENT_STREAM = b"text/event-stream"


class PromptProtocol(H11Protocol):
    """A connection that asks for nothing is closed."""

    _deadline: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    @override
    def handle_events(self) -> None:
        super().handle_events()
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()  # it is being answered
        elif self._deadline is None:
            self._await_head()

    @property
    def is_stream(self) -> bool:
        """Whether it gets server-sent events now."""
        is_answered = self.cycle is not None and not self.cycle.response_complete
        return is_answered and (b"accept", EVENT_STREAM) in self.headers

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.abort()
