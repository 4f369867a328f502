"""Images that were computed from an acquisition, pictures of a screen, and pages of text."""

from collections.abc import Collection

from pydicom import Dataset

from ich_node.series.attributes import values_of, words_of
from ich_node.series.shipped_rules import DERIVED_IMAGE, NONE, PAGE_OF_TEXT, SHIPPED
from ich_node.series.words.phrases import Phrases

DERIVED_TYPES = frozenset(SHIPPED[DERIVED_IMAGE].values)
# Pages that some scanners send as CT images with the type of an acquisition
PAGES = Phrases(SHIPPED[PAGE_OF_TEXT].words["page"])


def derived_image_type(dataset: Dataset, ignored: Collection[str] = NONE) -> str:
    """The attribute that says that the image is a reformat, projection, screenshot or page of text;
    '' if none does. A thick axial average (DERIVED, PRIMARY, AXIAL) is not one.
    """
    return derived_by(dataset, ignored)[1]


def derived_by(dataset: Dataset, ignored: Collection[str] = NONE) -> tuple[str, str]:
    """The shipped rule that refuses the image, and what `derived_image_type` returns."""
    values = values_of(dataset, "ImageType")
    words = {word for value in values[2:] for word in (value, *value.split())}
    if DERIVED_IMAGE not in ignored and (
        values[:2] == ["DERIVED", "SECONDARY"] or words & DERIVED_TYPES
    ):
        return DERIVED_IMAGE, "ImageType " + "\\".join(values)
    page = PAGES.find(words_of(dataset, "SeriesDescription"))
    if page and PAGE_OF_TEXT not in ignored:
        return PAGE_OF_TEXT, f"SeriesDescription {page}"
    return "", ""
