"""`make links` finds what is gone, with a server of its own."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.project.external_links import asked, links_of
from tests.support.peers import free_port

STATUS = {"/here": 200, "/moved": 301, "/gone": 404, "/forbidden": 403}


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = STATUS[self.path]
        self.send_response(status)
        if status == 301:
            self.send_header("Location", "/here")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_each_address_is_asked_and_what_is_gone_is_named(server: str, tmp_path: Path) -> None:
    """A page that moved is there; one that is refused, or whose server is away, cannot be judged.
    Code has no links.
    """
    document = tmp_path / "page.md"
    nobody = f"http://127.0.0.1:{free_port()}/"
    document.write_text(
        f"# Page\n[a]({server}/here#part) [b]({server}/here)\n```\n[c]({server}/gone)\n```\n"
        f"[d]({server}/moved)\n[e]({server}/gone)\n<{server}/forbidden>\n[f]({nobody})\n"
    )
    links = list(links_of([document]))
    assert [link.place for link in links] == [f"page.md:{n}" for n in (2, 2, 6, 7, 8, 9)]
    answers = asked(links)
    assert [(each.link.line, each.trouble, each.is_gone) for each in answers[:4]] == [
        (2, None, False),
        (6, None, False),
        (7, "status 404", True),
        (8, "status 403", False),
    ]
    assert (answers[4].link.address, answers[4].is_gone) == (nobody, False)
    assert answers[4].trouble is not None
    assert answers[4].trouble.startswith("127.0.0.1: ")
