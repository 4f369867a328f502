"""`run` keeps its services running; the site is one that nothing else depends on."""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog

from ich_node.processes.supervise import run_all
from tests.support.peers import wait_until


class Services:
    """Stand for the commands, as processes: each writes its process id into a file, then waits. The
    site ends at once with this exit code, as long as there is one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def main(self, arguments: Sequence[str]) -> None:
        name = arguments[0]
        with (self.folder / name).open("a") as file:
            file.write(f"{os.getpid()}\n")
        if name == "web" and (self.folder / "exit").exists():
            sys.exit(int((self.folder / "exit").read_text()))
        while os.read(0, 1):
            pass

    def started(self, name: str) -> list[int]:
        path = self.folder / name
        return [int(line) for line in path.read_text().split()] if path.exists() else []


@contextmanager
def supervised(services: Services) -> Iterator[None]:
    """Until the block ends."""
    stop, turn = threading.Event(), threading.Event()
    supervisor = threading.Thread(
        target=lambda: run_all(
            config=None, stop=stop, turn=turn, main=services.main, with_site=True
        )
    )
    supervisor.start()
    try:
        yield
    finally:
        stop.set()
        turn.set()
        supervisor.join()


def test_a_site_that_cannot_run_ends_nothing_else(tmp_path: Path) -> None:
    """Also with the exit code of a wrong configuration, which ends all if another service has it.
    It is started again, each time later, and is there once it can be.
    """
    services = Services(tmp_path)
    (tmp_path / "exit").write_text("2")
    with structlog.testing.capture_logs() as lines, supervised(services):
        wait_until(lambda: len(services.started("web")) == 2, what="a second start")
        (tmp_path / "exit").unlink()
        wait_until(lambda: len(services.started("web")) == 3, what="a third start")
        wait_until(lambda: len(services.started("send")) == 1, what="send")
        os.kill(services.started("web")[-1], signal.SIGKILL)
        wait_until(
            lambda: (
                [line["exit_status"] for line in lines if line["event"] == "process_died"]
                == [2, 2, -9]
            ),
            what="the end of the site",
        )
        assert [len(services.started(name)) for name in ("receive", "analyse", "send")] == [1] * 3
    died = [line for line in lines if line["event"] == "process_died"]
    assert [(line["name"], line["action"]) for line in died] == [
        ("web", "restarted in 2 s"),
        ("web", "restarted in 4 s"),
        ("web", "restarted in 8 s"),
    ]
