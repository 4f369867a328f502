"""What a series is found by, as it stands in an object's header."""

from typing import NamedTuple

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.valuerep import TEXT_VR_DELIMS
from typing_extensions import override

from ich_node.ledger import SearchKey, SearchTerms

LONGEST_DESCRIPTION = 128
LONGEST_MODALITY = 16


class SearchWords(NamedTuple):
    """Five elements without padding, a character for each byte. They are decoded only for an object
    that its series needs, which is the first one nearly always.

    A tuple, because each object has one: a dataclass takes longer to make.
    """

    character_set: str
    accession_number: str
    patient_id: str
    series_description: str
    modality: str

    @override
    def __repr__(self) -> str:
        """Without the patient."""
        return "SearchWords()"

    def terms(self, key: SearchKey | None) -> SearchTerms:
        """What the ledger keeps."""
        if key is None:
            return SearchTerms()
        return SearchTerms(
            accession_hmac=key.accession(self._decoded(self.accession_number)),
            patient_hmac=key.patient(self._decoded(self.patient_id)),
            series_description=_plain(self._decoded(self.series_description), LONGEST_DESCRIPTION),
            modality=_plain(self._decoded(self.modality).upper(), LONGEST_MODALITY),
        )

    def _decoded(self, text: str) -> str:
        """Nearly every value is ASCII, which all character sets of DICOM have in common."""
        if text.isascii() and "\x1b" not in text:
            return text
        names = [name.strip() for name in self.character_set.split("\\")]
        encoded = text.encode("latin-1")
        try:
            return decode_bytes(encoded, convert_encodings(names), TEXT_VR_DELIMS)
        except (LookupError, UnicodeError):  # a character set that does not exist, or a wrong one
            return text


def _plain(text: str, longest: int) -> str | None:
    """Printable, and no longer than the standard allows by much; None if it is empty."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return printable.strip()[:longest] or None
