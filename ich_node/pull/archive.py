"""What a source can be asked, whichever way."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from pydicom.dataset import Dataset

Level = Literal["STUDY", "SERIES", "IMAGE"]
# Of one question. A source whose answer never ends must not fill the memory.
MOST_MATCHES = 5_000


@dataclass(frozen=True, kw_only=True)
class Matches:
    """What the source answered. cut_off: why there may be more of them; '' if these are all."""

    datasets: Sequence[Dataset]
    cut_off: str = ""


class SourceSearch(Protocol):
    """Questions to a source."""

    def find(self, level: Level, query: Dataset, /) -> Matches:
        """The matches of a query: attributes with a value are matched, those without are asked
        for. Raises PeerUnavailable.
        """


class Archive(Protocol):
    """A source that can be asked, and that gives what it has."""

    def search(self) -> AbstractContextManager[SourceSearch]:
        """Open for questions. Raises PeerUnavailable, ConfigError."""

    def retrieve(self, study_instance_uid: str, series_instance_uid: str, /) -> str:
        """Get one series into the spool and the ledger. Why some of it did not come, as the source
        says it; '' if it says that all did. Raises PeerUnavailable, ConfigError.
        """
