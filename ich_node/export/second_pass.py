"""The second pass over a de-identified file: it is searched for every identifying value of its
originals, independently of what removed them.

Decoded values are searched, and the bytes of the header, which also hold what pydicom does not
show. In the pixel data, which may hold comments of an encoder, only long values are searched: short
ones occur by chance.
"""

import io
from dataclasses import dataclass

import pydicom
from pydicom import DataElement
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import RawDataElement
from pydicom.valuerep import VR

from ich_node.export.identifying import (
    PatientValues,
    Text,
    elements_of,
    plain,
    text_values,
)

NUMBERS = {VR.DS, VR.IS}
TIMES = {VR.DA, VR.DT, VR.TM, VR.AS}
LEAST_IN_PIXELS = 8


@dataclass(frozen=True, kw_only=True)
class Leak:
    """keyword: of the attribute whose value was found. where: a keyword, or a part of the file."""

    keyword: str
    where: str

    @property
    def words(self) -> str:
        return f"a value of its {self.keyword} stands in {self.where}"


def leak_in(data: bytes, identifiers: PatientValues) -> Leak | None:
    """Of the bytes of a DICOM file; None if nothing was found."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    coincidences: set[Text] = set()
    pixels = b""
    for part in (dataset.file_meta, dataset):
        for element in elements_of(part):
            if keyword_for_tag(element.tag) == "PixelData":
                pixels = element.value if isinstance(element.value, bytes) else b""
                continue
            if found := _found_in(element, identifiers, coincidences):
                return Leak(keyword=found, where=keyword_for_tag(element.tag) or str(element.tag))
    at = data.rfind(pixels) if pixels else len(data)
    header = data[:at] + data[at + len(pixels) :]
    lower, shown = header.lower(), header.decode("latin-1")
    if found := identifiers.token_in(shown):
        return Leak(keyword=found, where="the bytes of the header")
    for text in identifiers.texts - coincidences - identifiers.short_numbers:
        if text.byte_pattern.search(lower):
            return Leak(keyword=text.keyword, where="the bytes of the header")
        if len(text.words) >= LEAST_IN_PIXELS and any(
            form.encode("utf-8") in pixels for form in _forms(text.words)
        ):
            return Leak(keyword=text.keyword, where="PixelData")
    return None


def _found_in(
    element: DataElement | RawDataElement, identifiers: PatientValues, coincidences: set[Text]
) -> str | None:
    """The keyword of the attribute whose value it holds. coincidences: gets descriptive values that
    are the whole value of this element.
    """
    if isinstance(element.value, bytes) and element.VR in (VR.OB, VR.OW):
        return None  # the bytes of the header are searched
    for value in text_values(element):
        if element.VR in NUMBERS:
            for text in identifiers.texts - identifiers.short_numbers:
                if text.words == plain(value):
                    return text.keyword
            continue
        if token := identifiers.token_in(value):
            return token
        if element.VR in TIMES:
            continue
        for text in identifiers.texts_in(value):
            if element.VR == VR.UI and text.is_number:
                continue
            if text.is_descriptive and text.words == plain(value):
                coincidences.add(text)
                continue
            return text.keyword
    return None


def _forms(words: str) -> set[str]:
    return {
        form.replace(" ", separator)
        for separator in " ^_"
        for form in (words, words.upper(), words.title())
    }
