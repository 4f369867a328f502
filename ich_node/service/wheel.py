"""A wheel of ich-node, and what pip notes of one that it has installed."""

import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ich_node.errors import ConfigError

NAME = re.compile(r"ich_node-(?P<version>[^-]+)(-\d[^-]*)?-py3-none-any\.whl")
RECORD = ".dist-info/RECORD"
CONSTRAINTS = "ich_node/shipped/constraints.txt"


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """path: of the file, which is there."""

    path: Path
    version: str

    def constraints(self) -> str:
        """The versions of other packages with which it was tested."""
        with zipfile.ZipFile(self.path) as files:
            return files.read(CONSTRAINTS).decode()

    def is_installed(self, record: str) -> bool:
        """record: the text of RECORD of an installed ich-node: its files with their hashes. pip
        adds some of its own. Versions alone do not tell two builds apart.
        """
        with zipfile.ZipFile(self.path) as files:
            (name,) = (each for each in files.namelist() if each.endswith(RECORD))
            of_wheel = files.read(name).decode().splitlines()
        with_hash = {line for line in of_wheel if not line.startswith(name)}
        return with_hash <= set(record.splitlines())


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


def installed_from(direct_url: str | None, record: str | None) -> Path | None:
    """The wheel that pip was given, if its file is still that of what is installed. direct_url: the
    text of direct_url.json (PEP 610), which has no hash before pip 23.1; record: of RECORD.
    """
    noted = json.loads(direct_url) if direct_url else {}
    url = urlsplit(str(noted.get("url", "")))
    path = Path(unquote(url.path))
    match = NAME.fullmatch(path.name)
    if url.scheme != "file" or match is None or not zipfile.is_zipfile(path):
        return None
    wheel = Wheel(path=path, version=match["version"])
    return path if record is not None and wheel.is_installed(record) else None
