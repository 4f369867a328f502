"""The values by which somebody could be recognised in a series, and the search for them in a text.

They are those of the attributes that PS3.15 Annex E removes or replaces, wherever they stand. A
value is found whatever its case, and whatever separates the parts of a name. A part of a name
counts, too. Values of fewer than four characters are not searched: they stand everywhere.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from pydicom import DataElement, Dataset
from pydicom.charset import convert_encodings
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag
from pydicom.valuerep import VR

from ich_node.dicom.unreadable import PARSING_ERRORS
from ich_node.export.deidentify import STANDARD_ROOT, is_identifying

LEAST_CHARACTERS = 4
LEAST_OF_OTHER_SCRIPTS = 2  # one character is a syllable
LONG_CHARACTERS = 6  # found within a longer word, too
TEXT_VRS = {VR.AE, VR.LO, VR.LT, VR.PN, VR.SH, VR.ST, VR.UC, VR.UT, VR.UR}
SEPARATORS = re.compile(r"[\s^=_,;|/\\-]+")
UID = re.compile(r"(?<![\d.])\d+(?:\.\d+){2,}")
DATE = re.compile(r"(?<![\d.])(\d{4})[-./]?(\d\d)[-./]?(\d\d)(?!\d|\.\d)")
# What dicom-anonymizer writes, and a date that it writes
DUMMIES = {"anonymized", "00010101"}
# Words about the technique. Coded attributes that stay have the same words ("HEAD"): a value that
# is no more than that identifies nobody.
DESCRIPTIVE = ("Description", "ProtocolName", "StationName", "Label", "AETitle")


@dataclass(frozen=True, kw_only=True)
class Text:
    """One value. keyword: of its attribute; encodings: of the character sets of its object."""

    words: str
    keyword: str
    encodings: frozenset[str]

    @property
    def is_descriptive(self) -> bool:
        return self.keyword.endswith(DESCRIPTIVE)

    @property
    def is_number(self) -> bool:
        return self.words.replace(" ", "").replace(".", "").isdigit()

    @property
    def is_short_number(self) -> bool:
        """It stands in numbers and names of files by chance."""
        return self.is_number and len(self.words) < LONG_CHARACTERS

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self._bounded(re.escape(self.words)))

    @cached_property
    def byte_pattern(self) -> re.Pattern[bytes]:
        """In lower case bytes, in every encoding; a space stands for any separator."""
        forms = {
            re.escape(form.encode(encoding).lower()).replace(rb"\ ", rb"[ ^=_,;|/\\-]+")
            for encoding in {"utf-8", *self.encodings}
            for form in (self.words, self.words.upper())
            if _can_encode(form, encoding)
        }
        joined = b"|".join(sorted(forms)) or rb"(?!)"
        before, after = (self._bounded("|").encode()).split(b"|", 1)
        return re.compile(before + b"(?:" + joined + b")" + after)

    def _bounded(self, pattern: str) -> str:
        if self.is_number:
            return rf"(?<![\d.]){pattern}(?!\d)"
        if len(self.words) < LONG_CHARACTERS and self.words.isascii():
            return rf"(?<![a-z0-9]){pattern}(?![a-z0-9])"
        return pattern


@dataclass(frozen=True, kw_only=True)
class PatientValues:
    """uids, dates: each with the keyword of its attribute."""

    uids: Mapping[str, str]
    dates: Mapping[str, str]
    texts: frozenset[Text]

    def __or__(self, other: "PatientValues") -> "PatientValues":
        return PatientValues(
            uids={**self.uids, **other.uids},
            dates={**self.dates, **other.dates},
            texts=self.texts | other.texts,
        )

    def found_in(self, text: str, *, but: Collection[Text] = ()) -> str | None:
        """The keyword of a value that stands in the text. but: texts that are not searched."""
        return self.token_in(text) or next(
            (each.keyword for each in self.texts_in(text) if each not in but), None
        )

    def token_in(self, text: str) -> str | None:
        """The same for UIDs and dates."""
        for token in UID.findall(text):
            if token in self.uids:
                return self.uids[token]
        for parts in DATE.findall(text):
            if "".join(parts) in self.dates:
                return self.dates["".join(parts)]
        return None

    @property
    def short_numbers(self) -> frozenset[Text]:
        return frozenset(text for text in self.texts if text.is_short_number)

    @property
    def descriptions(self) -> frozenset[Text]:
        """Of the technique: "head" is no name."""
        return frozenset(text for text in self.texts if text.is_descriptive)

    def texts_in(self, text: str) -> Iterator[Text]:
        words = plain(text)
        return (each for each in self.texts if each.pattern.search(words))


NOTHING = PatientValues(uids={}, dates={}, texts=frozenset())


def plain(text: str) -> str:
    """In lower case, with one space for whatever separates words."""
    return SEPARATORS.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def identifiers_of(datasets: Iterable[Dataset]) -> PatientValues:
    """Of the original objects."""
    uids: dict[str, str] = {}
    dates: dict[str, str] = {}
    texts: set[Text] = set()
    for dataset in datasets:
        encodings = _encodings(dataset)
        for tag, vr, values in _identifying(dataset):
            keyword = keyword_for_tag(tag)
            for value in values:
                if vr == VR.UI:
                    if value and not value.startswith(STANDARD_ROOT):
                        uids[value] = keyword
                elif vr in (VR.DA, VR.DT):
                    dates.update({"".join(parts): keyword for parts in DATE.findall(value[:10])})
                    dates.update({value[:8]: keyword} if value[:8].isdigit() else {})
                else:
                    words = _parts_of_name(value) if vr == VR.PN else (plain(value),)
                    texts |= {
                        Text(words=each, keyword=keyword, encodings=encodings)
                        for each in words
                        if _is_searched(each)
                    }
    short = [date for date in dates if len(date) < 8 or date in DUMMIES]
    return PatientValues(
        uids=uids,
        dates={date: keyword for date, keyword in dates.items() if date not in short},
        texts=frozenset(texts),
    )


def elements_of(dataset: Dataset) -> Iterator[DataElement | RawDataElement]:
    """All elements at any depth but sequences; as they stand in the file where they cannot be
    decoded.
    """
    for tag in sorted(dataset.keys()):
        try:
            element = dataset[tag]
        except PARSING_ERRORS:
            yield dataset.get_item(tag)
            continue
        if element.VR != VR.SQ:
            yield element
            continue
        for item in element.value:
            yield from elements_of(item)


def text_values(element: DataElement | RawDataElement) -> list[str]:
    """The element's values as text."""
    value = element.value
    if isinstance(value, bytes):
        return [value.decode("latin-1").strip("\0 ")]
    if value is None:
        return []
    many = value if isinstance(value, (list, tuple)) or hasattr(value, "append") else [value]
    return [str(each).strip("\0 ") for each in many if each is not None]


def _identifying(dataset: Dataset) -> Iterator[tuple[BaseTag, str, list[str]]]:
    for element in elements_of(dataset):
        tag = BaseTag(element.tag)
        vr = str(element.VR or VR.LO)
        if is_identifying(tag) and vr in TEXT_VRS | {VR.UI, VR.DA, VR.DT, VR.UN}:
            yield tag, vr, text_values(element)


def _parts_of_name(value: str) -> set[str]:
    """The whole name and its parts, in each of its scripts."""
    groups = [plain(group) for group in value.split("=")]
    return {word for group in groups for word in (group, *group.split())}


def _is_searched(words: str) -> bool:
    if words in DUMMIES:
        return False
    least = LEAST_CHARACTERS if words.isascii() else LEAST_OF_OTHER_SCRIPTS
    return len(words) >= least


def _encodings(dataset: Dataset) -> frozenset[str]:
    try:
        return frozenset(convert_encodings(dataset.get("SpecificCharacterSet")))
    except PARSING_ERRORS:
        return frozenset({"latin-1"})


def _can_encode(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
