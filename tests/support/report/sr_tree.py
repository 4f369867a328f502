"""What no validator sees in our SR: every fault of a tree, in words."""

from collections.abc import Iterator
from itertools import groupby, pairwise

from pydicom import Dataset

from ich_node.series.series import Series

CERTAINTY, PERCENT = ("111012", "DCM"), ("%", "UCUM")
HEIGHT, MILLIMETRE = ("121207", "DCM"), ("mm", "UCUM")
TRACKING_IDENTIFIER, TRACKING_UID = ("112039", "DCM"), ("112040", "DCM")
HEMORRHAGE = ("1386000", "SCT")
PRESENCE = {("52101004", "SCT"), ("272519000", "SCT"), ("373068000", "SCT")}
IMAGE_REGION = ("111030", "DCM")
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
    return [item for item in items(group) if name(item) == IMAGE_REGION]


def texts(document: Dataset) -> list[str]:
    return [item.TextValue for item in walk(document) if item.ValueType == "TEXT"]


def faults(document: Dataset, series: Series) -> list[str]:
    """Empty for a tree as it should be."""
    found = []
    if [(name(item), code(item.get("ConceptCodeSequence"))) for item in items(document)].count(
        PROCEDURE
    ) != 1:
        found.append("Procedure reported")
    if not [item for item in items(document) if name(item) == ("111028", "DCM")]:
        found.append("Image Library")
    found += tracking_faults(groups(document))
    for group in groups(document):
        found += group_faults(group)
    for item in walk(document):
        found += coordinate_faults(item, series) if item.ValueType == "SCOORD" else []
        found += reference_faults(item, series) if item.ValueType == "IMAGE" else []
    return found


def tracking(group: Dataset) -> tuple[str, str]:
    """Tracking identifier and UID; empty where there are none."""
    found = {name(item): item for item in items(group)}
    identifier, uid = found.get(TRACKING_IDENTIFIER), found.get(TRACKING_UID)
    return (identifier.TextValue if identifier else "", uid.UID if uid else "")


def trackings(document: Dataset) -> list[tuple[str, str]]:
    return [tracking(group) for group in groups(document)]


def tracking_faults(all_groups: list[Dataset]) -> list[str]:
    """Groups share a UID only as marks of one lesion: then they have its name, stand together, and
    the highest comes first.
    """
    found = []
    pairs = [tracking(group) for group in all_groups]
    if not all(identifier and uid for identifier, uid in pairs) or len(set(pairs)) != len(
        {uid for _, uid in pairs}
    ):
        found.append("tracking UIDs")
    if len(set(pairs)) != 1 + sum(one != other for one, other in pairwise(pairs)):
        found.append("groups of one lesion apart")
    for _, together in groupby(all_groups, tracking):
        certainties = [certainty(group) for group in together]
        if len(certainties) > 1 and certainties[0] != max(certainties):
            found.append("the peak is not first")
    shared = [group for group, pair in zip(all_groups, pairs, strict=True) if pairs.count(pair) > 1]
    if [group for group in shared if not regions(group)]:
        found.append("tracking UIDs")
    return found


def certainty(group: Dataset) -> float:
    """In percent."""
    values = [
        item.MeasuredValueSequence[0].NumericValue
        for item in items(group)
        if name(item) == CERTAINTY
    ]
    return float(values[0]) if values else -1.0


def group_faults(group: Dataset) -> list[str]:
    found = []
    pairs = [
        (name(item), code(item.get("ConceptCodeSequence")))
        for item in items(group)
        if item.ValueType == "CODE"
    ]
    found += [
        f"no {row}"
        for row in ((("121071", "DCM"), HEMORRHAGE), FAMILY, SITE)
        if pairs.count(row) != 1
    ]
    if (
        not regions(group)
        and [value for key, value in pairs if key == HEMORRHAGE and value in PRESENCE] == []
    ):
        found.append("neither present nor absent")
    if len(regions(group)) > 1:
        found.append("more than one region")
    numbers = [item for item in items(group) if item.ValueType == "NUM"]
    undetermined = (HEMORRHAGE, ("373068000", "SCT")) in pairs
    if [name(item) for item in numbers if name(item) != HEIGHT] != (
        [] if undetermined else [CERTAINTY]
    ):
        found.append("certainty")
    for item in numbers:
        measured = item.MeasuredValueSequence[0]
        is_height = name(item) == HEIGHT
        if code(measured.MeasurementUnitsCodeSequence) != (MILLIMETRE if is_height else PERCENT):
            found.append("unit")
        if not 0 <= float(measured.NumericValue) <= (2000 if is_height else 100):
            found.append("value")
    return found


def coordinate_faults(item: Dataset, series: Series) -> list[str]:
    """An Image Region is one point, anything else a whole picture."""
    sources = [child for child in items(item) if child.ValueType == "IMAGE"]
    if len(sources) != 1 or sources[0].RelationshipType != "SELECTED FROM":
        return ["a point without its image"]
    uid = sources[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    shapes = {slice_.sop_instance_uid: slice_.hu_YX.shape for slice_ in series.slices}
    if uid not in shapes:
        return ["a point on a foreign image"]
    rows, columns = shapes[uid]
    if name(item) != IMAGE_REGION:
        around = [0, 0, columns, 0, columns, rows, 0, rows, 0, 0]
        return (
            []
            if (item.GraphicType, list(item.GraphicData)) == ("POLYLINE", around)
            else ["not a whole picture"]
        )
    if item.GraphicType != "POINT" or len(item.GraphicData) != 2:
        return ["not one point"]
    column, row = item.GraphicData
    return [] if 0 <= column <= columns and 0 <= row <= rows else ["a point outside of the image"]


def reference_faults(item: Dataset, series: Series) -> list[str]:
    reference = item.ReferencedSOPSequence[0]
    known = {(slice_.sop_class_uid, slice_.sop_instance_uid) for slice_ in series.slices}
    return (
        []
        if (reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID) in known
        else ["a foreign reference"]
    )
