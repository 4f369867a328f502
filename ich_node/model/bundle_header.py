"""What a bundle file states about itself, read without torch and without verifying it.

A safetensors file begins with its header: an unsigned 64-bit little-endian length, then JSON, in
which `__metadata__` holds text. Ours holds the bundle's card under METADATA_KEY. The safetensors
library reads metadata from paths only; this reads the same bytes that are hashed or loaded.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from ich_node.errors import BundleError

METADATA_KEY = "ich_node.bundle"
LENGTH_BYTES = 8


@dataclass(frozen=True, kw_only=True)
class BundleHeader:
    """card: the JSON document as the file has it. It has not been checked against the weights: only
    loading the bundle does that.
    """

    name: str
    sha256: str
    card: dict[str, Any]


def card_document(data: bytes, *, origin: str) -> str:
    """The card of a bundle file, as JSON text. origin names the file in errors.

    Raises BundleError if the bytes are no safetensors file, or one without our card.
    """
    try:
        end = LENGTH_BYTES + int.from_bytes(data[:LENGTH_BYTES], "little")
        if not LENGTH_BYTES < end <= len(data):
            raise ValueError("the header is longer than the file")
        metadata = json.loads(data[LENGTH_BYTES:end]).get("__metadata__", {})
    except (ValueError, AttributeError) as error:
        raise BundleError(f"{origin}: not a safetensors file ({error})") from error
    if METADATA_KEY not in metadata:
        raise BundleError(
            f"{origin}: a safetensors file, but not an ich-node bundle; "
            "`ich-node model import-published` makes one"
        )
    document: str = metadata[METADATA_KEY]
    return document


def parse_header(data: bytes, *, origin: str) -> BundleHeader:
    """Raises BundleError if there is no card in the bytes, or none that has a name."""
    try:
        card = json.loads(card_document(data, origin=origin))
        return BundleHeader(
            name=str(card["name"]), sha256=hashlib.sha256(data).hexdigest(), card=card
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{origin}: the bundle's card is damaged: {error!r}") from error
