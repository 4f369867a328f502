"""Wakes a thread that waits for sockets (the self-pipe trick)."""

import socket
from contextlib import suppress


class SelfPipe:
    """A socket that becomes readable when another thread wakes the one that polls it."""

    def __init__(self) -> None:
        self.receiver, self._sender = socket.socketpair()
        for end in (self.receiver, self._sender):
            end.setblocking(False)

    def wake(self) -> None:
        """From any thread, also after `close`."""
        with suppress(OSError):  # a wake-up is pending already, or the pipe is closed
            self._sender.send(b"!")

    def drain(self) -> None:
        """Forget the wake-ups so far. Called by the thread that waits."""
        with suppress(BlockingIOError):
            self.receiver.recv(4096)

    def close(self) -> None:
        self._sender.close()
        self.receiver.close()
