"""The bundles that the ledger and the configuration name, each once for all backups of a folder."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ich_node.backup.durable import fault_of, write_file
from ich_node.backup.manifest import SavedBundle
from ich_node.errors import BundleError
from ich_node.ledger.snapshot_contents import SnapshotContents
from ich_node.model.bundle_file import KEPT_IN, read_header


@dataclass(kw_only=True)
class Found:
    """name: of the bundle; paths: where the ledger and the configuration look for it."""

    name: str
    paths: set[str] = field(default_factory=set)


def save_bundles(
    contents: SnapshotContents, *, spool: Path, configured: Path | None, folder: Path
) -> tuple[list[SavedBundle], list[str]]:
    """Copy them; and a sentence for each that cannot be read. spool, configured: [spool] path and
    [bundle] path. The shipped bundle is among them if it was activated: the next version may ship
    another one.
    """
    named = {each.path: each.name for each in contents.bundles()}
    named |= dict.fromkeys(contents.read_with(), "")
    named |= {str(path): "" for path in sorted((spool / KEPT_IN).glob("*.safetensors"))}
    if configured is not None:
        named.setdefault(str(configured), "")
    found: dict[str, Found] = {}
    problems = []
    for path, name in named.items():
        try:
            header = read_header(Path(path))
        except BundleError as error:
            problems.append(f"bundle {name}: {error.detail}".replace("bundle : ", "bundle "))
            continue
        one = found.setdefault(header.sha256, Found(name=name or header.name))
        one.paths.add(path)
        kept = bundle_in(folder, header.sha256)
        if not kept.exists():
            write_file(kept, Path(path).read_bytes())
    saved = [
        SavedBundle(sha256=sha256, name=each.name, paths=tuple(sorted(each.paths)))
        for sha256, each in sorted(found.items())
    ]
    return saved, problems


def bundle_in(folder: Path, sha256: str) -> Path:
    return folder / f"{sha256}.safetensors"


def damaged_bundles(bundles: Iterable[SavedBundle], folder: Path) -> list[str]:
    """A sentence for each that is missing, has other bytes, or cannot be read."""
    paths = ((each, bundle_in(folder, each.sha256)) for each in bundles)
    return [
        f"bundle {each.name}: {path} {fault}"
        for each, path in paths
        if (fault := fault_of(path, each.sha256)) is not None
    ]
