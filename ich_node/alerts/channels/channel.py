"""A way to somebody, and what he is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True)
class AlertMessage:
    """key: the same for the same content, so that a message that comes twice is known by it. kind,
    facts: for machines.
    """

    key: str
    kind: str
    at: datetime
    title: str
    text: str
    facts: Mapping[str, Any]


class Channel(Protocol):
    """Of one [[alerts]] entry."""

    def require_own_files(self) -> None:
        """Raises ConfigError, as `tell` would, if a secret or certificate cannot be used."""

    def tell(self, message: AlertMessage, /) -> str:
        """The answer in a few words. Raises ConfigError, or PeerUnavailable."""
