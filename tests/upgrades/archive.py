"""The destination of the proofs: it counts what comes under each UID."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.peers import Pacs, pacs


@dataclass(kw_only=True)
class Archive:
    """came: SOP Instance UID to a hash of the object, for each time that it came."""

    pacs: Pacs
    came: dict[str, list[str]] = field(default_factory=dict)

    def keep(self, ds: Any) -> None:
        content = hashlib.sha256(ds.to_json().encode()).hexdigest()
        self.came.setdefault(str(ds.SOPInstanceUID), []).append(content)

    def wrong(self, owed: set[str]) -> list[str]:
        """One sentence for each result that did not come once, with the same bytes."""
        return [
            *(f"{uid} never came" for uid in owed - self.came.keys()),
            *(f"{uid} is of no job" for uid in self.came.keys() - owed),
            *(f"{uid} came {len(each)} times" for uid, each in self.came.items() if len(each) > 1),
        ]


@contextmanager
def archive() -> Iterator[Archive]:
    with pacs() as stand_in:
        made = Archive(pacs=stand_in)
        stand_in.on_store = made.keep
        yield made
