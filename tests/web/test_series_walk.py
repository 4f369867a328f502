"""From the list to one series and its study, by the keyboard alone."""

import re

from playwright.sync_api import Page, expect

from ich_node.ledger import JobState
from tests.support.browser import needs_chromium, signed_in_page, violations

MOST_TABS = 60


def tab_to(page: Page, what: str) -> None:
    """Until the element that this selector finds has the focus, which is seen."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate("what => document.activeElement.matches(what)", what):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none"
            return
    raise AssertionError(f"the keyboard does not come to {what}")


@needs_chromium
def test_a_walk_by_the_keyboard(browser, fresh_site):
    """A filter changes the list in place and the address; a held series is released; a verdict is
    given; the study has the answer. Nothing on the way is inaccessible.
    """
    ledger = fresh_site.site.ledger
    with signed_in_page(browser, fresh_site) as page:
        page.goto("/series")
        page.evaluate("window.isTheSamePage = true")
        tab_to(page, "input[value=held]")
        page.keyboard.press("Space")
        expect(page.locator("tbody tr")).to_have_count(1)
        assert page.evaluate("window.isTheSamePage")
        assert "state=held" in page.url
        tab_to(page, "a#job-8")
        page.keyboard.press("Enter")
        page.wait_for_url("**/series/8")
        assert violations(page) == []
        tab_to(page, "form[action$='/release'] button")
        page.keyboard.press("Enter")
        expect(page.locator("div.message")).to_have_text(
            "The series is released, and will be read."
        )
        assert ledger.operator.get(8).state is JobState.WAITING

        page.goto("/series/4")
        tab_to(page, "details:last-of-type > summary")
        page.keyboard.press("Enter")
        expect(page.locator("select[name=code]")).to_be_visible()
        assert violations(page) == []
        tab_to(page, "select[name=type]")
        page.keyboard.type("subd")
        tab_to(page, "button[name=bleeding][value=yes]")
        page.keyboard.press("Enter")
        expect(page.locator("div.message")).to_contain_text("bleeding, subdural")
        (verdict,) = ledger.verdicts.of_job(4)
        assert (verdict.who, verdict.type) == ("Ada", "subdural")
        assert violations(page) == []

        tab_to(page, "a[href^='/studies/1']")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("/studies/1"))
        expect(page.locator(".said")).to_have_text("Answer: absent")
        assert violations(page) == []
