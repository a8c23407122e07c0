"""Ids are copied with one tap: it selects all of one, and nothing beside it, with no script."""

import pytest
from playwright.sync_api import Page

from screens import log
from screens.console import OPERATOR
from screens.visiting import WIDTHS, Visits

SELECTED = "getSelection().toString().trim()"


def copied(page: Page) -> list[tuple[str, str]]:
    """What stands in each place that is for copying, and what is selected once it has been tapped."""
    found = []
    for one in page.locator(".whole").all():
        one.click()
        found.append((one.inner_text().strip(), page.evaluate(SELECTED)))
    return found


@pytest.mark.parametrize("width", WIDTHS)
def test_one_tap_selects_an_id_and_nothing_else(browsers: Visits, width: int) -> None:
    with browsers.of(OPERATOR, "es", width) as hand:
        hand.console.let_log_be_read(is_there=True)
        hand.go(f"/mensaje/{log.ACCEPTED}")
        found = copied(hand.page)
    assert {str(log.ACCEPTED), str(log.REFERRAL), f"./ruta why {log.ACCEPTED}"} <= {text for text, _ in found}
    assert [selected for _, selected in found] == [text for text, _ in found]
