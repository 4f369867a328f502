"""Whether the bundle that reads is a demonstration model: every page then says so."""

from functools import lru_cache
from pathlib import Path

from ich_node.analyse.active_bundle import active_path
from ich_node.errors import BundleError
from ich_node.model.bundle_file import read_header
from ich_node.web.site import Site


def is_demonstration(site: Site) -> bool:
    """False as well if the bundle cannot be read: nothing is then read with it."""
    path = active_path(site.ledger.activations, site.config().bundle.path)
    try:
        return _of_file(path, path.stat().st_mtime_ns)
    except (BundleError, OSError):
        return False


@lru_cache(maxsize=8)
def _of_file(path: Path, _version: int) -> bool:
    return read_header(path).demonstration
