"""The one answer that a series, and a study, gets, and why it is taken back. Ledger, documents and
messages all use it.
"""

from enum import StrEnum


class Answer(StrEnum):
    """Whether there is intracranial hemorrhage, as far as this node can say.

    ABSENT is only said about a whole head. A head that was read in part and shows no blood is
    UNDETERMINED; what was not read at all is NOT_ANALYSED.
    """

    PRESENT = "present"
    ABSENT = "absent"
    UNDETERMINED = "undetermined"
    NOT_ANALYSED = "not_analysed"

    @property
    def severity(self) -> int:
        """The answer of a study is that of its series with the highest severity."""
        return _SEVERITY.index(self)


_SEVERITY = (Answer.ABSENT, Answer.NOT_ANALYSED, Answer.UNDETERMINED, Answer.PRESENT)


class WithdrawalReason(StrEnum):
    """Why an answer was taken back."""

    WRONG_PATIENT = "wrong_patient"
    QUALITY = "quality"
    SAFETY = "safety"

    @property
    def words(self) -> str:
        """For people."""
        return self.replace("_", " ")

    @property
    def sentence(self) -> str:
        """For those who got the answer."""
        return _SENTENCES[self]


_SENTENCES = {
    WithdrawalReason.WRONG_PATIENT: "The images are not of this patient, or not of this order.",
    WithdrawalReason.QUALITY: "Its quality is not good enough.",
    WithdrawalReason.SAFETY: "It must not be used, for the safety of the patient.",
}
