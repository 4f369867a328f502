"""`echo` describes in words what a peer answers: an administrator reads it first when a connection
does not work.
"""

import socket
import threading
from pathlib import Path

import pytest

from ich_node.config.destinations import DicomDestination
from ich_node.deliver.echo import echo
from tests.support.peers import free_port, pacs, storescp


def destination(port: int, *, ae_title: str = "PACS", host: str = "127.0.0.1") -> DicomDestination:
    return DicomDestination(name="archive", ae_title=ae_title, host=host, port=port)


def test_a_peer_that_answers() -> None:
    """0x0000 is ok, and the sentence names the peer and who asked."""
    with pacs() as peer:
        result = echo(destination(peer.port), "ICHNODE")
    assert result.ok
    assert result.words == f"archive (PACS at 127.0.0.1:{peer.port}): answers C-ECHO to 'ICHNODE'"


def test_dcmtk_s_storescp_answers(tmp_path: Path) -> None:
    """A real peer answers, too."""
    with storescp(tmp_path / "got") as port:
        assert echo(destination(port), "ICHNODE").ok


def test_our_ae_title_is_not_on_the_peer_s_list() -> None:
    """The most frequent mistake: the answer says which administrator must do what."""
    with pacs(calling_ae_titles=["SOMEBODY"]) as peer:
        result = echo(destination(peer.port), "ICHNODE")
    assert not result.ok
    assert (
        "the peer rejects our calling AE title 'ICHNODE': its administrator must add it"
        in result.words
    )
    assert "(permanent; result 1, source 1, reason 3)" in result.words


def test_the_peer_has_another_ae_title() -> None:
    """A wrong called AE title is ours to correct."""
    with pacs() as peer:
        result = echo(destination(peer.port, ae_title="WRONG"), "ICHNODE")
    assert not result.ok
    assert (
        "the peer does not know the called AE title 'WRONG': correct ae_title of this destination"
        in result.words
    )


def test_nobody_listens() -> None:
    """A closed port is said to be one."""
    result = echo(destination(port := free_port()), "ICHNODE")
    assert not result.ok
    assert f"nothing answers at 127.0.0.1:{port}" in result.words


def test_a_host_name_that_does_not_exist() -> None:
    """A name is resolved before anything is sent; .invalid never is."""
    result = echo(destination(104, host="pacs.invalid"), "ICHNODE")
    assert not result.ok
    assert "the host name 'pacs.invalid' cannot be resolved" in result.words


def test_a_peer_without_verification() -> None:
    """An association in which C-ECHO was not accepted is no answer."""
    with pacs(verification=False) as peer:
        result = echo(destination(peer.port), "ICHNODE")
    assert not result.ok
    assert (
        "accepts the association but none of what we propose: Verification SOP Class"
        in result.words
    )


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=["closes", "speaks HTTP"]
)
def test_what_listens_is_no_dicom(answer: bytes) -> None:
    """A web server on the port does not hang us and does not crash us."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        result = echo(destination(server.getsockname()[1]), "ICHNODE")
        thread.join()
    assert not result.ok
    assert "the peer" in result.words
