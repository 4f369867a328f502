"""What a service tells systemd (sd_notify): that it is ready, that it is alive. Without systemd it
tells nobody.
"""

import contextlib
import os
import socket

READY, ALIVE = "READY=1", "WATCHDOG=1"


def tell_systemd(state: str) -> None:
    """Never fails, and never waits: a service that cannot say that it is well is well all the same."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager,
    ):
        manager.setblocking(False)
        # "@" stands for the zero byte of an abstract address
        manager.sendto(
            state.encode("ascii"),
            address.replace("@", "\0", 1) if address.startswith("@") else address,
        )
