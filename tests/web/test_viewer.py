"""The pictures of the viewer, and what stands beside them."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from ich_node.detection.likelihood_colours import MAX_OPACITY, VISIBLE_FROM
from ich_node.detection.network_input import BRAIN
from ich_node.report.drawing import blend
from ich_node.spool import Spool
from ich_node.web.cookie import COOKIE
from ich_node.web.pictures.frames import Frames
from ich_node.web.pictures.layers import map_layer
from ich_node.web.pictures.pictures import Pictures
from ich_node.web.viewer import viewer_of
from ich_node.web.visitor import Role
from tests.support.browser import PHONE, needs_chromium, signed_in_page, too_wide, violations
from tests.support.heads import head_hu
from tests.support.viewed import (
    BONE,
    COMPRESSED_FRAMES,
    FRAMES,
    READ,
    WITHOUT_MAP,
    viewed_site,
)

SLICES = 12


@pytest.fixture(scope="module")
def site(tmp_path_factory, untrained_bundle):
    with viewed_site(tmp_path_factory.mktemp("viewed"), untrained_bundle) as running:
        yield running


@pytest.fixture(scope="module")
def looking(site):
    with site.signed_in(Role.LOOK) as client:
        yield client


def picture(looking, path: str) -> np.ndarray:
    answer = looking.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "image/png"
    assert "no-store" in answer.headers["Cache-Control"]
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def expected(number: int, centre: float, width: float) -> np.ndarray:
    """Of the head by formula: slice `number` from the feet."""
    hu_YX = head_hu(level=(number - 1) / (SLICES - 1)).astype(float)
    return np.floor(np.clip((hu_YX - centre + width / 2) / width, 0, 1) * 255)


@pytest.mark.parametrize(("centre", "width"), [(40, 80), (600, 2800), (35.5, 1)])
def test_a_slice_has_the_greys_of_its_window(looking, centre, width):
    """In its own matrix, as stored: prone, compressed with JPEG 2000."""
    for number in (2, 7):
        path = f"/series/{READ}/slices/{number}.png?centre={centre}&width={width}"
        wanted_YX = expected(number, centre, width)
        assert np.abs(picture(looking, path) - wanted_YX).max() <= 1  # rounding of 32-bit floats


@pytest.mark.parametrize("job", [BONE, WITHOUT_MAP, FRAMES, COMPRESSED_FRAMES])
def test_a_series_without_maps_is_shown_too(looking, job):
    """Refused, read by an earlier version, or still arriving; also of several frames."""
    assert np.abs(picture(looking, f"/series/{job}/slices/7.png") - expected(7, 40, 80)).max() <= 1
    missing = looking.get(f"/series/{job}/maps/7.png")
    assert (missing.status_code, missing.text) == (404, "no_map")
    assert "There is no map" in looking.get(f"/series/{job}/viewer").text


def test_a_thumbnail_is_small(looking):
    assert picture(looking, f"/series/{READ}/thumbnails/1.png").shape == (72, 72)


def test_the_map_lies_on_the_slice(site, looking):
    """Its most opaque place beside the line is the highest of the kept map; what is unlikely has no
    colour.
    """
    job = site.site.ledger.operator.get(READ)
    pictures = site.site.pictures.of(job)
    layer_YXC = picture(looking, f"/series/{READ}/maps/7.png")
    assert layer_YXC.shape == (128, 128, 4)
    kept_YX = pictures.kept.likelihood_MYX[pictures.image(7).kept.map_index]
    if kept_YX.max() <= VISIBLE_FROM:
        assert not layer_YXC[..., 3].any()
    row, column = np.unravel_index(kept_YX.argmax(), kept_YX.shape)
    step = 128 / len(kept_YX)
    peak = layer_YXC[int((row + 0.5) * step), int((column + 0.5) * step), 3]
    inside_YX = layer_YXC[..., 3] < 255  # without the line
    assert peak >= layer_YXC[..., 3][inside_YX].max() - 3


def test_the_layer_looks_like_the_pictures_that_are_sent():
    """Over the same grey, at the blend with which the viewer begins."""
    across = np.linspace(0, 1, 96, dtype=np.float32)
    likelihood_YX = np.outer(across, across).astype(np.float32)
    grey_YX = np.full((96, 96), 120, dtype=np.float32)
    layer_YXC = map_layer(likelihood_YX, contour=2.0).astype(float)
    alpha_YX1 = layer_YXC[..., 3:] / 255 * MAX_OPACITY
    blended_YXC = grey_YX[..., None] * (1 - alpha_YX1) + layer_YXC[..., :3] * alpha_YX1
    assert np.abs(blended_YXC - blend(grey_YX, likelihood_YX, 2.0)).max() < 2
    assert not layer_YXC[..., 3][likelihood_YX <= VISIBLE_FROM].any()
    lined_YXC = map_layer(likelihood_YX, contour=0.5)
    assert (lined_YXC[..., 3] == 255).any(), "the line is opaque"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/series/{READ}/slices/1.png?centre=nan", 400),
        (f"/series/{READ}/slices/1.png?width=0", 400),
        (f"/series/{READ}/slices/1.png?width=1e9", 400),
        (f"/series/{READ}/slices/1.png?centre=brain", 400),
        (f"/series/{READ}/slices/0.png", 404),
        (f"/series/{READ}/slices/13.png", 404),
        (f"/series/{READ}/maps/13.png", 404),
        ("/series/999/slices/1.png", 404),
        ("/series/99999999999999999999/viewer", 404),
        (f"/series/{READ}/slices/..%2f1.png", 404),
    ],
)
def test_what_is_not_there_is_no_error_of_ours(looking, path, status):
    assert looking.get(path).status_code == status


def test_the_page_says_what_was_found_and_left_out(site, looking):
    job = site.site.ledger.operator.get(READ)
    viewer = viewer_of(site.site, job)
    text = looking.get(f"/series/{READ}/viewer").text
    assert viewer.lesions
    for words in ("FOR RESEARCH USE ONLY", "Lesion 1", "the whole head was read", "threshold 0"):
        assert words in text
    assert text.count("/thumbnails/") == SLICES
    assert viewer.shown == viewer.lesions[0].peak
    assert viewer.facts["images"][0]["edges"] == ["L", "R", "P", "A"], "the patient lies prone"
    assert viewer_of(site.site, job, {"slice": "3"}).shown.number == 3
    assert viewer_of(site.site, job, {"slice": "99"}).shown == viewer.shown
    for identifier in ("Zyxwv", "Quentin", "778899"):
        assert identifier not in text


def test_without_a_session_there_is_no_picture(site, looking):
    import httpx

    for path in (f"/series/{READ}/slices/1.png", f"/series/{READ}/viewer"):
        answer = httpx.get(site.address + path)
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith("/sign-in")


def test_what_was_removed_or_damaged_is_named(site, looking, tmp_path):
    """The pixels of one slice are damaged, another one is gone, and so is the file of the maps."""
    node = site.site
    job = node.ledger.operator.get(READ)
    images = node.pictures.of(job).images
    spool = Spool(tmp_path)
    for path in {image.path for image in images}:
        spool.absolute(path).write_bytes(node.spool.read(path))
    pictures = Pictures(ledger=node.ledger, spool=spool)
    map_path = node.ledger.maps.of(READ).path
    assert pictures.of(job).why_no_map == "swept"
    spool.absolute(map_path).write_bytes(b"damaged")
    assert pictures.of(job).why_no_map == "map_damaged"
    spool.absolute(map_path).write_bytes(node.spool.read(map_path))
    assert pictures.of(job).why_no_map is None
    whole = node.spool.read(images[0].path)
    spool.absolute(images[0].path).write_bytes(whole[:-2000])
    spool.absolute(images[1].path).unlink()
    with pytest.raises(Exception, match="damaged"):
        pictures.thumbnail(images[0])
    with pytest.raises(Exception, match="swept"):
        pictures.thumbnail(images[1])


def test_only_the_newest_pixels_stay_in_memory(site):
    node = site.site
    images = node.pictures.of(node.ledger.operator.get(READ)).images
    room = 3 * 128 * 128 * 3  # of three slices: 16 bits and the padding
    frames = Frames(node.spool, most_bytes=room)
    for image in images:
        frames.pixels(image.path, image.frame_number)
        assert frames.size_bytes <= room


NO_TORCH = """
import sys
from pathlib import Path
from ich_node.ledger import open_existing_ledger
from ich_node.spool import Spool
from ich_node.web.cookie import COOKIE
from ich_node.web.app import site_app
from ich_node.web.pictures.pictures import Pictures
from ich_node.web.pictures.windows import PRESETS
folder = Path(sys.argv[1])
ledger = open_existing_ledger(f"sqlite:///{folder}/ledger.sqlite")
pictures = Pictures(ledger=ledger, spool=Spool(folder / "spool"))
for number in map(int, sys.argv[2:]):
    of_job = pictures.of(ledger.operator.get(number))
    for image in of_job.images:
        pictures.slice(image, PRESETS["bone"])
        if of_job.kept:
            pictures.map(of_job, image)
