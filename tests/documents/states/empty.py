"""A node that has just been set up: nothing was received yet."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONFIG = """[database]
url = "sqlite:///{folder}/ledger.sqlite"
[spool]
path = "{folder}/spool"
"""


@contextmanager
def state(folder: Path) -> Iterator[Path]:
    path = folder / "config.toml"
    path.write_text(CONFIG.format(folder=folder), encoding="utf-8")
    yield path
