"""The notification of a reading or refusal, from which every HL7 and webhook message is written.

It is kept in the spool like the DICOM results, as canonical JSON: the same reading gives the same
bytes. It contains identifiers of patient and order; an outlet sends them only if the destination
has `identifiers = true`.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from ich_node.answer import Answer, WithdrawalReason
from ich_node.dicom.identity import DEMONSTRATION_MODEL, RESEARCH_USE_NOTIFICATION
from ich_node.errors import IchNodeError
from ich_node.percent import percent_text

KIND = "notification"
FORMAT = 2
MOST_NUMBERS = 20  # named in a sentence
# The answer in the words of the messages
FINDINGS = {
    Answer.PRESENT: "suspected",
    Answer.ABSENT: "not_found",
    Answer.UNDETERMINED: "undetermined",
    Answer.NOT_ANALYSED: "not_analysed",
}
WITHDRAWN = "withdrawn"
# Field of Identifiers -> keyword (PS3.3 C.7.1.1, C.7.2.1, C.4.16)
IDENTIFIER_KEYWORDS = {
    "patient_id": "PatientID",
    "issuer_of_patient_id": "IssuerOfPatientID",
    "patient_name": "PatientName",
    "patient_birth_date": "PatientBirthDate",
    "patient_sex": "PatientSex",
    "accession_number": "AccessionNumber",
    "placer_order_number": "PlacerOrderNumberImagingServiceRequest",
    "filler_order_number": "FillerOrderNumberImagingServiceRequest",
    "study_date": "StudyDate",
    "study_time": "StudyTime",
}


class NotANotification(IchNodeError):
    """The bytes are not a notification."""


@dataclass(frozen=True, kw_only=True)
class RefusedReading:
    """Why a series was not analysed. reason: one of docs/refusals.md; detail: a sentence."""

    reason: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class UnreadPart:
    """A part of the head that was not read: the fields of `Missing` of a series."""

    part: str
    detail: str
    from_mm: float | None = None
    to_mm: float | None = None
    slices: int | None = None
    instance_numbers: tuple[int, ...] = ()

    def sentence(self) -> str:
        """What is missing and where: mm along the slice normal, and Instance Numbers."""
        where = []
        if place := self._place():
            where.append(place)
        if self.slices is not None:
            where.append(f"slices missing: {self.slices}")
        if self.instance_numbers:
            numbers = ", ".join(str(number) for number in self.instance_numbers[:MOST_NUMBERS])
            more = len(self.instance_numbers) - MOST_NUMBERS
            where.append(f"Instance Numbers {numbers}{f' and {more} more' if more > 0 else ''}")
        detail = self.detail.rstrip(". ")
        return f"{detail} ({'; '.join(where)})." if where else f"{detail}."

    def _place(self) -> str:
        """Feet to head, as positions along the slice normal have it."""
        if self.from_mm is None:
            return "" if self.to_mm is None else f"below {self.to_mm:.1f} mm"
        if self.to_mm is None:
            return f"above {self.from_mm:.1f} mm"
        if self.from_mm == self.to_mm:
            return f"at {self.from_mm:.1f} mm"
        return f"from {self.from_mm:.1f} to {self.to_mm:.1f} mm"


@dataclass(frozen=True, kw_only=True)
class ReadingWarning:
    """What a reader of the answer must know. kind: a word for programs; detail: a sentence."""

    kind: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Withdrawal:
    """An answer was taken back. answer: which one."""

    code: WithdrawalReason
    answer: Answer


@dataclass(frozen=True, kw_only=True)
class Identifiers:
    """Patient and order, the same text as in the DICOM header, however illegal; empty if absent.
    The components of names are separated by carets.
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

    def masked_in(self, text: str, *, spelled: Callable[[str], str] = str) -> str:
        """The text with these values masked: the answer of a peer may quote the patient. spelled:
        how the message spelled a value, if not as it is.
        """
        values = {*asdict(self).values(), *self.patient_name.replace("=", "^").split("^")}
        dates = {self.patient_birth_date.replace(".", ""), self.study_date.replace(".", "")}
        spellings = dates.union(
            *({value, spelled(value), " ".join(value.split())} for value in values)
        )
        for spelling in sorted(spellings, key=len, reverse=True):
            if len(spelling) > 1:
                text = text.replace(spelling, "***")
        return text


