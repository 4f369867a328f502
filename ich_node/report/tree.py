"""Content items of a structured report (PS3.3 C.17.3, C.18) as plain datasets, each with its
relationship to its parent.
"""

from functools import cache
from typing import Literal

from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_sequence_item
from pydicom.sr.coding import Code
from pydicom.tag import Tag
from pydicom.uid import UID
from pydicom.valuerep import DSfloat

Relationship = Literal[
    "CONTAINS",
    "HAS OBS CONTEXT",
    "HAS ACQ CONTEXT",
    "HAS CONCEPT MOD",
    "HAS PROPERTIES",
    "INFERRED FROM",
    "SELECTED FROM",
]


def container(
    name: Code,
    *children: Dataset,
    template: str = "",
    relationship: Relationship | None = "CONTAINS",
    continuous: bool = False,
) -> Dataset:
    """CONTAINER; template: the identifier of its template in PS3.16. The root of a document has no
    relationship.
    """
    item = _item("CONTAINER", name, relationship)
    item.ContinuityOfContent = "CONTINUOUS" if continuous else "SEPARATE"
    if template:
        of = Dataset()
        of.MappingResource, of.TemplateIdentifier = "DCMR", template
        item.ContentTemplateSequence = [of]
    if children:
        item.ContentSequence = list(children)
    return item


def coded(name: Code, value: Code, relationship: Relationship) -> Dataset:
    """CODE."""
    item = _item("CODE", name, relationship)
    item["ConceptCodeSequence"] = _encoded("ConceptCodeSequence", value)
    return item


def text(name: Code, value: str, relationship: Relationship) -> Dataset:
    """TEXT."""
    item = _item("TEXT", name, relationship)
    item.TextValue = value
    return item


def uid_reference(name: Code, value: UID, relationship: Relationship) -> Dataset:
    """UIDREF."""
    item = _item("UIDREF", name, relationship)
    item.UID = value
    return item


def number(
    name: Code, value: float, unit: Code, relationship: Relationship, *children: Dataset
) -> Dataset:
    """NUM; the value as it shall be read: rounded by the caller."""
    item = _item("NUM", name, relationship)
    measured = _dataset()
    measured.NumericValue = DSfloat(value, auto_format=True)
    measured["MeasurementUnitsCodeSequence"] = _encoded("MeasurementUnitsCodeSequence", unit)
    item.MeasuredValueSequence = [measured]
    if children:
        item.ContentSequence = list(children)
    return item


def point(
    name: Code | None, column: float, row: float, source: Dataset, relationship: Relationship
) -> Dataset:
    """SCOORD POINT on an image; 0\\0 is the top-left corner of its first pixel, whose centre is
    0.5\\0.5 (PS3.3 C.18.6).
    """
    item = _item("SCOORD", name, relationship)
    item.GraphicType, item.GraphicData = "POINT", [column, row]
    item.ContentSequence = [image(None, source, "SELECTED FROM")]
    return item


def whole_picture(name: Code, source: Dataset, relationship: Relationship) -> Dataset:
    """SCOORD POLYLINE around all pixels of an image, closed. source: its header, with Rows and
    Columns.
    """
    item = _item("SCOORD", name, relationship)
    right, bottom = source.Columns, source.Rows
    item.GraphicType, item.GraphicData = (
        "POLYLINE",
        [0, 0, right, 0, right, bottom, 0, bottom, 0, 0],
    )
    item.ContentSequence = [image(None, source, "SELECTED FROM")]
    return item


def image(
    name: Code | None, source: Dataset, relationship: Relationship, *children: Dataset
) -> Dataset:
    """IMAGE: the object with this header."""
    item = _item("IMAGE", name, relationship)
    item.ReferencedSOPSequence = [reference_to(source)]
    if children:
        item.ContentSequence = list(children)
    return item


def reference_to(source: Dataset) -> Dataset:
    """SOP class and instance of an object: the item of every kind of reference."""
    item = _dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = (
        source.SOPClassUID,
        source.SOPInstanceUID,
    )
    return item


def code_item(code: Code) -> Dataset:
    """The item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = (
        code.value,
        code.scheme_designator,
        code.meaning,
    )
    return item


def _item(value_type: str, name: Code | None, relationship: Relationship | None) -> Dataset:
    item = _dataset()
    if relationship:
        item.RelationshipType = relationship
    item.ValueType = value_type
    if name is not None:
        item["ConceptNameCodeSequence"] = _encoded("ConceptNameCodeSequence", name)
    return item


def _dataset() -> Dataset:
    """Of Explicit VR Little Endian: else the library looks at every level again for values that
    depend on the syntax.
    """
    dataset = Dataset()
    dataset.set_original_encoding(
        is_implicit_vr=False, is_little_endian=True, character_encoding="iso8859"
    )
    return dataset


@cache
def _encoded(keyword: str, code: Code) -> RawDataElement:
    """A sequence of one code as it is written: a report says the same few codes a thousand times."""
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    write_sequence_item(buffer, code_item(code), ["ascii"])
    value = buffer.getvalue()
    return RawDataElement(Tag(keyword), "SQ", len(value), value, 0, False, True)
