"""The parts of a multipart/related answer while it arrives (RFC 2046 §5.1, RFC 2387)."""

import re
from collections.abc import Iterable, Iterator

from ich_node.errors import PeerUnavailable

LARGEST_HEADER_BYTES = 16_384
NEW_LINE = b"\r\n"


def boundary_of(content_type: str) -> bytes | None:
    """None if it is no multipart."""
    media_type, _, parameters = content_type.partition(";")
    found = re.search(r'(?:^|;)\s*boundary\s*=\s*(?:"([^"]+)"|([^;\s]+))', parameters, re.I)
    if media_type.strip().lower() != "multipart/related" or found is None:
        return None
    return (found[1] or found[2]).encode("latin-1", "replace")


def parts(chunks: Iterable[bytes], boundary: bytes, *, most_bytes: int) -> Iterator[bytes]:
    """The content of each part, without its headers. Raises PeerUnavailable if the answer ends
    before its last boundary, or if a part has more than most_bytes.
    """
    delimiter = NEW_LINE + b"--" + boundary
    # the first delimiter may be the first line
    buffer, searched, is_before_first = bytearray(NEW_LINE), 0, True
    for chunk in chunks:
        buffer += chunk
        while (at := buffer.find(delimiter, searched)) >= 0:
            if not is_before_first:
                if buffer.startswith(b"--"):  # what follows the last boundary
                    return
                yield _content(buffer[:at])
            del buffer[: at + len(delimiter)]
            searched, is_before_first = 0, False
        searched = max(0, len(buffer) - len(delimiter) + 1)
        if len(buffer) > most_bytes + LARGEST_HEADER_BYTES:
            raise PeerUnavailable(f"an object of the answer has more than {most_bytes} bytes")
    if is_before_first or not buffer.startswith(b"--"):
        raise PeerUnavailable("the answer breaks off before its end")


def _content(part: bytearray) -> bytes:
    """What follows the empty line after the headers of a part."""
    part = part[part.find(NEW_LINE) :] if part else part  # padding after the boundary
    end = part.find(NEW_LINE * 2, 0, LARGEST_HEADER_BYTES)
    if end < 0:
        raise PeerUnavailable("a part of the answer has no end of its headers")
    return bytes(part[end + 4 :])
