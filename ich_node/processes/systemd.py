"""sd_notify: a service reports to systemd that it is ready, and that it is alive. Without systemd
nothing is sent.
"""

import contextlib
import os
import socket

READY, ALIVE = "READY=1", "WATCHDOG=1"


def tell_systemd(state: str) -> None:
    """state: lines of sd_notify, e.g. READY. Never raises and never blocks: a lost notification
    must not stop a service.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # an abstract address, which begins with a zero byte
        address = "\0" + address[1:]
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager,
    ):
        manager.setblocking(False)
        manager.sendto(state.encode(), address)
