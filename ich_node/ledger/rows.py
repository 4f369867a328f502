"""Rows of the ledger as frozen dataclasses: UIDs and times, nothing about patients."""

from dataclasses import dataclass
from datetime import datetime

from ich_node.answer import Answer
from ich_node.errors import IchNodeError
from ich_node.ledger.states import DeliveryState, JobState, Lane, ReadingState


class LeaseLost(IchNodeError):
    """The lease ran out, and another process may hold the work now."""


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One received object.

    path: relative to the spool; source: the peer's name in [[sources]]; orientation, position_mm:
    to find out whether slices are missing.
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
class SearchTerms:
    """What a series is found by: keyed hashes of AccessionNumber and PatientID, and two texts. None
    if an object has no value.
    """

    accession_hmac: str | None = None
    patient_hmac: str | None = None
    series_description: str | None = None
    modality: str | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """One revision of a series: all objects that had arrived when it was first claimed.

    content_at: time of the first claim; later claims keep it, so that a second reading writes the
    same bytes. objects: how many this revision covers. detail: why there is no answer; of a job
    that is DONE what is missing, warnings, or why nobody was told.

    transfer_aborted: an association that brought some of its objects broke. in_favour_of: the job
    that is read instead of this one, or whose answer stands instead of this one's. told_at: when
    it was told that there is no answer; overdue_told_at: when it was told that the answer is late.

    accession_hmac, patient_hmac: keyed hashes of AccessionNumber and PatientID. rule: the entry of
    [[rules]] that decided. held_until: when a HELD job ends without an answer; released_at: when an
    operator took the hold back. read_with: the path of the bundle that reads this revision instead
    of the active one. withdrawn_*: when, as what (wrong_patient, quality, safety), why and by whom
    the answer was taken back.
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
    answer: Answer | None
    series_probability: float | None
    bundle_sha256: str | None
    source: str
    lane: Lane
    objects: int
    transfer_aborted: bool
    in_favour_of: int | None
    told_at: datetime | None
    overdue_told_at: datetime | None
    accession_hmac: str | None
    patient_hmac: str | None
    series_description: str | None
    modality: str | None
    rule: str | None
    held_until: datetime | None
    released_at: datetime | None
    read_with: str | None
    withdrawn_at: datetime | None
    withdrawn_code: str | None
    withdrawn_reason: str | None
    withdrawn_by: str | None


@dataclass(frozen=True, kw_only=True)
class NetworkAnswer:
    """What one engine with one bundle answered about a slab whose HU were shifted by shift_hu.

    slab_sha256: hash of the hashes of its slices; likelihood: the likelihood map in 32-bit floats
    in this machine's byte order, `rows` rows.
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
    """A result of a reading: a DICOM object (kind: "sr", "overlay" ...) or a notification.

    path: relative to the spool. A notification also has a UID, and an empty SOP class.
    """

    sop_instance_uid: str
    sop_class_uid: str
    kind: str
    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class MapFile:
    """The probabilities, maps and marks of a job's reading, as a file. path: relative to the
    spool.
    """

    path: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One Result owed to one destination.

    first_at: since when it is owed (an operator's retry sets it anew); transaction_uid: of the last
    request for storage commitment.
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
    """A bundle became active: who activated it, when and why."""

    at: datetime
    name: str
    sha256: str
    path: str
    who: str
    why: str


@dataclass(frozen=True, kw_only=True)
class SecondReading:
    """What another bundle says about a job, beside the answer that was told.

    purpose: "reread" or "shadow". who: asked for it, or runs the shadow. detail: why there is no
    answer.
    """

    id: int
    job_id: int
    purpose: str
    bundle_sha256: str
    bundle_name: str
    bundle_path: str
    state: ReadingState
    requested_at: datetime
    who: str
    attempts: int
    lease_owner: str | None
    lease_until: datetime | None
    read_at: datetime | None
    answer: Answer | None
    series_probability: float | None
    detail: str | None


@dataclass(frozen=True, kw_only=True)
class Shadow:
    """A bundle that reads every series behind the active one, and delivers nothing."""

    bundle_sha256: str
    name: str
    path: str
    started_at: datetime
    stopped_at: datetime | None
    who: str
    why: str


@dataclass(frozen=True, kw_only=True)
class JobEvent:
    """One event of a job."""

    at: datetime
    event: str
    detail: str
