"""Bundle files: the shipped one, and how any of them is opened."""

from importlib.resources import files
from pathlib import Path

from ich_node.errors import BundleError
from ich_node.model.bundle import Bundle, load_bundle

SHIPPED = "phantom-demonstration.safetensors"


def shipped_bundle() -> Path:
    """The bundle inside the package: trained on phantoms alone, for demonstration."""
    return Path(str(files("ich_node") / "bundles" / SHIPPED))


def open_bundle(path: Path) -> Bundle:
    """Read and verify a bundle file. Raises BundleError with the path and the remedy."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: cannot read the bundle: {error.strerror}") from error
    return load_bundle(data, origin=str(path))
