"""Which bundle reads: the activated one, else the configured one, else the shipped one."""

from pathlib import Path

from ich_node.errors import BundleError
from ich_node.ledger import ActivationLedger
from ich_node.model.bundle import Bundle
from ich_node.model.bundle_file import open_bundle, shipped_bundle


class ActiveBundle:
    """Keeps the current bundle open and notices when another one is activated."""

    def __init__(self, ledger: ActivationLedger, configured: Path | None) -> None:
        self._ledger = ledger
        self._configured = configured
        self._open: Bundle | None = None
        self._key: tuple[Path, int] | None = None

    def current_path(self) -> Path:
        activation = self._ledger.active_bundle()
        return Path(activation.path) if activation else self._configured or shipped_bundle()

    def current(self) -> Bundle:
        """The same object until the choice, or the file behind it, changes. Raises BundleError."""
        path = self.current_path()
        try:
            key = (path, path.stat().st_mtime_ns)
        except OSError as error:
            raise BundleError(f"{path}: cannot read the bundle: {error.strerror}") from error
        if self._open is None or key != self._key:
            self._open, self._key = open_bundle(path), key
        return self._open
