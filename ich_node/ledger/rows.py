"""What the ledger gives back: frozen rows. UIDs and times, no patients."""

from dataclasses import dataclass
from datetime import datetime

from ich_node.errors import IchNodeError
from ich_node.ledger.states import DeliveryState, JobState, Lane


class LeaseLost(IchNodeError):
    """The lease ran out and the work belongs to another process now."""


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One received object. path: relative to the spool; source: the peer's name; orientation,
    position_mm: for completeness.
    """

    sop_instance_uid: str
    sop_class_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    sha256: str
    path: str
    size_bytes: int
    source: str
    received_at: datetime
    orientation: str | None = None
    position_mm: float | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """One series to be read, in one revision: all its objects that had arrived when this revision
    was first claimed.

    content_at: fixed at the first claim and kept by every later one, so that doing the work twice
    gives the same bytes. objects: how many it covers.
    """

    id: int
    state: JobState
    study_instance_uid: str
    series_instance_uid: str
    revision: int
    attempts: int
    ready_at: datetime
    first_received_at: datetime
    last_received_at: datetime
    content_at: datetime | None
    lease_owner: str | None
    lease_until: datetime | None
    reason: str | None
    detail: str | None
    positive: bool | None
    series_probability: float | None
    bundle_sha256: str | None
    source: str
    lane: Lane
    objects: int


@dataclass(frozen=True, kw_only=True)
class NetworkAnswer:
    """What one engine with one bundle said of a slab, its HU shifted by shift_hu.

    slab_sha256: of its slices' own hashes; likelihood: the map's rows, in 32-bit floats of this
    machine.
    """

    slab_sha256: str
    bundle_sha256: str
    engine: str
    shift_hu: float
    logit: float
    rows: int
    likelihood: bytes


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a reading gave: a DICOM object (kind: "sr", "overlay" ...) or a notification. path:
    relative to the spool.

    A notification has a UID of its own, too, and no SOP class.
    """

    sop_instance_uid: str
    sop_class_uid: str
    kind: str
    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One Result owed to one destination.

    first_at: since when it is owed (a retry by hand starts anew); transaction_uid: of the storage
    commitment asked for last.
    """

    id: int
    job_id: int
    destination: str
    sop_instance_uid: str
    sop_class_uid: str
    kind: str
    path: str
    state: DeliveryState
    attempts: int
    next_at: datetime
    first_at: datetime
    sent_at: datetime | None
    detail: str | None
    lease_owner: str | None
    lease_until: datetime | None
    transaction_uid: str | None


@dataclass(frozen=True, kw_only=True)
class Activation:
    """Somebody chose the bundle that reads from then on."""

    at: datetime
    name: str
    sha256: str
    path: str
    who: str
    why: str


@dataclass(frozen=True, kw_only=True)
class JobEvent:
    """One line of a job's story."""

    at: datetime
    event: str
    detail: str
