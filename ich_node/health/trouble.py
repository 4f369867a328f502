"""What may be wrong, and where."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class TroubleKind(StrEnum):
    """In the order in which they want a hand. The subject of each is in brackets."""

    SERVICE_DOWN = "service_down"  # no process of it has a heartbeat (receive, analyse, send)
    DISK_FULL = "disk_full"  # objects are refused, or soon will be (spool, ledger)
    HEAD_OVERDUE = "head_overdue"  # no answer in time (job 7)
    SERIES_FAILED = "series_failed"  # could not be analysed because of a fault of ours (job 7)
    READER_KILLED = "reader_killed"  # a process ended while it read (job 7)
    DELIVERY_FAILED = "delivery_failed"  # given up after 24 hours (job 7, pacs)
    DESTINATION_DOWN = "destination_down"  # for 15 minutes (pacs)
    CERTIFICATE_EXPIRES = "certificate_expires"  # (tls, web)
    SCORES_DRIFTED = "scores_drifted"  # (the bundle's hash)
    VERSIONS_DIFFER = "versions_differ"  # of the processes, for a day (versions)


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """kind and subject tell troubles apart. since: when it began, as far as is known. facts: what
    its sentence in words.toml needs; JSON, no patients.
    """

    kind: TroubleKind
    subject: str
    since: datetime
    facts: Mapping[str, Any] = field(default_factory=dict)
