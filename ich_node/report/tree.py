"""Content items of a structured report (PS3.3 C.17.3, C.18) as plain datasets, each with its
relationship to its parent.

Where highdicom's templates say what we need, they are used (`report/observer.py`):
TID 1002, 1004 and 4019. Each is built once for a document. The rest of the
tree is ours, because of what highdicom 0.28 says or costs. Compared node by node on the golden
studies; times are medians of CPU time for 20 positive slices with one finding each, built and
encoded, on an idle core of an AMD EPYC (`python -m benchmarks.report`):

- Measurement groups (TID 1501, 1410, 300): the tree is the same node by node, apart from our
  comments and the Finding Site of a mark, for which highdicom has no place, and two additions of
  highdicom, a purpose of reference for each image below a coordinate and a Floating Point Value
  beside each Numeric Value. The groups take three times as long; with the constant parts shared and
  their codes encoded once, as here, about twice as long as ours.
- Image library (TID 1600 to 1604): highdicom repeats all descriptors in each image: 308 items and
  68 kB instead of 87 items and 18 kB, and takes 289 ms instead of 24. It raises AttributeError for
  an image without Slice Thickness.
- Root (TID 1500): `MeasurementReport` accepts highdicom's own groups only, and has no parameter for
  Qualitative Evaluations, where the comments are.
"""

from collections.abc import Iterable
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

LINES = 14  # of text, over the height of an image

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
    """CONTAINER. template: Template Identifier (PS3.16); relationship: None for the root of a
    document; continuous: Continuity of Content.
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
    name: Code, value: float, *children: Dataset, unit: Code, relationship: Relationship
) -> Dataset:
    """NUM. The caller rounds the value; it is written as it is."""
    item = _item("NUM", name, relationship)
    measured = _dataset()
    measured.NumericValue = DSfloat(value, auto_format=True)
    measured["MeasurementUnitsCodeSequence"] = _encoded("MeasurementUnitsCodeSequence", unit)
    item.MeasuredValueSequence = [measured]
    if children:
        item.ContentSequence = list(children)
    return item


def point(
    name: Code, column_row: tuple[float, float], *, source: Dataset, relationship: Relationship
) -> Dataset:
    """SCOORD POINT on the image with the header `source`. 0\\0 is the top-left corner of its first
    pixel, 0.5\\0.5 the centre of that pixel (PS3.3 C.18.6).
    """
    item = _item("SCOORD", name, relationship)
    item.GraphicType, item.GraphicData = "POINT", list(column_row)
    item.ContentSequence = [image(None, source, "SELECTED FROM")]
    return item


def margin_line(
    name: Code, source: Dataset, relationship: Relationship, *, line: int = 0
) -> Dataset:
    """SCOORD POLYLINE for the image with the header `source` as a whole: a short line in its upper
    left margin, where a head CT shows air. Viewers write beside it. line: 0 along the first row, 1
    below.
    """
    item = _item("SCOORD", name, relationship)
    row = round(line * source.Rows / LINES)
    item.GraphicType, item.GraphicData = "POLYLINE", [0, row, source.Columns // 8, row]
    item.ContentSequence = [image(None, source, "SELECTED FROM")]
    return item


def image(
    name: Code | None, source: Dataset, relationship: Relationship, *children: Dataset
) -> Dataset:
    """IMAGE: a reference to the image with the header `source`."""
    item = _item("IMAGE", name, relationship)
    item.ReferencedSOPSequence = [reference_to(source)]
    if children:
        item.ContentSequence = list(children)
    return item


def composite(source: Dataset, relationship: Relationship) -> Dataset:
    """COMPOSITE: a reference to an object that is no image, without a concept name."""
    item = _item("COMPOSITE", None, relationship)
    item.ReferencedSOPSequence = [_object_of(source)]
    return item


def reference_to(source: Dataset) -> Dataset:
    """The item of a reference sequence: SOP class and instance UID, and the number of a frame."""
    item = _object_of(source)
    if "ReferencedFrameNumber" in source:
        item.ReferencedFrameNumber = source.ReferencedFrameNumber
    return item


def references_to(sources: Iterable[Dataset]) -> list[Dataset]:
    """An item for each object, in the order of the sources, with the numbers of all frames of it
    that are among them.
    """
    items: dict[str, Dataset] = {}
    frames: dict[str, list[int]] = {}
    for source in sources:
        uid = str(source.SOPInstanceUID)
        items.setdefault(uid, _object_of(source))
        if "ReferencedFrameNumber" in source:
            frames.setdefault(uid, []).append(source.ReferencedFrameNumber)
    for uid, numbers in frames.items():
        items[uid].ReferencedFrameNumber = sorted(numbers)
    return list(items.values())


def objects_of(sources: Iterable[Dataset]) -> list[Dataset]:
    """An item for each object, without frames, where DICOM lists objects."""
    return list({str(source.SOPInstanceUID): _object_of(source) for source in sources}.values())


def _object_of(source: Dataset) -> Dataset:
    item = _dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = (
        source.SOPClassUID,
        source.SOPInstanceUID,
    )
    return item


def as_plain_items(items: Iterable[Dataset]) -> list[Dataset]:
    """highdicom's content items without children, ready to be written as quickly as ours."""
    written = []
    for item in items:
        plain = _dataset()
        for element in item:
            plain[element.tag] = (
                _encoded(element.keyword, _code_of(element.value[0]))
                if element.keyword.endswith("CodeSequence")
                else element
            )
        written.append(plain)
    return written


def _code_of(item: Dataset) -> Code:
    return Code(item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning)


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
    """A dataset marked as Explicit VR Little Endian. Without the mark, pydicom looks for ambiguous
    VRs at every level again when it writes.
    """
    dataset = Dataset()
    dataset.set_original_encoding(
        is_implicit_vr=False, is_little_endian=True, character_encoding="iso8859"
    )
    return dataset


@cache
def _encoded(keyword: str, code: Code) -> RawDataElement:
    """A sequence of one code, encoded: a report repeats a few codes a thousand times."""
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    write_sequence_item(buffer, code_item(code), ["ascii"])
    value = buffer.getvalue()
    return RawDataElement(Tag(keyword), "SQ", len(value), value, 0, False, True)
