"""What receiving must cost in Python: bytes from a socket, a synced file, a short answer."""

import os
import socket
import struct
import sys
import threading
from itertools import count
from pathlib import Path

ANSWER = bytes(150)
LENGTH = struct.Struct(">L")


def main(port: int, folder: Path) -> None:
    listener = socket.create_server(("127.0.0.1", port))
    numbers = count()
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_serve, args=(connection, folder, numbers), daemon=True).start()


def send(port: int, objects: list[bytes]) -> None:
    """The other side: each object waits for the answer to the one before."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for data in objects:
            connection.sendall(LENGTH.pack(len(data)) + data)
            connection.recv(len(ANSWER), socket.MSG_WAITALL)


def _serve(connection: socket.socket, folder: Path, numbers: "count[int]") -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = bytearray(131_072)
    with connection:
        while head := connection.recv(LENGTH.size, socket.MSG_WAITALL):
            left = LENGTH.unpack(head)[0]
            with (folder / f"{next(numbers)}").open("wb", buffering=0) as file:
                while left:
                    got = connection.recv_into(buffer, min(left, len(buffer)))
                    file.write(memoryview(buffer)[:got])
                    left -= got
                os.fsync(file.fileno())
            connection.sendall(ANSWER)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
