"""A wheel of ich-node, and what pip notes of one that it has installed."""

import hashlib
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ich_node.errors import ConfigError

NAME = re.compile(r"ich_node-(?P<version>[^-]+)(-\d[^-]*)?-py3-none-any\.whl")
CONSTRAINTS = "ich_node/shipped/constraints.txt"


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """path: of the file, which is there."""

    path: Path
    version: str

    @property
    def sha256(self) -> str:
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def constraints(self) -> str:
        """The versions of other packages with which it was tested."""
        with zipfile.ZipFile(self.path) as files:
            return files.read(CONSTRAINTS).decode()


def open_wheel(path: Path, *, version: str) -> Wheel:
    """version: of the ich-node that runs, which is the only one that it can make a service of.

    Raises ConfigError.
    """
    match = NAME.fullmatch(path.name)
    if match is None:
        raise ConfigError(f"--wheel {path}: a file ich_node-VERSION-py3-none-any.whl is wanted")
    try:
        with zipfile.ZipFile(path) as files:
            files.getinfo(CONSTRAINTS)
    except FileNotFoundError as error:
        raise ConfigError(f"--wheel {path}: there is no such file") from error
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise ConfigError(f"--wheel {path}: it is no whole wheel of ich-node ({error})") from error
    if match["version"] != version:
        raise ConfigError(
            f"--wheel {path.name} is of version {match['version']}, and this is ich-node {version}:"
            " units and program belong together. Install that wheel into an empty environment, and"
            " call install-service of that ich-node"
        )
    return Wheel(path=path.absolute(), version=match["version"])


def installed_from(direct_url: str | None) -> Path | None:
    """The wheel that pip was given, if it is still the same file. direct_url: the text of
    direct_url.json (PEP 610).
    """
    noted = _noted(direct_url)
    url = urlsplit(str(noted.get("url", "")))
    path = Path(unquote(url.path))
    if url.scheme != "file" or NAME.fullmatch(path.name) is None or not path.is_file():
        return None
    with path.open("rb") as file:
        same = hashlib.file_digest(file, "sha256").hexdigest() == noted_sha256(direct_url)
    return path if same else None


def noted_sha256(direct_url: str | None) -> str | None:
    """Of the wheel that pip was given."""
    archive: dict[str, Any] = _noted(direct_url).get("archive_info", {})
    # pip before 23.1, which Debian 12 has, notes it in one text
    earlier = str(archive.get("hash", "")).removeprefix("sha256=")
    return archive.get("hashes", {}).get("sha256") or earlier or None


def _noted(direct_url: str | None) -> dict[str, Any]:
    found = json.loads(direct_url) if direct_url else {}
    return found if isinstance(found, dict) else {}
