"""Which bundle reads: the activated one, else the configured one, else the shipped one."""

from pathlib import Path
from typing import TYPE_CHECKING

from ich_node.errors import BundleError
from ich_node.ledger import ActivationLedger
from ich_node.model.bundle_file import open_bundle, read_header, shipped_bundle

if TYPE_CHECKING:  # it imports torch, which `ich-node model list` need not wait for
    from ich_node.model.bundle import Bundle


def active_path(ledger: ActivationLedger, configured: Path | None) -> Path:
    """configured: [bundle] path. Raises Unavailable."""
    activation = ledger.active_bundle()
    return Path(activation.path) if activation else path_without_activation(configured)


def path_without_activation(configured: Path | None) -> Path:
    """configured: [bundle] path."""
    return configured or shipped_bundle()


def references_of_active(
    ledger: ActivationLedger, configured: Path | None
) -> dict[str, tuple[float, ...]]:
    """The scores that the bundle that reads now has with it, by its hash; none if its file cannot
    be read here. Raises Unavailable.
    """
    try:
        header = read_header(active_path(ledger, configured))
    except BundleError:
        return {}
    return {header.sha256: header.reference_scores}


class ActiveBundle:
    """Keeps the active bundle open and opens the next one when that is activated."""

    def __init__(self, *, ledger: ActivationLedger, configured: Path | None) -> None:
        self._ledger = ledger
        self._configured = configured
        self._open: Bundle | None = None
        self._opened: tuple[Path, int] | None = None

    def use(self, configured: Path | None) -> None:
        """[bundle] path, from the next job on."""
        self._configured = configured

    def current(self) -> "Bundle":
        """The same object until another bundle is activated or the file changes.

        Raises BundleError, Unavailable.
        """
        path = active_path(self._ledger, self._configured)
        try:
            version = (path, path.stat().st_mtime_ns)
        except OSError as error:
            raise BundleError(f"{path}: cannot read the bundle: {error.strerror}") from error
        if self._open is None or version != self._opened:
            self._open, self._opened = open_bundle(path), version
        return self._open
