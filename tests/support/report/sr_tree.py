"""What no validator sees in our SR: every fault of a tree, in words."""

from collections.abc import Iterator

from pydicom import Dataset

from ich_node.series.series import Series

CERTAINTY, PERCENT = ("111012", "DCM"), ("%", "UCUM")
HEIGHT, MILLIMETRE = ("121207", "DCM"), ("mm", "UCUM")
NUMBER_OF_FRAMES, FRAMES = ("121140", "DCM"), ("{frames}", "UCUM")
UNITS = {CERTAINTY: PERCENT, HEIGHT: MILLIMETRE, NUMBER_OF_FRAMES: FRAMES}
MOST = {CERTAINTY: 100, HEIGHT: 2000, NUMBER_OF_FRAMES: 100_000}
COMMENT = ("121106", "DCM")
PRESENT = ("52101004", "SCT")
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
    """Each group has its own UID."""
    pairs = [tracking(group) for group in all_groups]
    if not all(identifier and uid for identifier, uid in pairs):
        return ["tracking UIDs"]
    return ["tracking UIDs"] if len({uid for _, uid in pairs}) != len(pairs) else []


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
    coded = [item for item in items(group) if item.ValueType == "CODE"]
    pairs = [(name(item), code(item.get("ConceptCodeSequence"))) for item in coded]
    # viewers in use write the code of a Finding Site beside a region
    finding = next((item for item in coded if name(item) == ("121071", "DCM")), Dataset())
    below = [(name(item), code(item.get("ConceptCodeSequence"))) for item in items(finding)]
    sites = (pairs.count(SITE), below.count(SITE))
    found += [
        f"no {row}" for row in ((("121071", "DCM"), HEMORRHAGE), FAMILY) if pairs.count(row) != 1
    ]
    if sites != ((0, 1) if regions(group) else (1, 0)):
        found.append(f"no {SITE}")
    values = [value for key, value in pairs if key == HEMORRHAGE and value in PRESENCE]
    if len(values) != 1:
        found.append("neither present nor absent")
    if sum(name(item) == COMMENT for item in items(group)) != 1:
        found.append("no comment")
    if len(regions(group)) > 1:
        found.append("more than one region")
    numbers = [item for item in items(group) if item.ValueType == "NUM"]
    if not _numbers_fit([name(item) for item in numbers], PRESENT in values, bool(regions(group))):
        found.append("certainty")
    for item in numbers:
        measured = item.MeasuredValueSequence[0]
        if code(measured.MeasurementUnitsCodeSequence) != UNITS[name(item)]:
            found.append("unit")
        if not 0 < float(measured.NumericValue) < MOST[name(item)]:
            found.append("value")
    return found


def _numbers_fit(names: list[tuple[str, str]], present: bool, at_a_mark: bool) -> bool:
    """A certainty beside Present alone; the mark of a peak has none."""
    if at_a_mark:
        return names in ([], [CERTAINTY])
    if present:
        return names in ([CERTAINTY], [CERTAINTY, HEIGHT])
    return names in ([], [NUMBER_OF_FRAMES])


def coordinate_faults(item: Dataset, series: Series) -> list[str]:
    """One point, or a line in the upper left margin for a whole picture."""
    sources = [child for child in items(item) if child.ValueType == "IMAGE"]
    if len(sources) != 1 or sources[0].RelationshipType != "SELECTED FROM":
        return ["a point without its image"]
    uid = sources[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    shapes = {slice_.sop_instance_uid: slice_.hu_YX.shape for slice_ in series.slices}
    if uid not in shapes:
        return ["a point on a foreign image"]
    rows, columns = shapes[uid]
    if item.GraphicType == "POLYLINE":
        left, top, right, bottom = item.GraphicData
        whole = (left, right) == (0, columns // 8) and top == bottom in (0, round(rows / 14))
        return [] if whole and name(item) != IMAGE_REGION else ["not a whole picture"]
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
