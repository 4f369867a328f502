"""`ich-node web` as a process of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.peers import free_port, is_listening, wait_until


@dataclass(frozen=True, kw_only=True)
class WebProcess:
    """log: what it writes to standard error. address: http://127.0.0.1:PORT."""

    process: "subprocess.Popen[bytes]"
    config: Path
    log: Path
    address: str

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    @contextmanager
    def signed_in(self) -> Iterator[httpx.Client]:
        """With the token to operate."""
        token = (self.config.parent / "var/web-operate.token").read_text().strip()
        with httpx.Client(base_url=self.address, headers={"Origin": self.address}) as client:
            answer = client.post("/sign-in", data={"name": "Ada", "token": token})
            assert answer.status_code == 303, answer.text
            yield client


@contextmanager
def web_process(config: Path, *options: str, **settings: str) -> Iterator[WebProcess]:
    """With the configuration in this file, on a free port; it ends with 0. options: of Python."""
    port, log = free_port(), config.parent / "web.log"
    environment = {"ICHNODE__WEB__PORT": str(port), **settings}
    with log.open("wb") as lines:
        process = subprocess.Popen(
            [sys.executable, *options, "-m", "ich_node", "--config", str(config), "web"],
            stderr=lines,
            env={**os.environ, **environment},
        )
    try:
        wait_until(lambda: is_listening(port), seconds=60, what="the site")
        yield WebProcess(
            process=process, config=config, log=log, address=f"http://127.0.0.1:{port}"
        )
    finally:
        process.terminate()
        assert process.wait(30) == 0, log.read_text()[-3000:]


def links(page: str) -> set[str]:
    """The pages of the site to which this one links."""
    return {
        found.replace("&amp;", "&")
        for found in re.findall(r'(?:href|hx-get)="(/[^"#]*)', page)
        if not found.startswith("/static/")
    }
