"""Identifiers of the source -> the fields of PID and OBR. A value is whole and the same as in the
header, or it is not there: never cut, and never made to fit.
"""

import re
from dataclasses import replace
from datetime import datetime

from ich_node.deliver.outlets.hl7_text import LONGEST, faithful
from ich_node.errors import IchNodeError
from ich_node.notification import Identifiers

NO_NAME = "~^^^^^^U"  # no legal name, then one of the type Unspecified (§3.4.2.5, table 0200)
NULL = '""'  # PID-3 is required
SEXES = {"F", "M", "O", "U", "A", "N"}  # table 0001
LONGEST_NAMESPACE = 20  # HD.1
UNDECODABLE = "\N{REPLACEMENT CHARACTER}"
# DA and TM of PS3.5 §6.2, and as ACR-NEMA wrote them
DATE = re.compile(r"(\d{4})(?:\.?(\d{2})(?:\.?(\d{2}))?)?")
TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.\d{1,6})?)?)?")


class CannotIdentify(IchNodeError):
    """A value cannot be sent in HL7. field: its name in Identifiers. The sentence does not quote
    it.
    """

    def __init__(self, field: str, detail: str) -> None:
        self.field = field
        super().__init__(detail)


def sendable(who: Identifiers) -> tuple[Identifiers, str]:
    """The values that HL7 can carry, and in words which are left out; empty if none are. Without
    the patient's number nothing is kept: the rest could be filed under somebody else.
    """
    if who == Identifiers():
        return who, "without identifiers: the headers name no patient, or more than one"
    left_out: list[str] = []
    while True:
        try:
            pid_fields(who)
            obr_fields(who, otherwise="")
        except CannotIdentify as error:
            if error.field in {"patient_id", "issuer_of_patient_id"}:
                return Identifiers(), f"without identifiers: {error.detail}"
            who = replace(who, **{error.field: ""})
            left_out.append(error.detail)
        else:
            return who, f"without an identifier: {'; '.join(left_out)}" if left_out else ""


def pid_fields(who: Identifiers) -> dict[int, str]:
    """By their numbers. Raises CannotIdentify."""
    identifier = _checked(faithful(who.patient_id), "patient_id")
    issuer = _issuer(_checked(faithful(who.issuer_of_patient_id), "issuer_of_patient_id"))
    return {
        1: "1",
        3: f"{identifier}^^^{issuer}".rstrip("^") or NULL,
        5: "~".join(person_names(who.patient_name)) or NO_NAME,
        7: date(who.patient_birth_date),
        8: who.patient_sex if who.patient_sex in SEXES else "",
    }


def obr_fields(who: Identifiers, *, otherwise: str) -> dict[int, str]:
    """OBR-2, -3, -7 and -18; otherwise: OBR-3 if the header has no number of the order. Raises
    CannotIdentify.
    """
    accession = _checked(faithful(who.accession_number), "accession_number")
    filler = _checked(faithful(who.filler_order_number), "filler_order_number")
    return {
        2: _checked(faithful(who.placer_order_number), "placer_order_number"),
        3: filler or accession or faithful(otherwise),
        7: date_and_time(who.study_date, who.study_time),
        18: accession,
    }


def person_names(name: str) -> list[str]:
    """PN of PS3.5 §6.2 as XPN: suffix and prefix change places; each of the component groups
    (alphabetic, ideographic, phonetic) becomes a repetition with its XPN-8. Raises CannotIdentify.
    """
    repetitions = []
    for group, code in zip(name.split("=", 2), "AIP", strict=False):
        if group.strip("^ "):
            family, given, middle, prefix, suffix = (
                _checked(faithful(part), "patient_name")
                for part in (group.split("^", 4) + [""] * 5)[:5]
            )
            repetitions.append(f"{family}^{given}^{middle}^{suffix}^{prefix}^^^{code}")
    return repetitions


def date(text: str) -> str:
    """YYYYMMDD, YYYYMM or YYYY; empty if the text is no date."""
    match = DATE.fullmatch(text.strip(" "))
    if match is None:
        return ""
    year, month, day = match.groups()
    try:
        datetime(int(year), int(month or 1), int(day or 1))  # noqa: DTZ001 - a date only
    except ValueError:
        return ""
    return f"{year}{month or ''}{day or ''}"


def date_and_time(date_text: str, time_text: str) -> str:
    """TS; of a time that is none only the date."""
    day, match = date(date_text), TIME.fullmatch(time_text.strip(" "))
    if len(day) < 8 or match is None:
        return day
    hour, minute, second = match.groups()
    if minute is None or int(hour) > 23 or int(minute) > 59 or int(second or 0) > 59:
        return day
    return f"{day}{hour}{minute}{second or ''}"


def _issuer(issuer: str) -> str:
    """HD: a name that is too long for HD.1 has room in HD.2, with the type "local"."""
    return f"&{issuer}&L" if len(issuer) > LONGEST_NAMESPACE else issuer


def _checked(value: str, field: str) -> str:
    words = field.replace("_", " ")
    if UNDECODABLE in value:
        raise CannotIdentify(field, f"the {words} is not in the character set of its header")
    if len(value) > LONGEST:
        raise CannotIdentify(field, f"the {words} has more than {LONGEST} characters")
    return value
