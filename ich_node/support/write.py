"""All parts in one ZIP file."""

import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

from ich_node.errors import ConfigError
from ich_node.support.support_file import SupportFile

READ_ME = """\
What somebody who helps needs to know about a node of ich-node. No patients, no Series Descriptions,
no pixels; no passwords, tokens or keys. UIDs, names of hosts, AE titles, addresses and paths are in
it. Look at it before you send it to anybody.

{contents}
"""


def write_bundle(parts: Sequence[SupportFile], path: Path) -> list[SupportFile]:
    """What was written. Raises ConfigError if the file exists, or cannot be made; a file that
    could not be finished is removed.
    """
    contents = "\n".join(f"{part.name:<14} {part.what}" for part in parts)
    all_parts = [
        SupportFile(
            name="README.txt", what="what is in it", text=READ_ME.format(contents=contents)
        ),
        *parts,
    ]
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise ConfigError(f"{path} exists and is not overwritten; choose another --out") from error
    except OSError as error:
        raise ConfigError(f"--out: cannot write {path}: {error.strerror}") from error
    try:
        with (
            os.fdopen(descriptor, "wb") as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            for part in all_parts:
                archive.writestr(part.name, part.text)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise ConfigError(f"--out: cannot write {path}: {error.strerror}") from error
    return all_parts
