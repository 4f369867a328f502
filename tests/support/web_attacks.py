"""What a hostile peer does to the site, in a process of its own.

    python -m tests.support.web_attacks NAME PORT COUNT

writes "in place" when it has begun, and ends when it has sent COUNT requests, or with its input. It
comes from 127.0.0.2, so that its limit is not that of the visitor beside it.
"""

import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

ADDRESS = "127.0.0.2"
GUESS = b"name=Mallory&token=guess"
BURST_THREADS = 8
IN_PLACE = threading.Event()
HELD = 300


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(ADDRESS, 0))


def request(number: int, port: int) -> bytes:
    """Pages, static files, paths that are not there, and guesses of the token, in turn."""
    host = f"Host: 127.0.0.1:{port}\r\n".encode()
    kinds = (
        b"GET / HTTP/1.1\r\n" + host,
        b"GET /static/site.css HTTP/1.1\r\n" + host,
        b"GET /series/%d HTTP/1.1\r\n" % number + host,
        b"POST /sign-in HTTP/1.1\r\n"
        + host
        + b"Origin: http://127.0.0.1:%d\r\n" % port
        + b"Content-Type: application/x-www-form-urlencoded\r\n"
        + b"Content-Length: %d\r\n" % len(GUESS),
        b"GET /sign-in HTTP/1.1\r\nHost: evil.example\r\n",
    )
    kind = kinds[number % len(kinds)]
    return kind + b"Connection: close\r\n\r\n" + (GUESS if kind.startswith(b"POST") else b"")


def burst(port: int, count: int) -> None:
    """So many requests, each on a connection of its own, as fast as they are answered."""

    def send(first: int) -> None:
        for number in range(first, count, BURST_THREADS):
            with suppress(OSError), connect(port) as connection:
                connection.sendall(request(number, port))
                while connection.recv(65_536):
                    pass

    threads = [threading.Thread(target=send, args=(each,)) for each in range(BURST_THREADS)]
    for thread in threads:
        thread.start()
    IN_PLACE.set()
    for thread in threads:
        thread.join()


def silence(port: int, _count: int) -> None:
    """Connections that send nothing."""
    _hold(port, b"")


def slow_head(port: int, _count: int) -> None:
    """Connections that send the head of a request, a byte each half second (slow loris)."""
    _hold(port, b"GET / HTTP/1.1\r\nX: " + b"x" * 10_000)


def slow_body(port: int, _count: int) -> None:
    """Connections that send a body, a byte each half second."""
    head = f"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 1000000\r\n"
    origin = f"Origin: http://127.0.0.1:{port}\r\n"
    kind = "Content-Type: application/x-www-form-urlencoded\r\n"
    _hold(port, b"x" * 10_000, first=f"{head}{origin}{kind}\r\n".encode())


def _hold(port: int, drip: bytes, first: bytes = b"") -> None:
    held: list[socket.socket] = []
    for step in range(len(drip) or 10_000):
        while len(held) < HELD:
            held.append(connect(port))
            with suppress(OSError):
                held[-1].sendall(first)
        for connection in list(held):
            try:
                if drip:
                    connection.sendall(drip[step : step + 1])
                elif connection.recv(1, socket.MSG_DONTWAIT) == b"":
                    raise ConnectionResetError
            except BlockingIOError:
                continue
            except OSError:
                connection.close()
                held.remove(connection)
        IN_PLACE.set()
        time.sleep(0.5)


ATTACKS: dict[str, Callable[[int, int], None]] = {
    "burst": burst,
    "silence": silence,
    "slow_head": slow_head,
    "slow_body": slow_body,
}


def main() -> None:
    name, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    attack = threading.Thread(target=ATTACKS[name], args=(port, count), daemon=True)
    attack.start()
    IN_PLACE.wait()
    sys.stdout.write("in place\n")
    sys.stdout.flush()
    if name == "burst":
        attack.join()
    else:
        sys.stdin.read()


if __name__ == "__main__":
    main()
