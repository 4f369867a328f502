"""What a bundle file states about itself, read without torch and without verifying it.

A safetensors file begins with its header: an unsigned 64-bit little-endian length, then JSON, in
which `__metadata__` holds text. Ours holds the bundle's card under METADATA_KEY. The safetensors
library reads metadata from paths only; this reads the same bytes that are hashed or loaded.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from ich_node.errors import BundleError

METADATA_KEY = "ich_node.bundle"
LENGTH_BYTES = 8
WEIGHTS = "network."  # the first part of the names of the network's tensors
REFERENCE_SCORES = "scores"  # in the evidence of a revision: of the series that chose the threshold
REVISIONS = "revisions"  # the key in the details of the provenance; oldest first
# The demonstration bundles that earlier versions shipped; the cards of the first four do not say
# that they are for demonstration.
SHIPPED_DEMONSTRATIONS = frozenset(
    {
        "519f0d4aa367fefa584149bc7421effc35a14c242cd04335b4d255c693806196",
        "4ad8cdd4b325251f8afad0e436568840dd9329bcf1f1f18407d7d8313bb11fea",
        "83ffb476494c2c498fa25e1d16eb296a422251918a67ebb5fe4e08e91ddfdda7",
        "94232e8a08905fae6a71eef373be4466447bb0a636b25c0bdd5491039f1cef2d",
        "f1b27850f04dea56c3bc2137707dd986e5f36691e9397e0a0a51619371d5da47",
    }
)


@dataclass(frozen=True, kw_only=True)
class BundleHeader:
    """card: the JSON document as the file has it. It has not been checked against the weights: only
    loading the bundle does that. weights: how many numbers the network has.
    """

    name: str
    sha256: str
    card: dict[str, Any]
    weights: int

    @property
    def revisions(self) -> list[dict[str, Any]]:
        """What was changed since the weights were trained, the oldest first."""
        found: list[dict[str, Any]] = _details(self.card).get(REVISIONS, [])
        return found

    @property
    def lineage(self) -> tuple[str, ...]:
        """The sha256 of this bundle and of those that it was revised from: all have the same
        weights and the same calibration, so the scores of one are those of the others.
        """
        return lineage_of(self.sha256, _details(self.card))

    @property
    def threshold(self) -> float:
        """Series at least this probable are positive."""
        return float(self.card["operating_point"]["threshold"])

    @property
    def demonstration(self) -> bool:
        """Whether it, or a bundle that it was made from, is for demonstration only."""
        return bool(self.card.get("demonstration")) or is_shipped_demonstration(
            self.sha256, _details(self.card)
        )

    @property
    def is_earlier_edition(self) -> bool:
        """Whether it has the weights of a bundle that an earlier version shipped."""
        return not SHIPPED_DEMONSTRATIONS.isdisjoint(self.lineage)

    @property
    def reference_scores(self) -> tuple[float, ...]:
        """Of the series by which its threshold was chosen; empty if it was not chosen so."""
        for revision in reversed(self.revisions):
            if scores := revision.get("evidence", {}).get(REFERENCE_SCORES):
                return tuple(scores)
        return ()


def is_shipped_demonstration(sha256: str, details: Mapping[str, Any]) -> bool:
    """Whether a bundle is one of SHIPPED_DEMONSTRATIONS, or was revised or trained from one, as the
    details of its provenance say.
    """
    parents = [revision.get("parent_sha256") for revision in details.get(REVISIONS, [])]
    start = details.get("start", {}).get("sha256")
    return not SHIPPED_DEMONSTRATIONS.isdisjoint({sha256, start, *parents})


def lineage_of(sha256: str, details: Mapping[str, Any]) -> tuple[str, ...]:
    """See BundleHeader.lineage. details: of the provenance."""
    revisions = details.get(REVISIONS, [])
    return (sha256, *(revision["parent_sha256"] for revision in reversed(revisions)))


def header_length(first: bytes) -> int:
    """How long the header of a file with these first LENGTH_BYTES is, with them."""
    return LENGTH_BYTES + int.from_bytes(first[:LENGTH_BYTES], "little")


def card_document(data: bytes, *, origin: str) -> str:
    """The card of a bundle file, as JSON text. data: the file, or its header. origin names the file
    in errors.

    Raises BundleError if the bytes are no safetensors file, or one without our card.
    """
    return _card_in(_tensors(data, origin=origin), origin=origin)


def _card_in(tensors: dict[str, Any], *, origin: str) -> str:
    metadata = tensors.get("__metadata__", {})
    if METADATA_KEY not in metadata:
        raise BundleError(
            f"{origin}: a safetensors file, but not an ich-node bundle; "
            "`ich-node model import-published` makes one"
        )
    document: str = metadata[METADATA_KEY]
    return document


def parse_header(data: bytes, *, sha256: str, origin: str) -> BundleHeader:
    """data: the file's header. sha256: of the file. Raises BundleError if there is no card in the
    bytes, or none that has a name.
    """
    tensors = _tensors(data, origin=origin)
    try:
        card = json.loads(_card_in(tensors, origin=origin))
        return BundleHeader(
            name=str(card["name"]),
            sha256=sha256,
            card=card,
            weights=sum(
                prod(facts["shape"]) for name, facts in tensors.items() if name.startswith(WEIGHTS)
            ),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{origin}: the bundle's card is damaged: {error!r}") from error


def _tensors(data: bytes, *, origin: str) -> dict[str, Any]:
    """The header: what each tensor is, by its name, and the metadata."""
    try:
        end = header_length(data)
        if not LENGTH_BYTES < end <= len(data):
            raise ValueError("the header is longer than the file")
        header = json.loads(data[LENGTH_BYTES:end])
        if not isinstance(header, dict):
            raise ValueError("the header is no JSON object")
        return header
    except ValueError as error:
        raise BundleError(f"{origin}: not a safetensors file ({error})") from error


def _details(card: Mapping[str, Any]) -> dict[str, Any]:
    details: dict[str, Any] = card.get("provenance", {}).get("details", {})
    return details
