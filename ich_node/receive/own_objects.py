"""Whether this node, or another ich-node, made an object: such an object is no verdict of a reader,
however it comes back. An archive may have given it another patient, other UIDs or another encoding,
so every trace counts.
"""

from collections.abc import Iterator

from pydicom import Dataset

from ich_node.dicom.derived_uid import device_uid
from ich_node.dicom.identity import (
    DEMONSTRATION_MODEL,
    PHANTOM_MODEL_NAME,
    PRODUCT,
    RESEARCH_USE,
)

# TID 1004: Device Observer UID, Manufacturer, Model Name
OBSERVER_UID, OBSERVER_WORDS = "121012", {"121014", "121015"}
# of the series of results (dicom/identity.py)
DESCRIBED_AS = "ICH AI "


def made_here(dataset: Dataset, *, ae_title: str) -> bool:
    """ae_title: of this node, whose observer UID is derived from it. Raises one of PARSING_ERRORS.

    A Key Object Selection has the equipment of its author; some archives copy that of the images,
    which are phantoms if it is ours.
    """
    if _is_product(dataset, "ManufacturerModelName"):
        return True
    if (
        _is_product(dataset, "Manufacturer")
        and dataset.get("ManufacturerModelName") != PHANTOM_MODEL_NAME
    ):
        return True
    if str(dataset.get("SeriesDescription") or "").startswith(DESCRIBED_AS):
        return True
    return any(_is_ours(item, ae_title) for item in items_of(dataset))


def items_of(dataset: Dataset) -> Iterator[Dataset]:
    """All content items of the tree, except its root."""
    for item in dataset.get("ContentSequence") or ():
        yield item
        yield from items_of(item)


def concept_of(item: Dataset) -> str:
    """The code value of the item's concept name; empty if it has none."""
    names = item.get("ConceptNameCodeSequence") or ()
    return str(names[0].get("CodeValue") or "") if names else ""


def _is_ours(item: Dataset, ae_title: str) -> bool:
    concept, text = concept_of(item), str(item.get("TextValue") or "")
    if concept == OBSERVER_UID:
        return str(item.get("UID") or "") == device_uid(ae_title)
    if concept in OBSERVER_WORDS:
        return text.strip().casefold() == PRODUCT
    return RESEARCH_USE in text or DEMONSTRATION_MODEL in text


def _is_product(dataset: Dataset, keyword: str) -> bool:
    return str(dataset.get(keyword) or "").strip().casefold() == PRODUCT