@dataclass(frozen=True, kw_only=True)
class Notification:
    """The answer for one revision of a series, and for its study.

    uid: a DICOM UID computed from the content; replaces: the uid of the notification that this one
    replaces; at: the time of the results; report_uid: SOP Instance UID of the SR, if there is one;
    lesions: their number. series_probability, threshold: 0 to 1, rounded for people (percent.py).
    study_answer: the most severe answer of all series of the study, if known, and
    study_answer_series: the series that gave it. demonstration: the model is not for patients.
    withdrawal: if the answer was taken back; series_answer is then NOT_ANALYSED, and study_answer
    is about the other series.
    """

    uid: str
    replaces: str | None
    study_instance_uid: str
    series_instance_uid: str
    revision: int
    at: datetime
    series_answer: Answer
    study_answer: Answer | None = None
    study_answer_series: str | None = None
    refused: RefusedReading | None
    missing: tuple[UnreadPart, ...] = ()
    warnings: tuple[ReadingWarning, ...] = ()
    series_number: int | None = None
    slice_thickness_mm: float | None = None
    series_probability: float | None
    threshold: float | None
    lesions: int | None
    slices: int | None
    positive_slices: int | None
    report_uid: str | None
    bundle_name: str
    bundle_sha256: str
    demonstration: bool = False
    software_version: str
    identifiers: Identifiers
    withdrawal: Withdrawal | None = None

    @property
    def answer(self) -> Answer:
        """What the message says: the answer for the study, never less severe than this series'."""
        return self._study_answer_of_another or self.series_answer

    @property
    def answer_series(self) -> str:
        """The series that gave the answer; empty if it is not this one and not known."""
        if self._study_answer_of_another is None:
            return self.series_instance_uid
        return self.study_answer_series or ""

    @property
    def finding(self) -> str:
        return FINDINGS[self.answer] if self.withdrawal is None else WITHDRAWN

    def public(self) -> dict[str, Any]:
        """All fields apart from the identifiers, as JSON values."""
        document = self._document() | {
            "answer": self.answer,
            "answer_series": self.answer_series or None,
            "finding": self.finding,
            "research_use": RESEARCH_USE_NOTIFICATION,
        }
        for inner in ("identifiers", "study_answer", "study_answer_series"):
            del document[inner]
        return document

    def encode(self) -> bytes:
        """Canonical JSON in UTF-8."""
        document = self._document() | {"format": FORMAT}
        return json.dumps(
            document, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()

    def sentence(self) -> str:
        """The answer in words: that of the study first, if another series gave it."""
        words = [self._sentence_of_series()]
        if self._study_answer_of_another is not None:
            where = f" ({self.answer_series})" if self.answer_series else ""
            words = [
                f"{_OF_ANOTHER_SERIES[self._study_answer_of_another]} another series of this study"
                f"{where}. This series:",
                *words,
            ]
        if self.demonstration:
            words.insert(0, f"{DEMONSTRATION_MODEL}.")
        return " ".join(words)

    @property
    def _study_answer_of_another(self) -> Answer | None:
        """The study's answer if it is more severe than that of this series."""
        known = self.study_answer
        if known is None or known.severity <= self.series_answer.severity:
            return None
        return known

    def _document(self) -> dict[str, Any]:
        document = asdict(self) | {"at": self.at.isoformat()}
        if self.withdrawal is None:
            del document["withdrawal"]
        return document

    def _sentence_of_series(self) -> str:
        if self.withdrawal is not None:
            return (
                f"The answer was withdrawn. {self.withdrawal.code.sentence} "
                "Whether there is hemorrhage is not known."
            )
        if self.refused is not None:
            return (
                f"The series was not analysed ({self.refused.reason}): "
                "whether there is hemorrhage is not known."
            )
        score = self._score()
        missing = "; ".join(part.detail.rstrip(". ") for part in self.missing)
        if self.series_answer is Answer.PRESENT:
            unread = f" Part of the head was not read: {missing}." if missing else ""
            return (
                f"Intracranial hemorrhage is suspected by an algorithm; {score}, "
                f"lesions marked: {self.lesions}.{unread}"
            )
        if self.series_answer is Answer.UNDETERMINED:
            return (
                "Whether there is intracranial hemorrhage is undetermined: no hemorrhage was found "
                f"by the algorithm, but part of the head was not read: {missing}; {score}."
            )
        return f"No intracranial hemorrhage was found by the algorithm; {score}."

    def _score(self) -> str:
        """Not called a probability: beside "not found" that reads as certainty."""
        assert self.series_probability is not None
        assert self.threshold is not None
        return (
            f"highest slice score {percent_text(self.series_probability)}, "
            f"threshold {percent_text(self.threshold)}"
        )


_OF_ANOTHER_SERIES = {
    Answer.PRESENT: "Intracranial hemorrhage is suspected by an algorithm in",
    Answer.UNDETERMINED: "Whether there is intracranial hemorrhage is undetermined because of",
    Answer.NOT_ANALYSED: "Whether there is hemorrhage is not known, because of",
}


def decode(data: bytes) -> Notification:
    """The notification that `encode` wrote; also one of format 1, which may wait in the spool from
    before an update. Raises NotANotification.
    """
    try:
        document = json.loads(data)
        version = document.pop("format")
        if version == 1:
            document = _from_format_1(document)
        elif version != FORMAT:
            raise NotANotification(
                "the notification has another format: another version of ich-node wrote it"
            )
        refused, study_answer = document["refused"], document["study_answer"]
        withdrawal = document.get("withdrawal")
        changes = {
            "at": datetime.fromisoformat(document["at"]),
            "series_answer": Answer(document["series_answer"]),
            "study_answer": Answer(study_answer) if study_answer else None,
            "refused": RefusedReading(**refused) if refused else None,
            "missing": tuple(
                UnreadPart(**part | {"instance_numbers": tuple(part["instance_numbers"])})
                for part in document["missing"]
            ),
            "warnings": tuple(ReadingWarning(**warning) for warning in document["warnings"]),
            "identifiers": Identifiers(**document["identifiers"]),
            "withdrawal": Withdrawal(
                code=WithdrawalReason(withdrawal["code"]), answer=Answer(withdrawal["answer"])
            )
            if withdrawal
            else None,
        }
        return Notification(**(document | changes))
    except (ValueError, KeyError, TypeError) as error:
        raise NotANotification from error


def _from_format_1(document: dict[str, Any]) -> dict[str, Any]:
    """It had the words of the messages, and nothing was known of missing parts and the study."""
    kept = {name: document[name] for name in document if name not in ("finding", "research_use")}
    answers = {word: answer for answer, word in FINDINGS.items()}
    added = {"series_answer": answers[document["finding"]], "study_answer": None}
    return kept | added | {"missing": [], "warnings": []}
