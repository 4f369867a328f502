"""A node that has read twelve series; a radiologist has looked at eight of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ich_node.model.bundle_file import read_header
from tests.support.second_model import two_models

WARD = [0.97, 0.95, 0.91, 0.12, 0.2, 0.08, 0.6, 0.7, 0.1, 0.3, 0.15, 0.2]
NEW = [0.99, 0.93, 0.88, 0.05, 0.1, 0.07, 0.2, 0.3, 0.72, 0.1]


@contextmanager
def state(folder: Path) -> Iterator[Path]:
    with two_models(folder) as node:
        header = read_header(node.new)
        node.ledger.shadows.start(
            path=str(node.new),
            sha256=header.sha256,
            name=header.name,
            who="jo",
            why="before the change",
            now=node.first_at,
        )
        ids = node.answer(WARD)
        node.read_beside(NEW)
        node.say([*ids[:3], ids[8]], bleeding=True)
        node.say(ids[3:7], bleeding=False)
        yield node.config
