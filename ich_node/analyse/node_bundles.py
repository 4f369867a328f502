"""The bundles that this node knows, as their files state them: the weights are not verified."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from ich_node.analyse.active_bundle import active_path, path_without_activation
from ich_node.errors import BundleError
from ich_node.ledger import Ledger
from ich_node.model.bundle_file import KEPT_IN, known_header, shipped_bundle
from ich_node.model.bundle_header import BundleHeader


class BundleUse(StrEnum):
    """What a bundle is, or was, used for."""

    ACTIVE = "active"
    SHADOW = "shadow"
    """It runs now."""
    ACTIVE_BEFORE = "active_before"
    SHADOW_BEFORE = "shadow_before"
    READ_BESIDE = "read_beside"
    """It has read series beside their answers."""
    CONFIGURED = "configured"
    SHIPPED = "shipped"
    KEPT = "kept"
    """It lies in the spool's folder of bundles."""


@dataclass(frozen=True, kw_only=True)
class NodeBundle:
    """header: None if the file cannot be read; problem says why. is_other_file: the file is not the
    one that was activated or started.
    """

    name: str
    sha256: str
    path: Path
    uses: tuple[BundleUse, ...]
    header: BundleHeader | None
    problem: str = ""
    is_other_file: bool = False

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.name} {self.sha256[:12]}"


def node_bundles(ledger: Ledger, *, spool: Path, configured: Path | None) -> list[NodeBundle]:
    """The one that reads now first; then in the order of BundleUse. spool: [spool] path;
    configured: [bundle] path.
    """
    found: dict[str, NodeBundle] = {}
    for bundle in _all(ledger, spool, configured):
        known = found.get(bundle.sha256)
        if known is None:
            found[bundle.sha256] = bundle
            continue
        # the same bytes lie in several places: one that can be read counts
        best = known if known.header is not None or bundle.header is None else bundle
        found[bundle.sha256] = replace(best, uses=tuple(dict.fromkeys(known.uses + bundle.uses)))
    order = list(BundleUse)
    return sorted(found.values(), key=lambda each: min(map(order.index, each.uses)))


def _all(ledger: Ledger, spool: Path, configured: Path | None) -> Iterator[NodeBundle]:
    activations = ledger.activations.activations()
    active = activations[0] if activations else None
    yield _bundle(
        BundleUse.ACTIVE,
        active_path(ledger.activations, configured),
        name=active.name if active else "",
        sha256=active.sha256 if active else "",
    )
    for shadow in ledger.shadows.history():
        use = BundleUse.SHADOW if shadow.stopped_at is None else BundleUse.SHADOW_BEFORE
        yield _bundle(use, Path(shadow.path), name=shadow.name, sha256=shadow.bundle_sha256)
    for each in activations[1:]:
        yield _bundle(BundleUse.ACTIVE_BEFORE, Path(each.path), name=each.name, sha256=each.sha256)
    for known in ledger.comparing.read_beside():
        yield _bundle(BundleUse.READ_BESIDE, Path(known.path), name=known.name, sha256=known.sha256)
    if configured is not None:
        yield _bundle(BundleUse.CONFIGURED, path_without_activation(configured))
    yield _bundle(BundleUse.SHIPPED, shipped_bundle())
    for path in sorted((spool / KEPT_IN).glob("*.safetensors")):
        yield _bundle(BundleUse.KEPT, path)


def _bundle(use: BundleUse, path: Path, *, name: str = "", sha256: str = "") -> NodeBundle:
    """name, sha256: as the ledger has them; empty: as the file states them."""
    try:
        header = known_header(path)
    except BundleError as error:
        return NodeBundle(
            name=name or path.stem,
            sha256=sha256,
            path=path,
            uses=(use,),
            header=None,
            problem=error.detail,
        )
    return NodeBundle(
        name=header.name,
        sha256=sha256 or header.sha256,
        path=path,
        uses=(use,),
        header=header,
        is_other_file=bool(sha256) and header.sha256 != sha256,
    )
