"""The models that are loaded: the active one, and at most one more."""

from collections.abc import Callable
from pathlib import Path

from ich_node.analyse.active_bundle import ActiveBundle
from ich_node.errors import BundleError, Unavailable
from ich_node.model.bundle import Bundle
from ich_node.model.bundle_file import open_bundle
from ich_node.model.detector import Detector


class Detectors:
    """load: a bundle onto its device."""

    def __init__(self, *, active_bundle: ActiveBundle, load: Callable[[Bundle], Detector]) -> None:
        self._active_bundle = active_bundle
        self._load = load
        self._active: Detector | None = None
        self._other: tuple[Path, Detector] | None = None

    @property
    def loaded(self) -> Detector | None:
        """The active one that read last."""
        return self._active

    def start_with(self, detector: Detector | None) -> None:
        """One that was loaded before, which need not be loaded again while its bundle is active."""
        self._active = detector

    def active(self) -> Detector:
        """The same until another bundle is activated. Raises what loading raises, BundleError."""
        bundle = self._active_bundle.current()
        if self._active is None or self._active.bundle is not bundle:
            self._active = None  # its memory is free before the next one is loaded
            self._active = self._load(bundle)
        return self._active

    def of(self, path: Path, *, sha256: str | None = None) -> Detector:
        """Of the bundle in this file, which never changes: it is named after its hash. It takes the
        place of the one before it.

        Raises BundleError if the file is missing, no bundle, or another one than sha256 says, or
        if the device has no room for it; DeviceLost, ConfigError.
        """
        if self._other is None or self._other[0] != path:
            self._other = None
            self._other = (path, self._loaded(path))
        detector = self._other[1]
        if sha256 not in (None, detector.bundle.sha256):
            raise BundleError(f"{path}: its sha256 is not the one that was asked for")
        return detector

    def _loaded(self, path: Path) -> Detector:
        try:
            return self._load(open_bundle(path))
        except Unavailable as error:
            # not a reason to wait: the active one reads
            raise BundleError(f"{path}: cannot be loaded: {error.detail}") from error
