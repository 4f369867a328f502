"""`ich-node demo-web` as a process: its address, its token, and what it says."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO


@dataclass(frozen=True, kw_only=True)
class DemoSite:
    """address: http://127.0.0.1:PORT. lines: what it says after the address."""

    address: str
    token: str
    lines: IO[str]


@contextmanager
def demo_site(folder: Path, *, port: int, who: str) -> Iterator[DemoSite]:
    """Until SIGTERM at the end of the block, which ends it as ctrl-C does; what a shell
    runs in the background ignores that. It must then end by itself and say so.
    """
    demo = subprocess.Popen(
        [sys.executable, "-m", "ich_node", "demo-web", "--out", str(folder), "--port", str(port)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "ICH_NODE_WHO": who},
    )
    assert demo.stdout is not None
    with demo.stdout as lines:
        try:
            line = lines.readline()
            found = re.fullmatch(
                r"the site: (http://127\.0\.0\.1:\d+)/sign-in#token=([\w-]+)&name=\w+\n", line
            )
            assert found, line
            yield DemoSite(address=found[1], token=found[2], lines=lines)
        finally:
            demo.send_signal(signal.SIGTERM)
            status = demo.wait(120)
        assert (status, lines.read().splitlines()[-1]) == (0, "ended")
