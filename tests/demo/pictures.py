"""The pictures of the site in docs/site.md: `python -m tests.demo.pictures FOLDER`.

The site of the demonstration, so only phantoms are seen. Needs Chromium (`make peers`).
"""

import io
import sys
import tempfile
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
TALL = (1440, 1180)  # the answer, the viewer and its strip
COLOURS = 256
MOST_BYTES = 250_000
NAME = "Ada"


def take(folder: Path) -> list[Path]:
    """The files that were written."""
    with (
        tempfile.TemporaryDirectory() as work,
        demo_site(Path(work), port=free_port(), who=NAME) as site,
    ):
        wait_for_answers(Path(work) / "node" / "config.toml")
        with chromium() as browser:
            return [
                shown(browser, site, folder / "site-now.png", path="/", size=TALL),
                shown(browser, site, folder / "site-series.png", path="/series/1", size=TALL),
                shown(browser, site, folder / "site-owed.png", path="/owed", size=DESKTOP),
                shown(
                    browser,
                    site,
                    folder / "site-phone.png",
                    path="/series/1",
                    size=PHONE,
                    dark=True,
                ),
            ]


def wait_for_answers(config: Path) -> None:
    """Until each study has one, and the archive that is down has been tried."""
    with opened_ledger(load_config(config).config.database.url) as ledger:

        def all_ended() -> bool:
            jobs = ledger.operator.list()
            ended = [job for job in jobs if job.state in (JobState.DONE, JobState.REFUSED)]
            down = [each for each in ledger.destination_states.all() if not each.is_up]
            return len(ended) == STUDIES and bool(down)

        wait_until(all_ended, seconds=600, what="an answer for each study")


def shown(
    browser: Browser,
    site: DemoSite,
    file: Path,
    *,
    path: str,
    size: tuple[int, int],
    dark: bool = False,
) -> Path:
    """What a browser of this size shows, in as many colours as a PNG with a palette has."""
    context = browser.new_context(
        base_url=site.address,
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(f"/sign-in#token={site.token}&name={NAME}")
    page.locator("nav#pages").wait_for(state="attached")  # the address signs in by itself
    page.goto(path)
    wait_for_pictures(page)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(COLOURS)
    picture.save(file, optimize=True)
    context.close()
    assert file.stat().st_size < MOST_BYTES, file
    return file


def wait_for_pictures(page: Page) -> None:
    """Those that are in sight."""
    page.wait_for_function(
        """() => [...document.images].every((image) => {
          const box = image.getBoundingClientRect();
          const isSeen = box.bottom > 0 && box.top < innerHeight && box.right > 0
            && box.left < innerWidth && box.width > 0;
          return !isSeen || (image.complete && image.naturalWidth > 0);
        })"""
    )
    if page.locator("#viewer").count():
        page.locator(".viewer-canvas").wait_for(state="visible")


if __name__ == "__main__":
    for each in take(Path(sys.argv[1])):
        print(each, each.stat().st_size)
