"""Which code reads: of two builds of one version, or two states of a source tree, the network's
answers need not be the same.
"""

import hashlib
from functools import cache
from pathlib import Path

import ich_node

# From the object's bytes to the network's answer.
ROOMS = ("detection", "dicom", "model", "series")


@cache
def digest_of_reading_code() -> str:
    """16 hexadecimal digits, of the names and the bytes of all files of these rooms."""
    package = Path(ich_node.__file__).parent
    digest = hashlib.sha256()
    for room in ROOMS:
        for path in sorted((package / room).rglob("*")):
            if path.suffix in (".py", ".toml"):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                digest.update(f"{path.relative_to(package).as_posix()} {content}\n".encode())
    return digest.hexdigest()[:16]
