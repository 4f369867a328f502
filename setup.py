"""The version of a wheel, from git. Everything else is in pyproject.toml.

A commit with a tag, e.g. v0.2.0, is 0.2.0. Any other is a build before the next release, e.g.
0.2.0.dev20261129+g1d33a97: the day of the commit, its hash, and whether files were changed after
it. Neither needs the tags or the history of the repository, which a shallow clone lacks. Without
git it is the version of the source tree, 0.2.0.dev0.

`ich_node.__version__` is that of the source tree; in the wheel that line has the wheel's version,
because asking the metadata takes 0.05 s at each start.
"""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from setuptools import setup
from setuptools.command.build_py import build_py

if TYPE_CHECKING:
    from setuptools_scm import ScmVersion

LINE = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)
PLACE = Path("ich_node", "__init__.py")

# The rights of files are in the wheel, which is to have the same bytes wherever it is built.
os.umask(0o022)
for copied in ("LICENSE", "NOTICE"):
    Path(copied).chmod(0o644)


def version_of_source_tree() -> str:
    found = LINE.search(PLACE.read_text(encoding="utf-8"))
    assert found, f"{PLACE} has no __version__"
    return found[1]


def release_or_day(version: "ScmVersion") -> str:
    if version.exact:
        return str(version.tag)
    next_release = version_of_source_tree().removesuffix(".dev0")
    return f"{next_release}.dev{version.node_date:%Y%m%d}"


class BuildWithVersion(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:  # the source tree itself
            return
        built = Path(self.build_lib) / PLACE
        line = f'__version__ = "{self.distribution.get_version()}"'
        built.write_text(LINE.sub(line, PLACE.read_text(encoding="utf-8")), encoding="utf-8")
        for path in Path(self.build_lib).rglob("*"):
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


setup(
    cmdclass={"build_py": BuildWithVersion},
    use_scm_version={
        "version_scheme": release_or_day,
        "local_scheme": "node-and-date",
        "fallback_version": version_of_source_tree(),
    },
)
