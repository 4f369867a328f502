"""The Secondary Captures in Orthanc's web viewer, which shows pictures and nothing else."""

import json
import urllib.error
import urllib.request
from typing import Any

import numpy as np
import pytest

from tests.support.peers import OrthancPeer
from tests.support.viewers.pictures import pixels, shown_at
from tests.support.viewers.studies import positive

pytestmark = pytest.mark.viewers

CANVAS = "dicomImage.querySelector('canvas')"
SHOWN = f"[cornerstone.getImage(dicomImage).width, {CANVAS}.width, {CANVAS}.height]"
NEAR_PX = 2.0  # of the screen; one pixel of the image is about one and a half


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


@pytest.fixture
def page(browser: Any, pacs: OrthancPeer) -> Any:
    """The series of captures, opened; the summary is the first that it shows."""
    try:
        get(f"{pacs.url}/plugins/web-viewer")
    except urllib.error.HTTPError:
        pytest.skip("Orthanc's web viewer is not installed (make viewer-peers)")
    (series,) = [
        series["ID"]
        for series in get(f"{pacs.url}/series?expand")
        if series["MainDicomTags"]["SeriesInstanceUID"]
        == positive().of_kind("summary")[0].SeriesInstanceUID
    ]
    page = browser.new_page(viewport={"width": 1000, "height": 820})
    page.goto(f"{pacs.url}/web-viewer/app/viewer.html?series={series}")
    yield page
    page.close()


def show(page: Any, number: int) -> tuple[float, float]:
    """Turn the wheel to the capture of this place in its series (0 is the summary); the size of the
    canvas.
    """
    page.wait_for_function(f"{SHOWN}[0] === 1024")
    page.mouse.move(500, 400)
    for _ in range(number):
        page.mouse.wheel(0, 100)
        page.wait_for_timeout(300)
    page.wait_for_function(f"{SHOWN}[0] === {512 if number else 1024}")
    page.wait_for_timeout(1000)  # it loads a coarse picture first
    page.evaluate(
        "cornerstone.fitToWindow(dicomImage)"
    )  # as when it is opened; from picture to picture it keeps its zoom
    _, width, height = page.evaluate(SHOWN)
    return width, height


def white_near(rgb_YXC: np.ndarray, x: float, y: float, reach: int) -> np.ndarray:
    """Where the arms of a cross are: the white pixels around a place, relative to it (N, 2)."""
    left, top = round(x) - reach, round(y) - reach
    rows, columns = np.nonzero(
        rgb_YXC[top : top + 2 * reach + 1, left : left + 2 * reach + 1].min(axis=-1) > 235
    )
    return np.stack([columns + left - x, rows + top - y], axis=1)


def test_the_cross_is_shown_on_the_pixel_of_the_peak(page: Any, keep: Any) -> None:
    """The overlay of the slice with the first lesion's peak: a white cross of the right size,
    centred where the SR points to.
    """
    peak = positive().lesions[0].peak
    overlays = positive().of_kind("overlay")
    sources = [overlay.SourceImageSequence[0].ReferencedSOPInstanceUID for overlay in overlays]
    place = sources.index(peak.slice.sop_instance_uid)
    rows, columns = peak.slice.hu_YX.shape
    width, height = show(page, 1 + place)
    png = page.screenshot()
    keep(png, "orthanc-overlay.png")
    x, y = shown_at(
        peak.finding.column,
        peak.finding.row,
        columns=columns,
        rows=rows,
        width=width,
        height=height,
    )
    arm = 0.7 * 14 * height / rows  # of the cross, on the screen
    offsets_NX = white_near(pixels(png), x, y, round(arm))
    assert np.abs(offsets_NX.min(axis=0) + offsets_NX.max(axis=0)).max() / 2 <= NEAR_PX
    assert np.ptp(offsets_NX, axis=0).min() > arm
    # the brain of the other side has no mark
    assert len(white_near(pixels(png), width - x, y, round(arm))) == 0


def test_the_summary_is_what_opens(page: Any, keep: Any) -> None:
    """Pixel for pixel, but for the viewer's own scaling, the page that was sent."""
    width, height = show(page, 0)
    png = page.screenshot()
    keep(png, "orthanc-summary.png")
    sent_YXC = positive().of_kind("summary")[0].pixel_array.astype(np.int16)
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    for share_x, share_y in ((0.5, 0.02), (0.01, 0.02), (0.6, 0.42), (0.3, 0.4)):
        y, x = round(top + share_y * side), round(left + share_x * side)
        assert (
            np.abs(pixels(png)[y, x] - sent_YXC[round(share_y * 1024), round(share_x * 1024)]).max()
            < 40
        )
