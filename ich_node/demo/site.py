"""The site with something to see: a node on loopback that has read, refused and still owes."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pydicom import Dataset

from ich_node.config.load import load_config
from ich_node.demo.pacs import LOOPBACK, PacsStandIn
from ich_node.demo.play import (
    START_SECONDS,
    DemoError,
    remove_earlier,
    stop,
    wait_for,
    write_config,
)
from ich_node.phantom import make_study

MORE = """[web]
port = {web_port}
[[destinations]]
name = "archive-that-is-down"
ae_title = "ARCHIVE"
host = "{host}"
port = {closed_port}
only_if_positive = true
"""


def show(
    out: Path,
    *,
    port: int,
    tell: Callable[[str], None],
    address: Callable[[Path], str],
) -> None:
    """Run a node with the site until ctrl-C. port: of the site; another one if it is taken.
    address: where a browser signs in, for a config.toml. tell is called with one line a step.

    What an earlier demonstration left in the folder is removed. Raises DemoError.
    """
    remove_earlier(out)
    with PacsStandIn(out / "received") as pacs:
        config = write_config(out / "node", pacs)
        more = MORE.format(web_port=_free(port), host=LOOPBACK, closed_port=_free(0))
        with config.open("a", encoding="utf-8") as file:
            file.write(more)
        try:
            with _node(config) as node:
                _fill(config, node, pacs, tell, address)
                node.wait()
                raise DemoError(f"the node ended with status {node.returncode}")
        except KeyboardInterrupt:
            tell("ended")


@contextmanager
def _node(config: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`run`, until the block ends; SIGTERM ends the demonstration as ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (config.parent / "log.jsonl").open("wb") as log:
        node = subprocess.Popen(
            [sys.executable, "-m", "ich_node", "--config", str(config), "run"],
            stderr=log,
            env={**os.environ, "ICHNODE__WEB__ENABLED": "true"},
        )
        try:
            yield node
        finally:
            stop(node)
            signal.signal(signal.SIGTERM, before)


def _fill(
    config: Path,
    node: "subprocess.Popen[bytes]",
    pacs: PacsStandIn,
    tell: Callable[[str], None],
    address: Callable[[Path], str],
) -> None:
    """Tells the address as soon as the site answers: series then arrive before one's eyes."""
    settings = load_config(config).config
    log = f"its log is {config.parent / 'log.jsonl'}"
    for port, what in ((settings.web.port, "the site"), (settings.scp.port, "the listener")):
        wait_for(
            lambda port=port: _answers(port),  # type: ignore[misc]
            seconds=START_SECONDS,
            node=node,
            otherwise=f"{what} does not answer; {log}",
        )
    tell(f"the site: {address(config)}")
    tell("four studies arrive; ctrl-C ends all")
    for images in _studies():
        pacs.send(images, port=settings.scp.port, called_ae="ICHNODE")
    tell("all were acknowledged; they are read now")


def _studies() -> Iterator[list[Dataset]]:
    """Two bleeds, no bleed, a bone kernel, which is refused, and one more bleed."""
    yield make_study(7, bleeds=("IPH", "SDH")).datasets()
    yield make_study(8, bleeds=()).datasets()
    sharp = make_study(9, bleeds=()).datasets()
    for image in sharp:
        image.ConvolutionKernel = "H70h"
    yield sharp
    yield make_study(10, bleeds=("EDH",)).datasets()


def _free(port: int) -> int:
    """This port, if nobody has it."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return _free(0)
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0
