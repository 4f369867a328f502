"""The objects that the node creates, with the origin of each attribute, read from examples."""

from pydicom import DataElement, Dataset
from pydicom.datadict import dictionary_description
from pydicom.sr.coding import Code

from ich_node.conformance.example import Example, example
from ich_node.conformance.markdown import bullets, table, uid
from ich_node.report import ReportOptions, codes
from ich_node.report.context import MAX_MARKS_PER_SLICE
from ich_node.report.sr import SR_CLASSES

WHAT = {
    "sr": "Structured report (TID 1500)",
    "summary": "Summary page",
    "overlay": "Overlay of a slice",
    "presentation_state": "Marks over the original slices",
    "key_objects": "Key slices (TID 2010)",
    "parametric_map": "Likelihood map",
    "segmentation": "Regions of the lesions",
    "withdrawal": "Rejection note of withdrawn results (TID 2010)",
}
SHOWN_CHARACTERS = 80
HEADS = ("attribute", "tag", "VR", "value")
Rows = list[tuple[str, str, str, str]]


def created_lines() -> list[str]:
    one, other = example(3), example(4)
    kinds = list(dict.fromkeys(result.kind for result in one.results))
    first, *others = (_rows(kind, one, other) for kind in kinds)
    common = [row for row in first if all(row in rows for rows in others)]
    return [
        "## 7 Created objects",
        "",
        *bullets(
            "Every object is new. It is in the study of its source, in a series of its own. No"
            " received object is changed.",
            "UIDs are derived from UUIDs (`2.25.`), which are computed from everything that"
            " determines the content of the results. A repeated analysis gives the same objects.",
            "Attributes of the modules Patient, General Study and Patient Study are those of the"
            " source. A value that violates its VR is left out; the attribute is empty if it is of"
            " type 2.",
            f"Private attributes: {_private(one)}. Standard extended: Content Qualification"
            " (0018,9004) RESEARCH in documents.",
            "Lossy compression is never applied. Pixels are in RLE Lossless, or uncompressed with"
            ' `[report] compression = "none"`.',
            f"The SR class is one of {', '.join(uid(each) for each in SR_CLASSES.values())}; by"
            " default"
            f" {uid(SR_CLASSES[ReportOptions().sr_class])}. All coordinates are SCOORD.",
            f"By default, at most {MAX_MARKS_PER_SLICE} marks of a slice are listed and"
            f" {ReportOptions().max_overlays} overlays are created.",
            "[results.md](results.md) explains the objects and how viewers show them.",
        ),
        "### 7.1 Attributes of all objects",
        "",
        *table(HEADS, common),
        *(
            line
            for number, kind in enumerate(kinds, start=2)
            for line in _object_lines(number, kind, one, other, common)
        ),
        f"### 7.{len(kinds) + 2} Templates",
        "",
        *table(
            ("object", "templates of PS3.16"),
            (
                (WHAT[kind], ", ".join(f"TID {each}" for each in _templates(one, kind)))
                for kind in ("sr", "key_objects", "withdrawal")
            ),
        ),
        "TID 1500 includes TID 1204 (language), TID 1002 and 1004 (device observer), TID 1600 to"
        " 1604 (image library), TID 4019 (algorithm) in each group, and TID 300 (measurement).",
        "",
        f"### 7.{len(kinds) + 3} Codes",
        "",
        *table(("code", "scheme", "meaning"), _codes()),
    ]


def _object_lines(number: int, kind: str, one: Example, other: Example, common: Rows) -> list[str]:
    dataset = _first(one, kind)
    return [
        f"### 7.{number} {WHAT[kind]}",
        "",
        f"{uid(dataset.SOPClassUID)}, in {uid(dataset.file_meta.TransferSyntaxUID)}.",
        "",
        *table(HEADS, (row for row in _rows(kind, one, other) if row not in common)),
    ]


def _rows(kind: str, one: Example, other: Example) -> Rows:
    """A row for each attribute: the value if it is the same in two examples, else its origin."""
    dataset, twin = _first(one, kind), _first(other, kind)
    return [
        (
            dictionary_description(element.tag),
            str(element.tag),
            element.VR,
            _origin(element, twin, one.header),
        )
        for element in dataset
    ]


def _origin(element: DataElement, twin: Dataset, header: Dataset) -> str:
    if element.VR == "SQ":
        return "a sequence" if element.value else "empty"
    if element.is_empty:
        return "empty"
    if element.keyword in header and header[element.keyword].value == element.value:
        return "copied from the source"
    if (
        element.keyword != "PixelData"
        and element.keyword in twin
        and twin[element.keyword].value == element.value
    ):
        return f"`{_short(element)}`"
    return "set by the node"


def _short(element: DataElement) -> str:
    value = "\\".join(map(str, element.value)) if element.VM > 1 else str(element.value)
    return value if len(value) <= SHOWN_CHARACTERS else value[:SHOWN_CHARACTERS] + "…"


def _first(shown: Example, kind: str) -> Dataset:
    return next(result.dataset for result in shown.results if result.kind == kind)


def _private(shown: Example) -> str:
    found = sorted(
        {
            str(element.tag)
            for result in shown.results
            for element in result.dataset.iterall()
            if element.tag.is_private
        }
    )
    return ", ".join(found) or "none"


def _templates(shown: Example, kind: str) -> list[str]:
    return sorted(
        {
            str(element.value)
            for element in _first(shown, kind).iterall()
            if element.keyword == "TemplateIdentifier"
        }
    )


def _codes() -> list[tuple[str, str, str]]:
    """The table of codes, sorted by scheme and value."""
    found = set()
    for value in vars(codes).values():
        found |= {
            each
            for each in (
                value if isinstance(value, tuple) and not isinstance(value, Code) else (value,)
            )
            if isinstance(each, Code)
        }
    return sorted(
        ((f"`{each.value}`", each.scheme_designator, each.meaning) for each in found),
        key=lambda row: (row[1], row[0]),
    )