heavy = {"torch", "scipy", "skimage", "highdicom", "openvino"} & set(sys.modules)
assert not heavy, heavy
(peak,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
assert int(peak.split()[1]) < 150_000, peak
"""


def test_pictures_need_little(site):
    """No torch, SciPy or scikit-image, and less than 150 MB."""
    folder = site.site.spool.absolute("objects/00/" + "0" * 64 + ".dcm").parents[3]
    jobs = map(str, (READ, BONE, FRAMES, COMPRESSED_FRAMES))
    subprocess.run([sys.executable, "-c", NO_TORCH, str(folder), *jobs], check=True)


def test_the_brain_window_is_that_of_the_network():
    from ich_node.web.pictures.windows import FIRST

    assert FIRST == BRAIN


@needs_chromium
def test_a_walk_through_the_slices_by_keyboard(browser, site):
    """Slices, findings, windows, map, marks and help; what is drawn and what is written agree."""
    with signed_in_page(browser, site, role=Role.LOOK) as page:
        page.goto(f"/series/{READ}/viewer")
        name, window = page.locator(".viewer-name"), page.locator(".viewer-window")
        page.locator(".viewer-view").focus()
        expect(page.locator(".viewer-canvas")).to_be_visible()
        at_peak = pixels_of(page)
        page.keyboard.press("Home")
        expect(name).to_have_text("image 1, 0.0 mm")
        for key, number in [
            ("ArrowDown", 2),
            ("ArrowRight", 3),
            ("ArrowUp", 2),
            ("PageDown", 7),
            ("PageUp", 2),
            ("End", SLICES),
            ("ArrowDown", SLICES),
        ]:
            page.keyboard.press(key)
            expect(name).to_have_text(f"image {number}, {10.0 * (number - 1)} mm")
        expect(page.locator(".viewer-strip [aria-current]")).to_have_attribute(
            "data-number", str(SLICES)
        )
        expect(page.locator(".viewer-edge.at-left")).to_have_text("L")
        page.keyboard.press("n")
        peak = viewer_of(site.site, site.site.ledger.operator.get(READ)).lesions[0].peak.number
        expect(page.locator(".viewer-count")).to_have_text(f"{peak} / {SLICES}")
        expect(page.locator(".viewer-findings tr.here")).to_have_count(1)
        expect(page.locator(".viewer-live")).to_contain_text(f"image {peak}, ")
        assert pixels_of(page) == at_peak
        page.keyboard.press("m")
        without_map = pixels_of(page)
        assert without_map != at_peak
        page.keyboard.press("l")
        bare = pixels_of(page)
        assert bare != without_map
        page.keyboard.press("5")
        expect(window).to_have_text("C 600 W 2800")
        page.keyboard.press("1")
        expect(window).to_have_text("C 40 W 80")
        assert pixels_of(page) == bare
        page.keyboard.press("m")
        page.keyboard.press("l")
        assert pixels_of(page) == at_peak
        page.keyboard.press("?")
        expect(page.locator(".viewer-help")).to_be_visible()
        assert violations(page) == []
        page.keyboard.press("Escape")
        expect(page.locator(".viewer-help")).to_be_hidden()
        assert violations(page) == []


def test_a_picture_takes_no_message_away(site):
    """The script of the viewer loads pictures while an action is under way."""
    with site.signed_in() as client:
        csrf = site.sessions.get(client.cookies[COOKIE], now=site.site.clock()).csrf
        client.post(
            f"/series/{READ}/verdict",
            data={"csrf": csrf, "bleeding": "no"},
            headers={"Origin": site.address},
            follow_redirects=False,
        )
        picture(client, f"/series/{READ}/thumbnails/1.png")
        assert "Your verdict is noted: no bleeding." in client.get(f"/series/{READ}").text
        assert "Your verdict is noted" not in client.get(f"/series/{READ}").text


@needs_chromium
def test_a_finger_a_mouse_and_a_wheel(browser, site):
    """On a phone, and with what a mouse can do: wheel, drag, window by the right button."""
    with signed_in_page(browser, site, size=PHONE, dark=True) as page:
        page.goto(f"/series/{READ}/viewer?slice=5")
        count, window = page.locator(".viewer-count"), page.locator(".viewer-window")
        expect(page.locator(".viewer-canvas")).to_be_visible()
        assert not too_wide(page)
        assert violations(page) == []
        box = page.locator(".viewer-view").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.wheel(0, 120)
        expect(count).to_have_text(f"6 / {SLICES}")
        page.mouse.down()
        page.mouse.move(x, y - 40)
        page.mouse.up()
        expect(count).to_have_text(f"3 / {SLICES}")
        page.mouse.move(x, y)
        page.mouse.down(button="right")
        page.mouse.move(x + 20, y + 10)
        page.mouse.up(button="right")
        expect(window).to_have_text("C 50 W 100")
        page.locator(".viewer-strip a").nth(1).click()
        expect(count).to_have_text(f"2 / {SLICES}")
        page.goto(f"/series/{BONE}/viewer")
        expect(page.locator(".viewer-canvas")).to_be_visible()
        assert violations(page) == []


def pixels_of(page) -> str:
    """What is drawn."""
    page.locator(".viewer-canvas").wait_for(state="visible")
    return page.evaluate("document.querySelector('.viewer-canvas').toDataURL()")
