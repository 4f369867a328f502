"""An empty folder, on a machine where the ports of docs/quickstart.md are free."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.peers import is_listening, need

PORTS = (11112, 8104, 4243, 8043)


@contextmanager
def state(folder: Path) -> Iterator[Path]:
    need("Orthanc")
    taken = [port for port in PORTS if is_listening(port)]
    if taken:
        pytest.skip(f"something listens on {taken}")
    yield folder / "my.toml"
