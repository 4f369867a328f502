"""Headless Chromium (Debian's) for the pages of the site, and axe-core for their accessibility."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from ich_node.web.cookie import COOKIE
from ich_node.web.visitor import Role
from tests.support.site import RunningSite

CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: `make peers`")
DESKTOP, PHONE = (1440, 900), (390, 844)
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WCAG_AA = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def signed_in_page(
    browser: Browser,
    site: RunningSite,
    *,
    role: Role = Role.OPERATE,
    size: tuple[int, int] = DESKTOP,
    dark: bool = False,
) -> Iterator[Page]:
    """A page that fails the test at the first error of a script, or request to elsewhere."""
    context: BrowserContext = browser.new_context(
        base_url=site.address,
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
    )
    context.add_cookies([{"name": COOKIE, "value": site.cookie(role), "url": site.address}])
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console",
        lambda line: wrong.append(line.text) if line.type in ("error", "warning") else None,
    )
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((site.address, "data:", "blob:"))
            else wrong.append(request.url)
        ),
    )
    try:
        yield page
    finally:
        context.close()
    assert wrong == []


def violations(page: Page) -> list[str]:
    """Of WCAG 2.2 AA, by axe-core: rule, element."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options=WCAG_AA).response["violations"]
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found
        for node in each["nodes"]
    ]


def too_wide(page: Page) -> bool:
    """Whether the page scrolls sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))
