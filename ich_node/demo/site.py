"""The site with something to see: a node on loopback that has read, refused and still owes."""

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from pydicom import Dataset

from ich_node.config.config import Config
from ich_node.config.load import load_config
from ich_node.demo.folder import demonstration_folder
from ich_node.demo.node import DemoNode, free_port, running, write_config
from ich_node.demo.pacs import LOOPBACK, PacsStandIn
from ich_node.demo.play import START_SECONDS
from ich_node.ledger import open_existing_ledger
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
    try:
        with demonstration_folder(out) as folder, PacsStandIn(folder / "received") as pacs:
            web_port = free_port(port)
            if web_port != port:
                tell(f"port {port} is taken; the site takes {web_port}")
            more = MORE.format(web_port=web_port, host=LOOPBACK, closed_port=free_port())
            config = write_config(folder / "node", pacs, more=more)
            with running(config) as node:
                _fill(config, node, pacs, tell, address)
                node.process.wait()
                raise node.ended()
    except KeyboardInterrupt:
        tell("ended")


def _fill(
    config: Path,
    node: DemoNode,
    pacs: PacsStandIn,
    tell: Callable[[str], None],
    address: Callable[[Path], str],
) -> None:
    """Tells the address as soon as the site answers: series then arrive before one's eyes."""
    settings = load_config(config).config
    for is_up, what in ((_listener_is_up, "the listener"), (_site_is_up, "the site")):
        node.wait_for(
            lambda is_up=is_up: is_up(settings),  # type: ignore[misc]
            seconds=START_SECONDS,
            otherwise=f"{what} does not answer",
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


def _site_is_up(config: Config) -> bool:
    """The ledger says so: another demonstration that began now may have its port."""
    ledger = open_existing_ledger(config.database.url)
    try:
        return any(each.service == "web" and each.is_ready for each in ledger.heartbeats.all())
    finally:
        ledger.dispose()


def _listener_is_up(config: Config) -> bool:
    with closing(socket.socket()) as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, config.scp.port)) == 0
