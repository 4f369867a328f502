"""Notifications of every kind and the HL7 settings that change a message: the cases of the golden
ORU^R01 messages (tests/deliver/oru_messages.json).
"""

from dataclasses import replace

from ich_node.answer import Answer, WithdrawalReason
from ich_node.config.destinations import Hl7Destination
from ich_node.notification import Identifiers, Notification, RefusedReading, Withdrawal
from ich_node.report import notification_of_withdrawal
from tests.support.mllp_receiver import hl7
from tests.support.notifications import HOLE, METAL, UNREAD, notification
from tests.support.standing_clock import START

SUSPECTED, NOT_FOUND, NOT_ANALYSED = (
    notification(),
    notification(positive=False),
    notification(positive=None),
)
UNDETERMINED = replace(
    NOT_FOUND, series_answer=Answer.UNDETERMINED, missing=(HOLE, UNREAD), warnings=(METAL,)
)
WITHDRAWN = notification_of_withdrawal(
    SUSPECTED,
    WithdrawalReason.WRONG_PATIENT,
    at=START,
    study_answer=Answer.NOT_ANALYSED,
    study_answer_series=SUSPECTED.series_instance_uid,
    replaces=SUSPECTED.uid,
)
ANSWERS = {
    "suspected": SUSPECTED,
    "not found": NOT_FOUND,
    "undetermined": UNDETERMINED,
    "not analysed": NOT_ANALYSED,
    "suspected, replaces": replace(SUSPECTED, replaces="2.25.1", revision=2),
    "not found, replaces": replace(NOT_FOUND, replaces="2.25.1", revision=2),
    "undetermined, replaces": replace(UNDETERMINED, replaces="2.25.1", revision=2),
    "not analysed, replaces": replace(NOT_ANALYSED, replaces="2.25.1", revision=2),
    "withdrawn": WITHDRAWN,
}
DELIMITERS = Identifiers(
    patient_id="1|2^3~4&5\\6\rOBX|1|ST|evil", patient_name="O|Neil^A&B=山田^太郎=やまだ^たろう"
)
WITH_IDENTIFIERS = {
    "delimiters and three groups of a name": DELIMITERS,
    "only a name and a number": Identifiers(patient_name="Doe", patient_id="P1"),
    "an issuer without a patient id": replace(
        SUSPECTED.identifiers, patient_id="", filler_order_number="FILLER-9"
    ),
    "six components of a name": replace(SUSPECTED.identifiers, patient_name="A^B^C^D^E^F"),
    "no ideographic group": replace(
        SUSPECTED.identifiers, patient_name="Yamada^Tarou==やまだ^たろう"
    ),
    "spaces, long values, odd codes": replace(
        SUSPECTED.identifiers,
        patient_id=" a ",
        accession_number="A" * 40,
        patient_sex="female",
        patient_birth_date="1943",
        study_time="235959.123",
    ),
    "illegal identity": Identifiers(
        patient_id="4711\t\\A" + "7" * 59,
        patient_name="Böhm^Zoë",
        accession_number="2025-CT-000000000000123",
        patient_sex="U",
        patient_birth_date="1943.06.07",
        study_date="2025.12.31",
        study_time="23:59:01",
        issuer_of_patient_id="Hospital of the Holy Ghost",
    ),
    "no name": Identifiers(patient_id="P1"),
    "no name and no number": Identifiers(accession_number="ACC"),
    "dates that are none": replace(
        SUSPECTED.identifiers,
        patient_birth_date="19431307",
        study_date="20250230",
        study_time="2559",
        patient_sex="female",
    ),
    "nobody": Identifiers(),
    "a number without an end": Identifiers(patient_id="9" * 200, patient_name="Doe"),
    "a name in another character set": Identifiers(
        patient_id="P1", patient_name="M\N{REPLACEMENT CHARACTER}"
    ),
    "a study without a date": replace(SUSPECTED.identifiers, study_date=""),
}
SETTINGS = {
    "named applications": {
        "sending_application": "ICH|NODE^1",
        "sending_facility": "CT",
        "receiving_application": "RIS",
        "receiving_facility": "Hosp",
        "processing_id": "D",
    },
    "no application": {"sending_application": "", "processing_id": "T"},
}
TEXTS = {
    "a reason with delimiters": replace(
        NOT_ANALYSED, refused=RefusedReading(reason="mixed_series", detail="a|b^c & \\d~ é\n2")
    ),
    "a long reason in lines": replace(
        NOT_ANALYSED,
        refused=RefusedReading(reason="mixed_series", detail=f"{'a^b ' * 60}{'&' * 400}"),
    ),
    "a reason without words": replace(
        NOT_ANALYSED, refused=RefusedReading(reason="not_head", detail="")
    ),
    "no report and small numbers": replace(
        NOT_FOUND, report_uid=None, series_probability=0.00012, threshold=0.12345, lesions=0
    ),
}

OF_ANOTHER_SERIES = {"study_answer": Answer.PRESENT, "study_answer_series": "1.2.3.99"}
STUDIES = {
    "suspected in another series": replace(NOT_FOUND, **OF_ANOTHER_SERIES, series_number=4),
    "suspected in another series, this one not analysed": replace(
        NOT_ANALYSED, **OF_ANOTHER_SERIES
    ),
    "undetermined because of a series that is not known": replace(
        NOT_FOUND, study_answer=Answer.UNDETERMINED
    ),
    "withdrawn, suspected in another series": replace(WITHDRAWN, **OF_ANOTHER_SERIES),
    "not analysed, withdrawn": replace(
        WITHDRAWN,
        withdrawal=Withdrawal(code=WithdrawalReason.QUALITY, answer=Answer.NOT_ANALYSED),
    ),
    "a demonstration": replace(SUSPECTED, demonstration=True, missing=(HOLE,)),
    "nothing is certain": replace(NOT_FOUND, series_probability=1.0, threshold=0.0),
}

CASES: dict[str, tuple[Notification, Hl7Destination]] = {
    **{name: (notified, hl7(1)) for name, notified in (ANSWERS | TEXTS | STUDIES).items()},
    **{
        f"{name}, identified": (notified, hl7(1, identifiers=True))
        for name, notified in ANSWERS.items()
    },
    **{
        name: (replace(SUSPECTED, identifiers=who), hl7(1, identifiers=True))
        for name, who in WITH_IDENTIFIERS.items()
    },
    **{name: (SUSPECTED, hl7(1, **settings)) for name, settings in SETTINGS.items()},
}
