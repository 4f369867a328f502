"""The notification of a reading or refusal, from which every HL7 and webhook message is written.

It is kept in the spool like the DICOM results, as canonical JSON: the same reading gives the same
bytes. It contains identifiers of patient and order; an outlet sends them only if the destination
has `identifiers = true`.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from ich_node.dicom.identity import RESEARCH_USE_NOTIFICATION
from ich_node.errors import IchNodeError

KIND = "notification"
FORMAT = 1


class NotANotification(IchNodeError):
    """The bytes are not a notification."""


class Answer(StrEnum):
    """The answer for a series."""

    SUSPECTED = "suspected"
    NOT_FOUND = "not_found"
    NOT_ANALYSED = "not_analysed"


@dataclass(frozen=True, kw_only=True)
class RefusedReading:
    """Why a series was not analysed. reason: one of docs/refusals.md; detail: a sentence."""

    reason: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Identifiers:
    """Patient and order as in the DICOM header, empty if absent. Dates are YYYYMMDD; the components
    of names are separated by carets.
    """

    patient_id: str = ""
    issuer_of_patient_id: str = ""
    patient_name: str = ""
    patient_birth_date: str = ""
    patient_sex: str = ""
    accession_number: str = ""
    placer_order_number: str = ""
    filler_order_number: str = ""
    study_date: str = ""
    study_time: str = ""

    def masked_in(self, text: str) -> str:
        """The text with these values masked: the answer of a peer may quote the patient."""
        for value in sorted(
            {*asdict(self).values(), *self.patient_name.replace("=", "^").split("^")},
            key=len,
            reverse=True,
        ):
            if len(value) > 1:
                text = text.replace(value, "***")
        return text


@dataclass(frozen=True, kw_only=True)
class Notification:
    """The answer for one revision of a series.

    uid: a DICOM UID computed from the content; replaces: the uid of the notification of the
    previous revision; at: the time of the results; report_uid: SOP Instance UID of the SR, if there
    is one; lesions: their number. Probabilities are 0 to 1.
    """

    uid: str
    replaces: str | None
    study_instance_uid: str
    series_instance_uid: str
    revision: int
    at: datetime
    finding: Answer
    refused: RefusedReading | None
    series_probability: float | None
    threshold: float | None
    lesions: int | None
    slices: int | None
    positive_slices: int | None
    report_uid: str | None
    bundle_name: str
    bundle_sha256: str
    software_version: str
    identifiers: Identifiers

    def public(self) -> dict[str, Any]:
        """All fields apart from the identifiers, as JSON values."""
        document = asdict(self) | {
            "at": self.at.isoformat(),
            "research_use": RESEARCH_USE_NOTIFICATION,
        }
        del document["identifiers"]
        return document

    def encode(self) -> bytes:
        """Canonical JSON in UTF-8."""
        document = self.public() | {"identifiers": asdict(self.identifiers), "format": FORMAT}
        return json.dumps(
            document, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()

    def sentence(self) -> str:
        """The answer in one sentence."""
        if self.refused is not None:
            return (
                f"The series could not be analysed ({self.refused.reason}): "
                "whether there is hemorrhage is undetermined."
            )
        assert self.series_probability is not None
        percent = f"series probability {100 * self.series_probability:.0f} %"
        if self.finding is Answer.NOT_FOUND:
            return f"No intracranial hemorrhage was found by the algorithm; {percent}."
        return (
            f"Intracranial hemorrhage is suspected by an algorithm; {percent}, "
            f"lesions marked: {self.lesions}."
        )


def decode(data: bytes) -> Notification:
    """The notification that `encode` wrote. Raises NotANotification."""
    try:
        document = json.loads(data)
        if document.pop("format") != FORMAT:
            raise NotANotification(
                "the notification has another format: another version of ich-node wrote it"
            )
        del document["research_use"]
        refused = document["refused"]
        changes = {
            "at": datetime.fromisoformat(document["at"]),
            "finding": Answer(document["finding"]),
            "refused": RefusedReading(**refused) if refused else None,
            "identifiers": Identifiers(**document["identifiers"]),
        }
        return Notification(**(document | changes))
    except (ValueError, KeyError, TypeError) as error:
        raise NotANotification from error
