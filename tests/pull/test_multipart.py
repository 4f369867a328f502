"""The parts of an answer, however it is cut."""

import pytest

from ich_node.errors import PeerUnavailable
from ich_node.pull.multipart import boundary_of, parts

FIRST, SECOND = b"\x00" * 20 + b"--abd\r\n--ab" + b"\r\n" * 3, bytes(range(256)) * 3
ANSWER = (
    b"--abc\r\nContent-Type: application/dicom\r\nContent-Length: 40\r\n\r\n"
    + FIRST
    + b"\r\n--abc  \r\n\r\n"
    + SECOND
    + b"\r\n--abc--\r\nepilogue"
)


def cut(answer: bytes, size: int) -> list[bytes]:
    return [answer[start : start + size] for start in range(0, len(answer), size)]


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
@pytest.mark.parametrize("before", [b"", b"\r\n", b"preamble\r\n"])
def test_parts_are_found_wherever_chunks_end(size, before):
    """With and without headers, after a preamble, with bytes that resemble a boundary."""
    assert list(parts(cut(before + ANSWER, size), b"abc", most_bytes=2_000)) == [FIRST, SECOND]


def test_an_answer_that_breaks_off_is_not_taken_for_whole():
    """The parts before are given, then an error; also where no boundary ever came."""
    for end in (0, 30, len(ANSWER) - 300, len(ANSWER) - 11):
        with pytest.raises(PeerUnavailable, match="breaks off"):
            list(parts(cut(ANSWER[:end], 64), b"abc", most_bytes=2_000))


def test_a_part_has_a_limit():
    """An endless object fills no memory."""
    endless = (b"x" * 1_000 for _ in range(10**9))
    with pytest.raises(PeerUnavailable, match="more than 5000 bytes"):
        list(parts(endless, b"abc", most_bytes=5_000))


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ('multipart/related; type="application/dicom"; boundary=abc', b"abc"),
        ('Multipart/Related;boundary="a;b c";type="application/dicom"', b"a;b c"),
        ("application/json", None),
        ("multipart/related", None),
    ],
)
def test_the_boundary_is_a_parameter_of_the_type(content_type, boundary):
    """Quoted or not."""
    assert boundary_of(content_type) == boundary
