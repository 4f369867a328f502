"""The segmentation in OHIF: its segments are over the slices of the source."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.viewers.studies import positive
from tests.viewers.test_ohif import AGAIN_MS, OPEN_MS, SHOWN_IMAGE

pytestmark = pytest.mark.viewers

THUMBNAIL = '[data-cy="study-browser-thumbnail-no-image"]'
SEGMENTS = (
    "[...document.querySelectorAll('*')].map(each => each.childElementCount ? '' : "
    "each.textContent).join('|')"
)


def test_each_lesion_is_listed_and_shown(
    browser: Any, viewer: str, keep: Callable[[bytes, str], None]
) -> None:
    """Opened, it lists the lesions by the numbers of all other objects; no script fails."""
    (segmentation,) = positive().of_kind("segmentation")
    labels = [segment.SegmentLabel for segment in segmentation.SegmentSequence]
    page = browser.new_page(viewport={"width": 1600, "height": 900})
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{viewer}/segmentation?StudyInstanceUIDs={positive().uid}")
    page.wait_for_function(f"{SHOWN_IMAGE} !== ''", timeout=OPEN_MS)
    tour = page.get_by_role("button", name="Skip all")
    if tour.count():
        tour.click()
    listed = " && ".join(f"({SEGMENTS}).includes('{label}')" for label in labels)
    for _ in range(OPEN_MS // AGAIN_MS):
        page.locator(THUMBNAIL, has_text="regions").first.dblclick()
        page.wait_for_timeout(AGAIN_MS)
        if page.evaluate(listed):
            break
    keep(page.screenshot(), "ohif-segmentation.png")
    assert labels == ["Lesion 1", "Lesion 2"]
    assert page.evaluate(listed)
    assert complaints == []
    page.close()
