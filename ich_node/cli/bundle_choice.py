"""Which bundle somebody means: a file, a name, or the beginning of a sha256."""

import difflib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ich_node.errors import BundleError, ConfigError, NoLedger

if TYPE_CHECKING:
    from ich_node.cli.context import CliContext

LEAST_DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class ChosenBundle:
    """path: the file, which may be gone if only the ledger knows the bundle."""

    name: str
    sha256: str
    path: Path

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.name} {self.sha256[:12]}"


def active_bundle(node: "CliContext") -> ChosenBundle:
    """The one that reads now. Raises BundleError if its file cannot be read."""
    return _in_file(node.active_bundle_path())


def chosen_bundle(node: "CliContext", words: str) -> ChosenBundle:
    """Raises ConfigError, which says what there is; BundleError."""
    if Path(words).is_file():
        return _in_file(Path(words))
    known: dict[str, ChosenBundle] = {}
    with suppress(NoLedger):
        for each in node.existing_ledger().comparing.known_bundles():
            known[each.sha256] = ChosenBundle(
                name=each.name, sha256=each.sha256, path=Path(each.path)
            )
    with suppress(BundleError):  # its file is missing; the others are known all the same
        active = active_bundle(node)
        known.setdefault(active.sha256, active)
    is_hash = len(words) >= LEAST_DIGITS
    meant = [
        each
        for each in known.values()
        if each.name == words or (is_hash and each.sha256.startswith(words.lower()))
    ]
    if len(meant) == 1:
        return meant[0]
    titles = ", ".join(each.title for each in meant or known.values())
    if meant:
        raise ConfigError(f"'{words}' is not one model but {len(meant)}: {titles}; give the hash")
    near = difflib.get_close_matches(words, [each.name for each in known.values()], n=1)
    hint = f"did you mean {near[0]}?" if near else f"the ledger knows {titles or 'no model'}"
    raise ConfigError(f"'{words}' is neither a bundle file nor a model of this node; {hint}")


def _in_file(path: Path) -> ChosenBundle:
    from ich_node.model.bundle_file import read_header

    header = read_header(path)
    return ChosenBundle(name=header.name, sha256=header.sha256, path=path)


def verified_copy(node: "CliContext", chosen: ChosenBundle) -> Path:
    """Verifies the bundle, and keeps a copy beside the spool's objects, where every host finds it.
    Raises BundleError.
    """
    from ich_node.model.bundle_file import KEPT_IN, keep_bundle, open_bundle

    open_bundle(chosen.path)
    return keep_bundle(chosen.path.read_bytes(), node.config.spool.path / KEPT_IN)
