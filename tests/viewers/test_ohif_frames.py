"""The SR of multi-frame CT in OHIF: its measurements are on the frames that it names."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ich_node.percent import percent
from tests.support.viewers.pictures import pixels, shown_at
from tests.support.viewers.studies import enhanced
from tests.viewers.test_ohif import (
    NEAR_PX,
    OPEN_MS,
    SHOWN_IMAGE,
    WORDS,
    drawn,
    opened,
    sr_of,
    step_to,
    words_beside,
)

pytestmark = pytest.mark.viewers


def test_a_lesion_is_pointed_at_on_its_frame(
    browser: Any, viewer: str, keep: Callable[[bytes, str], None]
) -> None:
    peak = enhanced().lesions[0].peak
    rows, columns = peak.slice.hu_YX.shape
    with opened(browser, viewer, enhanced()) as page:
        step_to(page, sr_of(enhanced()), "lesion 1")
        shown = f"/instances/{peak.slice.sop_instance_uid}/frames/{peak.slice.frame_number}"
        page.wait_for_function(f"{SHOWN_IMAGE}.endsWith('{shown}')", timeout=OPEN_MS)
        page.wait_for_function(f"{WORDS}.includes('Height')", timeout=OPEN_MS)
        page.wait_for_timeout(1000)  # drawn
        box = page.locator(".cornerstone-canvas").first.bounding_box()
        png = page.screenshot()
        assert f"{percent(peak.finding.probability):.2f} %" in words_beside(page)
        assert page.complaints == []
    keep(png, "ohif-frame.png")
    x, y = shown_at(
        peak.finding.column,
        peak.finding.row,
        columns=columns,
        rows=rows,
        width=box["width"],
        height=box["height"],
    )
    drawn_Y, drawn_X = np.nonzero(drawn(pixels(png)))
    assert np.hypot(drawn_X - (box["x"] + x), drawn_Y - (box["y"] + y)).min() <= NEAR_PX
