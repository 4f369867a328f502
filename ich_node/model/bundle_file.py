"""Bundle files on disk: the shipped one, the header of any, and how one is opened to be used."""

import hashlib
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from ich_node.errors import BundleError
from ich_node.model.bundle_header import BundleHeader, parse_header

if TYPE_CHECKING:
    from ich_node.model.bundle import Bundle

SHIPPED = "phantom-demonstration.safetensors"


def shipped_bundle() -> Path:
    """The bundle inside the package: trained on phantoms alone, for demonstration."""
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
    return parse_header(_bytes_of(path), origin=str(path))


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
        raise BundleError(f"{path}: cannot read the bundle: {error.strerror}") from error
