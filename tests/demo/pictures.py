"""The pictures of the site in docs/site.md: `python -m tests.demo.pictures FOLDER`.

The site of the demonstration, so only phantoms are seen. Needs Chromium (`make peers`).
"""

import io
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from ich_node.config.load import load_config
from ich_node.ledger import JobState
from tests.support.browser import DESKTOP, PHONE, chromium
from tests.support.demo_site import DemoSite, demo_site
from tests.support.node import opened_ledger
from tests.support.peers import free_port, wait_until

STUDIES = 4
COLOURS = 256
MARGIN = 12  # pixels
MOST_BYTES = 250_000
NAME = "Ada"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """until: the last part of the page that it shows."""

    name: str
    path: str
    until: str
    size: tuple[int, int] = DESKTOP
    dark: bool = False


PICTURES = (
    Picture(name="site-now", path="/", until="main"),
    Picture(name="site-series", path="/series/1", until=".viewer-main"),
    Picture(name="site-owed", path="/owed", until="main"),
    Picture(name="site-phone", path="/series/1", until=".viewer-main", size=PHONE, dark=True),
)


def take(folder: Path) -> list[Path]:
    """The files that were written."""
    with (
        tempfile.TemporaryDirectory() as work,
        demo_site(Path(work), port=free_port(), who=NAME) as site,
    ):
        wait_for_answers(Path(work) / "node" / "config.toml")
        with chromium() as browser:
            return [taken(browser, site, picture, folder) for picture in PICTURES]


def wait_for_answers(config: Path) -> None:
    """Until each study has one, and the archive that is down has been tried."""
    with opened_ledger(load_config(config).config.database.url) as ledger:

        def all_ended() -> bool:
            jobs = ledger.operator.list()
            ended = [job for job in jobs if job.state in (JobState.DONE, JobState.REFUSED)]
            down = [each for each in ledger.destination_states.all() if not each.is_up]
            return len(ended) == STUDIES and bool(down)

        wait_until(all_ended, seconds=600, what="an answer for each study")


def taken(browser: Browser, site: DemoSite, picture: Picture, folder: Path) -> Path:
    """In as many colours as a PNG with a palette has."""
    width, height = picture.size
    context = browser.new_context(
        base_url=site.address,
        viewport={"width": width, "height": height},
        color_scheme="dark" if picture.dark else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(f"/sign-in#token={site.token}&name={NAME}")  # the address signs in by itself
    page.locator("nav#pages").wait_for(state="attached")
    page.goto(picture.path)
    last = page.locator(picture.until)
    last.evaluate("(part) => part.scrollIntoView({block: 'end'})")
    wait_for_pictures(page)
    page.evaluate("scrollTo(0, 0)")
    box = last.bounding_box()
    assert box is not None
    shown = page.screenshot(
        full_page=True,
        clip={"x": 0, "y": 0, "width": width, "height": box["y"] + box["height"] + MARGIN},
    )
    context.close()
    file = folder / f"{picture.name}.png"
    Image.open(io.BytesIO(shown)).convert("RGB").quantize(COLOURS).save(file, optimize=True)
    assert file.stat().st_size < MOST_BYTES, file
    return file


def wait_for_pictures(page: Page) -> None:
    """Of the viewer; the page Now is never idle, because it is live."""
    if page.locator("#viewer").count():
        page.locator(".viewer-canvas").wait_for(state="visible")
        page.wait_for_load_state("networkidle")


if __name__ == "__main__":
    for each in take(Path(sys.argv[1])):
        sys.stdout.write(f"{each}: {each.stat().st_size} bytes\n")
