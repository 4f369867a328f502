"""What no validator sees in our SR: every fault of a tree, in words."""

from collections import Counter
from collections.abc import Iterator

from pydicom import Dataset

from ich_node.detection.series import Series

CERTAINTY, PERCENT = ("111012", "DCM"), ("%", "UCUM")
HEMORRHAGE = ("1386000", "SCT")
PRESENCE = {("52101004", "SCT"), ("272519000", "SCT")}
PROCEDURE = (("121058", "DCM"), ("25045-6", "LN"))
FAMILY = (("111000", "DCM"), ("123110", "DCM"))
SITE = (("363698007", "SCT"), ("1101003", "SCT"))


def items(parent: Dataset) -> Iterator[Dataset]:
    """The direct children."""
    yield from parent.get("ContentSequence", [])


def walk(parent: Dataset) -> Iterator[Dataset]:
    """Every content item below."""
    for item in items(parent):
        yield item
        yield from walk(item)


def name(item: Dataset) -> tuple[str, str]:
    return code(item.get("ConceptNameCodeSequence"))


def code(sequence: list[Dataset] | None) -> tuple[str, str]:
    return (sequence[0].CodeValue, sequence[0].CodingSchemeDesignator) if sequence else ("", "")


def groups(document: Dataset) -> list[Dataset]:
    """The measurement groups."""
    return [item for item in walk(document) if name(item) == ("125007", "DCM")]


def regions(group: Dataset) -> list[Dataset]:
    """The Image Regions of a TID 1410 group."""
    return [item for item in items(group) if name(item) == ("111030", "DCM")]


def texts(document: Dataset) -> list[str]:
    return [item.TextValue for item in walk(document) if item.ValueType == "TEXT"]


def faults(document: Dataset, series: Series) -> list[str]:
    """Empty for a tree as it should be."""
    found = []
    if [(name(item), code(item.get("ConceptCodeSequence"))) for item in items(document)].count(PROCEDURE) != 1:
        found.append("Procedure reported")
    if not [item for item in items(document) if name(item) == ("111028", "DCM")]:
        found.append("Image Library")
    tracking = [item.UID for group in groups(document) for item in items(group) if name(item) == ("112040", "DCM")]
    if len(tracking) != len(groups(document)) or max(Counter(tracking).values()) > 1:
        found.append("tracking UIDs")
    for group in groups(document):
        found += group_faults(group)
    for item in walk(document):
        found += point_faults(item, series) if item.ValueType == "SCOORD" else []
        found += reference_faults(item, series) if item.ValueType == "IMAGE" else []
    return found


def group_faults(group: Dataset) -> list[str]:
    found = []
    pairs = [(name(item), code(item.get("ConceptCodeSequence"))) for item in items(group) if item.ValueType == "CODE"]
    found += [f"no {row}" for row in ((("121071", "DCM"), HEMORRHAGE), FAMILY, SITE) if pairs.count(row) != 1]
    if not regions(group) and [value for key, value in pairs if key == HEMORRHAGE and value in PRESENCE] == []:
        found.append("neither present nor absent")
    if len(regions(group)) > 1:
        found.append("more than one region")
    numbers = [item for item in items(group) if item.ValueType == "NUM"]
    if [name(item) for item in numbers] != [CERTAINTY]:
        found.append("certainty")
    for item in numbers:
        measured = item.MeasuredValueSequence[0]
        if code(measured.MeasurementUnitsCodeSequence) != PERCENT:
            found.append("unit")
        if not 0 <= float(measured.NumericValue) <= 100:
            found.append("value")
    return found


def point_faults(item: Dataset, series: Series) -> list[str]:
    if item.GraphicType != "POINT" or len(item.GraphicData) != 2:
        return ["not one point"]
    sources = [child for child in items(item) if child.ValueType == "IMAGE"]
    if len(sources) != 1 or sources[0].RelationshipType != "SELECTED FROM":
        return ["a point without its image"]
    uid = sources[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    shapes = {slice_.sop_instance_uid: slice_.hu_YX.shape for slice_ in series.slices}
    if uid not in shapes:
        return ["a point on a foreign image"]
    (rows, columns), (column, row) = shapes[uid], item.GraphicData
    return [] if 0 <= column <= columns and 0 <= row <= rows else ["a point outside of the image"]


def reference_faults(item: Dataset, series: Series) -> list[str]:
    reference = item.ReferencedSOPSequence[0]
    known = {(slice_.sop_class_uid, slice_.sop_instance_uid) for slice_ in series.slices}
    return [] if (reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID) in known else ["a foreign reference"]
