"""Pages that ask again of themselves: they leave room for others, and lead out whoever may come in no more."""

import re
import time
from collections import Counter
from functools import partial
from typing import Final

import pytest

from hub.console.store.acts import ActState
from hub.console.web.screen import SOON
from screens import cases
from screens.console import PARTNER, ShownConsole, path_of, short_codes
from screens.visiting import WIDTHS, Hand, Visits

WIDE: Final = max(WIDTHS)
TABS: Final = 8  # two more than a browser has connections to one server
GONE_WITHIN: Final = 5  # seconds
THERE_WITHIN: Final = 10_000  # milliseconds, on a machine that has much else to do
LOGIN: Final = re.compile(r"/entrar(\?|$)")


@pytest.fixture(scope="module")
def looks_again() -> int:
    return SOON


def waiting(shown: ShownConsole) -> str:
    """Where it is told what became of what somebody has decided this moment."""
    return f"/hecho/{shown.decide(PARTNER, 'accepted', ActState.ACCEPTED, cases.LATE)}"


def test_whose_account_is_suspended_is_led_out_of_what_asks_again(browsers: Visits, shown: ShownConsole) -> None:
    with browsers.of(None, "es", WIDE) as hand:
        hand.come_in(PARTNER)
        hand.go(waiting(shown))
        assert short_codes(cases.LATE)[0] in hand.page.content()
        code = shown.people[PARTNER.login].code
        shown.query("update staff set status = 'suspended' where code = %s", code)
        try:
            hand.page.wait_for_url(LOGIN, timeout=GONE_WITHIN * 1000)
            assert short_codes(cases.LATE)[0] not in hand.page.content()
        finally:
            shown.query("update staff set status = 'active' where code = %s", code)


def test_eight_tabs_of_it_leave_room_for_another_page(browsers: Visits, shown: ShownConsole) -> None:
    with browsers.of(PARTNER, "es", WIDE) as hand:
        path = waiting(shown)
        tabs = [Hand(hand.page.context.new_page(), shown) for _ in range(TABS)]
        came: Counter[int] = Counter()
        for number, tab in enumerate(tabs):
            tab.go(path)
            tab.page.on("framenavigated", partial(_count, came, number))
        ends = time.monotonic() + GONE_WITHIN
        while time.monotonic() < ends or len(came) < TABS:
            for to in ("/hoy", path_of(cases.LATE), "/agenda"):
                hand.page.goto(shown.address + to, timeout=THERE_WITHIN)
        assert all(tab.page.url.endswith(path) for tab in tabs)
        assert not [one for tab in (hand, *tabs) for one in tab.complaints]


def _count(came: Counter[int], number: int, _: object) -> None:
    came.update([number])
