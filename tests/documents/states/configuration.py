"""A node whose config.toml was just written by `ich-node config init`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ich_node.cli.config import FIRST


@contextmanager
def state(folder: Path) -> Iterator[Path]:
    path = folder / "config.toml"
    path.write_text(FIRST, encoding="utf-8")
    (folder / "typo.toml").write_text(
        FIRST.replace("[[destinations]]", "# [[destinations]]"), encoding="utf-8"
    )
    (folder / "wrong.toml").write_text(
        '[scp]\nprot = 104\n[analysis]\ndevice = "gpu"\n', encoding="utf-8"
    )
    yield path
