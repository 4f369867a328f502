"""`make demo-web`: the site with something to see."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.peers import free_port


@pytest.mark.extended
def test_it_prints_the_address_and_works_twice(tmp_path: Path) -> None:
    """The token in the address signs in; ctrl-C ends it, and nothing is left that runs."""
    port = str(free_port())
    for _ in range(2):
        demo = subprocess.Popen(
            [sys.executable, "-m", "ich_node", "demo-web", "--out", str(tmp_path), "--port", port],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "ICH_NODE_WHO": "Ada L"},
        )
        assert demo.stdout is not None
        line = demo.stdout.readline()
        found = re.fullmatch(
            rf"the site: (http://127.0.0.1:{port})/sign-in#token=([\w-]+)&name=Ada%20L\n", line
        )
        assert found, line
        with httpx.Client(base_url=found[1], headers={"Origin": found[1]}, timeout=60) as client:
            answer = client.post("/sign-in", data={"name": "Ada L", "token": found[2]})
            assert (answer.status_code, client.get("/").status_code) == (303, 200)
        assert demo.stdout.readline().startswith("four studies arrive")
        assert demo.stdout.readline() == "all were acknowledged; they are read now\n"
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0
        assert demo.stdout.read() == "ended\n"
        demo.stdout.close()
        with pytest.raises(httpx.ConnectError):
            httpx.get(found[1])
