"""What is said of one reading to systems that move a worklist: one small document, from which every
message is written.

It lies in the spool like any other result, as canonical JSON: the same reading gives the same
bytes. Patient and order are in it, as they are in the objects beside it; an outlet takes them along
only if its destination says `identifiers = true`.
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
    """Why a series was not analysed: one of the reasons of docs/refusals.md, and a sentence."""

    reason: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Identifiers:
    """Whose series it is, as its DICOM header says; empty where it does not. Dates are YYYYMMDD,
    names have carets.
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

    def hidden_in(self, words: str) -> str:
        """The words without any of these, whoever wrote them: a peer's complaint may quote the
        patient.
        """
        for value in sorted(
            {*asdict(self).values(), *self.patient_name.replace("=", "^").split("^")},
            key=len,
            reverse=True,
        ):
            if len(value) > 1:
                words = words.replace(value, "***")
        return words


@dataclass(frozen=True, kw_only=True)
class Notification:
    """One reading. at: when its content was fixed; lesions: how many; probabilities are 0 to 1.

    uid: a DICOM UID that names this content; replaces: the uid of what was said of an earlier
    revision. report_uid: SOP Instance UID of the SR, if there is one.
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
        """Everything but the identifiers."""
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
        """The answer for a person."""
        if self.refused is not None:
            return f"The series could not be analysed ({self.refused.reason}): whether there is hemorrhage is undetermined."
        assert self.series_probability is not None
        percent = f"series probability {100 * self.series_probability:.0f} %"
        if self.finding is Answer.NOT_FOUND:
            return f"No intracranial hemorrhage was found by the algorithm; {percent}."
        return f"Intracranial hemorrhage is suspected by an algorithm; {percent}, lesions marked: {self.lesions}."


def decode(data: bytes) -> Notification:
    """What `encode` wrote. Raises NotANotification."""
    try:
        document = json.loads(data)
        if document.pop("format") != FORMAT:
            raise NotANotification(
                "the notification is of another format, which another version of ich-node wrote"
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
