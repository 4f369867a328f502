"""The code of other versions: of earlier ones from the history of this repository, of the next one
made from this tree.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from ich_node.ledger.schema import HEAD
from tests.support import REPOSITORY

# Before the first release: what nodes were installed from, and the last commit without `migrate`.
COMMITS = {
    "9b10dc0": "9b10dc0e2bfe2d98be7776e59cccff4e75bf8aab",
    "1d33a97": "1d33a97a161061d4c6320195928cb1f49896da94",
}
NEXT = f"{int(HEAD) + 1:04}"
MIGRATION = f'''"""What the version after this one adds."""

import sqlalchemy as sa
from alembic import op

revision = "{NEXT}"
down_revision = "{HEAD}"
usable_from = "{HEAD}"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("added_later", sa.Text(), nullable=True))
    op.create_index("ix_jobs_added_later", "jobs", ["added_later"])
'''


@dataclass(frozen=True, kw_only=True)
class Version:
    """folder: has the packages of that version; the libraries are today's."""

    name: str
    folder: Path

    def command(self, python: str, config: Path, *arguments: str) -> list[str]:
        return [python, "-m", "ich_node", "--config", str(config), *arguments]

    @property
    def environment(self) -> dict[str, str]:
        """Without settings of the tests, which that version may not know."""
        ours = {name: value for name, value in os.environ.items() if "ICHNODE_" not in name}
        return {**ours, "PYTHONPATH": str(self.folder), "OMP_NUM_THREADS": "1"}


def released() -> Sequence[str]:
    """The names of all that a node may be upgraded from, the oldest first: commits, and tags v*."""
    tags = _git("tag", "--list", "v*", "--sort=version:refname").stdout.split()
    return (*COMMITS, *tags)


@cache
def earlier(name: str, folder: Path) -> Version:
    """Skips the test if the clone lacks the history."""
    commit = COMMITS.get(name, name)
    if _git("cat-file", "-e", f"{commit}^{{commit}}").returncode != 0:
        pytest.skip(f"this clone has no commit {name}: git fetch --unshallow --tags")
    made = folder / name
    made.mkdir()
    archive = subprocess.run(
        ["git", "archive", commit, "ich_node", "config.toml"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
    )
    subprocess.run(["tar", "x", "-C", str(made)], input=archive.stdout, check=True)
    return Version(name=name, folder=made)


def this() -> Version:
    return Version(name="this", folder=REPOSITORY)


@cache
def following(folder: Path) -> Version:
    """This version with one more migration, which only adds."""
    made = folder / "next"
    shutil.copytree(
        REPOSITORY / "ich_node",
        made / "ich_node",
        ignore=shutil.ignore_patterns("__pycache__", "shipped"),
    )
    migrations = made / "ich_node" / "ledger" / "migrations" / "versions"
    (migrations / f"{NEXT}_later.py").write_text(MIGRATION)
    _replace(made / "ich_node" / "ledger" / "schema.py", f'HEAD = "{HEAD}"', f'HEAD = "{NEXT}"')
    _replace(
        made / "ich_node" / "ledger" / "tables.py",
        '    sa.Column("reader_killed_at", UtcDateTime),\n',
        '    sa.Column("reader_killed_at", UtcDateTime),\n    sa.Column("added_later", sa.Text),\n',
    )
    return Version(name="next", folder=made)


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, (path, old)
    path.write_text(text.replace(old, new))


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
