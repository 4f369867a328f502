"""Bundle files on disk: the shipped one, the header of any, and how one is opened to be used."""

import hashlib
import os
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from ich_node.errors import BundleError
from ich_node.model.bundle_header import LENGTH_BYTES, BundleHeader, header_length, parse_header

if TYPE_CHECKING:
    from ich_node.model.bundle import Bundle

SHIPPED = "tissue-demonstration.safetensors"
KEPT_IN = "bundles"  # the folder in that of the spool


def shipped_bundle() -> Path:
    """The bundle inside the package, for demonstration."""
    return Path(str(files("ich_node") / "bundles" / SHIPPED))


def open_bundle(path: Path) -> "Bundle":
    """Read and verify a bundle file. Raises BundleError with the path and the remedy."""
    # torch takes seconds to import, and `ich-node model list` needs the header only
    from ich_node.model.bundle import load_bundle

    return load_bundle(_bytes_of(path), origin=str(path))


def read_header(path: Path) -> BundleHeader:
    """What the file states about itself; its weights are not verified.

    Raises BundleError if the file cannot be read or is no bundle.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            first = file.read(LENGTH_BYTES)
            header = first + file.read(min(header_length(first), size))
            file.seek(0)
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error
    return parse_header(header, sha256=sha256, origin=str(path))


def known_header(path: Path) -> BundleHeader:
    """The same, quickly where the file has not changed since it was last asked for."""
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    return _header_of_version(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=256)
def _header_of_version(path: Path, _mtime_ns: int, _size: int) -> BundleHeader:
    return read_header(path)


def keep_bundle(data: bytes, folder: Path) -> Path:
    """A copy named after its hash: it is found even if the original was moved or overwritten."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"{hashlib.sha256(data).hexdigest()}.safetensors"
    if not kept.exists():
        temporary = kept.with_suffix(".tmp")
        temporary.write_bytes(data)
        temporary.rename(kept)
    return kept.resolve()


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> BundleError:
    return BundleError(f"{path}: cannot read the bundle: {error.strerror}")
