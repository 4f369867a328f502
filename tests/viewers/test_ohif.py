"""The SR in OHIF: what a reader sees when it is opened."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset

from ich_node.percent import percent
from tests.support.report.sr_tree import groups, tracking
from tests.support.viewers.pictures import pixels, shown_at
from tests.support.viewers.studies import Study, negative, positive, refused

pytestmark = pytest.mark.viewers

NEAR_PX = 3.0  # of the screen; one pixel of the image is more than one and a half
OPEN_MS, AGAIN_MS = 90_000, 6_000
SHOWN_IMAGE = (
    "(window.cornerstone?.getEnabledElements() ?? [])"
    ".map(each => each.viewport.getCurrentImageId?.() ?? '').join()"
)
WORDS = (
    "[...document.querySelectorAll('.viewport-element svg tspan')]"
    ".map(each => each.textContent).join('|')"
)


@contextmanager
def opened(
    browser: Any, viewer: str, study: Study, *, until: str = f"{WORDS} !== ''"
) -> Iterator[Any]:
    """The page with the study's SR in its viewport, when there are words, or something else holds.

    `page.complaints` are the script errors that nobody caught.
    """
    page = browser.new_page(viewport={"width": 1600, "height": 900})
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(f"{viewer}/viewer?StudyInstanceUIDs={study.uid}")
    page.wait_for_selector('[data-cy="study-browser-thumbnail"]', timeout=OPEN_MS)
    page.wait_for_function(f"{SHOWN_IMAGE} !== ''", timeout=OPEN_MS)
    tour = page.get_by_role("button", name="Skip all")
    tour.wait_for(timeout=OPEN_MS)
    tour.click()
    # a page that is still busy does not hear the first double click
    for _ in range(OPEN_MS // AGAIN_MS):
        page.locator(
            '[data-cy="study-browser-thumbnail-no-image"]', has_text="ICH AI SR"
        ).dblclick()
        page.wait_for_timeout(AGAIN_MS)
        if page.evaluate(until):
            break
    try:
        yield page
    finally:
        page.close()


def sr_of(study: Study) -> Dataset:
    (document,) = study.of_kind("sr")
    return document


def step_to(page: Any, document: Dataset, identifier: str) -> None:
    """Press the arrow until the measurement is the active one; OHIF takes groups that share a
    tracking UID for one.
    """
    order = list(dict.fromkeys(tracking(group)[0] for group in groups(document)))
    for _ in range(order.index(identifier)):
        page.locator('[data-cy="viewport-action-arrows-right"]').click()
        page.wait_for_timeout(300)


def drawn(rgb_YXC: NDArray[np.int16]) -> NDArray[np.bool_]:
    """OHIF draws measurements in yellow, the active one in green; the phantom is grey."""
    return (rgb_YXC[..., 1] > 200) & (rgb_YXC[..., 2] < 80)


def words_beside(page: Any) -> str:
    """What OHIF writes beside what it draws."""
    return str(page.evaluate(WORDS))


def test_a_lesion_is_pointed_at_where_the_report_says(
    browser: Any, viewer: str, keep: Callable[[bytes, str], None]
) -> None:
    """Stepped to, the slice of the lesion's peak is shown, and the arrow's tip is on the pixel that
    the SR names.
    """
    peak = positive().lesions[0].peak
    rows, columns = peak.slice.hu_YX.shape
    with opened(browser, viewer, positive()) as page:
        step_to(page, sr_of(positive()), "lesion 1")
        page.wait_for_function(
            f"{SHOWN_IMAGE}.includes('{peak.slice.sop_instance_uid}')", timeout=OPEN_MS
        )
        page.wait_for_function(f"{WORDS}.includes('Height')", timeout=OPEN_MS)
        page.wait_for_timeout(1000)  # drawn
        canvas = page.locator(".cornerstone-canvas").first
        box = canvas.bounding_box()
        png = page.screenshot()
        assert f"Certainty of Finding: {percent(peak.finding.probability):.2f} %" in words_beside(
            page
        )
        assert "Hemorrhage present, lesion 1" in words_beside(page)
        assert "363698007" not in words_beside(page)
        assert page.complaints == []
    keep(png, "ohif-lesion.png")
    x, y = shown_at(
        peak.finding.column,
        peak.finding.row,
        columns=columns,
        rows=rows,
        width=box["width"],
        height=box["height"],
    )
    drawn_Y, drawn_X = np.nonzero(drawn(pixels(png)))
    apart = np.hypot(drawn_X - (box["x"] + x), drawn_Y - (box["y"] + y))
    assert apart.min() <= NEAR_PX
    # The tip is the end of the arrow, which comes from below and from the right.
    arrow = apart < 40
    assert drawn_X[arrow].min() >= box["x"] + x - NEAR_PX
    assert drawn_Y[arrow].min() >= box["y"] + y - NEAR_PX


def test_a_positive_report_opens_on_its_likeliest_slice(browser: Any, viewer: str) -> None:
    """With the certainty of the series beside the frame of the picture."""
    with opened(browser, viewer, positive()) as page:
        likeliest = max(positive().reading.slices, key=lambda slice_: slice_.probability)
        assert any(
            slice_.sop_instance_uid in page.evaluate(SHOWN_IMAGE)
            for slice_ in positive().reading.slices
            if slice_.probability == likeliest.probability
        )
        words = words_beside(page)
        count = len(groups_of(sr_of(positive()), "image"))
        assert f"Hemorrhage present: {count} of {len(positive().reading.slices)} slices" in words
        assert "Hemorrhage present, image" in words
        assert "Certainty of Finding" in words
        assert page.complaints == []


def groups_of(document: Dataset, name: str) -> list[Dataset]:
    """Those whose tracking identifier begins so."""
    return [group for group in groups(document) if tracking(group)[0].startswith(name)]


def test_a_negative_report_opens_and_says_so(
    browser: Any, viewer: str, keep: Callable[[bytes, str], None]
) -> None:
    """The likeliest slice in its frame, and beside it: absent, and the score in words."""
    with opened(browser, viewer, negative()) as page:
        keep(page.screenshot(), "ohif-negative.png")
        words = words_beside(page)
        assert "Hemorrhage absent; highest slice score 4 %, threshold 75 %" in words
        assert "Certainty" not in words
        assert "363698007" not in words
        assert page.complaints == []


def test_a_report_of_a_refused_series_opens_and_says_why(
    browser: Any, viewer: str, keep: Callable[[bytes, str], None]
) -> None:
    """On an image of the series in its frame, and without a certainty."""
    with opened(browser, viewer, refused()) as page:
        keep(page.screenshot(), "ohif-refused.png")
        words = words_beside(page)
        assert "Hemorrhage NOT ANALYSED: kernel H70h" in words
        assert "Certainty" not in words
        assert page.evaluate(SHOWN_IMAGE) != ""
        assert page.complaints == []
