"""The node of `sound` after a disk was exchanged: a file and the search key are lost, and everybody
may write the configuration.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.documents.states.sound import state as sound


@contextmanager
def state(folder: Path) -> Iterator[Path]:
    with sound(folder) as config:
        folder.chmod(0o755)
        config.chmod(0o666)
        (folder / "search.key").unlink()
        next((folder / "spool" / "objects").glob("*/*.dcm")).unlink()
        yield config
