"""Notifications of every kind, with identifiers that only some receivers may get."""

import json

from ich_node.answer import Answer
from ich_node.notification import (
    Identifiers,
    Notification,
    ReadingWarning,
    RefusedReading,
    UnreadPart,
)
from tests.support.results import ROOT
from tests.support.standing_clock import START

WHO = Identifiers(
    patient_id="MRN-4711-X",
    issuer_of_patient_id="HOSP",
    patient_name="Nobodysname^Zuzana^^Dr^Jr",
    patient_birth_date="19430607",
    patient_sex="F",
    accession_number="ACC-0815",
    placer_order_number="PLACER-77",
    study_date="20251231",
    study_time="235900",
)
HOLE = UnreadPart(
    part="hole",
    detail="a gap of 95 mm between the slices with the Instance Numbers 12 and 32",
    from_mm=60.0,
    to_mm=155.0,
    slices=18,
    instance_numbers=(12, 32),
)
UNREAD = UnreadPart(part="unread", detail="2 objects could not be decoded")
METAL = ReadingWarning(kind="metal", detail="3 slices that show brain show metal too")
SECRETS = ("MRN-4711", "Nobodysname", "Zuzana", "19430607", "ACC-0815", "PLACER-77", "20251231")


def notification(
    series: int = 1, *, revision: int = 1, positive: bool | None = True, replaces: str | None = None
) -> Notification:
    """positive: None = the series was refused."""
    answer = {True: Answer.PRESENT, False: Answer.ABSENT, None: Answer.NOT_ANALYSED}[positive]
    read = {
        "series_probability": 0.97 if positive else 0.02,
        "threshold": 0.5,
        "lesions": 2 if positive else 0,
    }
    return Notification(
        uid=f"{ROOT}{series}.9{revision}.{answer is Answer.PRESENT:d}",
        replaces=replaces or None,
        study_instance_uid=f"{ROOT}{series}",
        series_instance_uid=f"{ROOT}{series}.0",
        revision=revision,
        at=START,
        series_answer=answer,
        refused=RefusedReading(reason="bone_kernel", detail="the kernel is 'H60s'")
        if positive is None
        else None,
        slices=36,
        positive_slices=4 if positive else 0,
        report_uid=f"{ROOT}{series}.1",
        bundle_name="tissue-demonstration",
        bundle_sha256="ab" * 32,
        software_version="0.1.0",
        identifiers=WHO,
        **(read if positive is not None else dict.fromkeys(read)),
    )


def in_format_1(made: Notification) -> bytes:
    """As earlier versions of this node wrote it into the spool."""
    document = json.loads(made.encode())
    for name in (
        "series_answer",
        "study_answer",
        "study_answer_series",
        "missing",
        "warnings",
        "series_number",
        "slice_thickness_mm",
        "demonstration",
    ):
        del document[name]
    words = {"finding": made.finding, "research_use": "For research use only.", "format": 1}
    return json.dumps(document | words).encode()


def without_secrets(*texts: str) -> bool:
    return not [secret for secret in SECRETS for text in texts if secret in text]
