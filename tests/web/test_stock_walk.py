"""With a keyboard alone: deliveries are cancelled, series are read again, a rule is tried."""

from ich_node.ledger import DeliveryState, JobState
from tests.support.browser import needs_chromium, signed_in_page, violations

MOST_TABS = 120


def tab_to(page, selector: str) -> None:
    """Press Tab until the element has the focus, and is seen to have it."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", selector
            return
    raise AssertionError(f"no Tab leads to {selector}")


@needs_chromium
def test_everything_can_be_done_with_the_keyboard(browser, fresh_site):
    """axe-core finds nothing to object to on the way."""
    ledger = fresh_site.site.ledger
    with signed_in_page(browser, fresh_site) as page:
        page.goto("/owed")
        tab_to(page, "[data-choose-all] input")
        page.keyboard.press("Space")
        assert page.is_checked("input[name=line]")
        tab_to(page, "button[formaction='/owed/cancel/preview']")
        page.keyboard.press("Enter")
        page.wait_for_url("**/owed/cancel/preview")
        assert violations(page) == []
        tab_to(page, "button.danger")
        page.keyboard.press("Enter")
        page.wait_for_url("**/owed")
        assert "2 objects to pacs" in page.inner_text("[role=status]")
        owed = {each.state for each in ledger.operator.deliveries(7) if each.destination == "pacs"}
        assert owed == {DeliveryState.CANCELLED}
        tab_to(page, "summary")
        page.keyboard.press("Enter")
        tab_to(page, "input[name=why]")
        page.keyboard.type("maintenance")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=maintenance")
        assert violations(page) == []

        page.goto("/refused")
        tab_to(page, "a[href*='reason=bone_kernel']")
        page.keyboard.press("Enter")
        page.wait_for_url("**/refused/series?**")
        assert violations(page) == []
        tab_to(page, "input[name=job]")
        page.keyboard.press("Space")
        tab_to(page, "button.main")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=1 series will be read again.")
        assert ledger.operator.get(3).state is JobState.WAITING

        page.goto("/refused/rules")
        tab_to(page, "textarea")
        page.keyboard.type('name = "mine"\naction = "urgent"\nkernl = "H*"')
        tab_to(page, "button.main")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=line 3: [[rules]] has no setting 'kernl'")
        assert violations(page) == []
