"""Every page, at both widths, light and dark: without errors, and readable for everybody."""

import pytest

from tests.support.browser import (
    DESKTOP,
    PHONE,
    needs_chromium,
    signed_in_page,
    too_wide,
    violations,
)

PAGES = [
    "/",
    "/series",
    "/series/6",
    "/studies",
    "/studies/1.2.826.0.1.3680043.10.1624.20.1003",
    "/owed",
    "/refused",
    "/refused/rules",
    "/model",
    "/quality",
    "/config",
    "/commission",
    "/journal",
]


@needs_chromium
@pytest.mark.parametrize("path", PAGES)
def test_page_is_accessible(browser, busy_site, path):
    """axe-core finds nothing to object to, and the page does not scroll sideways on a phone."""
    for size, dark in ((DESKTOP, False), (PHONE, True)):
        with signed_in_page(browser, busy_site, size=size, dark=dark) as page:
            answer = page.goto(path)
            assert answer is not None
            assert answer.ok
            assert violations(page) == []
            assert not too_wide(page)
