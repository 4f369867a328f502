"""`make demo-web`: the site with something to see."""

from pathlib import Path

import httpx
import pytest

from tests.support.demo_site import DemoSite, demo_site
from tests.support.peers import free_port, is_listening


@pytest.mark.extended
def test_it_prints_the_address_and_works_twice(tmp_path: Path) -> None:
    """The token in the address signs in. It is ended while studies arrive and later, and nothing
    is left that runs.
    """
    port = free_port()
    with demo_site(tmp_path, port=port, who="Ada") as site:
        assert site.address == f"http://127.0.0.1:{port}"
        assert site.lines.readline().startswith("four studies arrive")
    assert not is_listening(port)
    with demo_site(tmp_path, port=port, who="Ada") as site:
        assert signs_in(site)
        assert site.lines.readline().startswith("four studies arrive")
        assert site.lines.readline() == "all were acknowledged; they are read now\n"
    assert not is_listening(port)


def signs_in(site: DemoSite) -> bool:
    """Whether the page Now comes with the token."""
    headers = {"Origin": site.address}
    with httpx.Client(base_url=site.address, headers=headers, timeout=60) as client:
        answer = client.post("/sign-in", data={"name": "Ada", "token": site.token})
        return (answer.status_code, client.get("/").status_code) == (303, 200)
