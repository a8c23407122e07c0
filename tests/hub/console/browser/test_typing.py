"""What is typed into a form, in a browser: it can be changed into anything else, and waits for whoever typed it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest
from playwright.sync_api import Route

from screens import cases
from screens.console import COLLEAGUE, PARTNER, PIN, ShownConsole, path_of
from screens.visiting import WIDTHS, Hand, Visits
from tests.waiting import eventually

NARROW, _ = WIDTHS
QUESTION: Final = "¿Puede venir por la tarde? (Caso inventado.)"
FORM: Final = f"{path_of(cases.LATE)}/hacer/info_requested"
CLOSES: Final = f"{path_of(cases.TO_CONFIRM)}/hacer/closed"
OUTCOME: Final = "update step set details = details || %s::jsonb where referral_id = %s and state = 'completed'"
STORED: Final = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"


@contextmanager
def not_met(shown: ShownConsole) -> Iterator[None]:
    """A case whose recipient says that the need was not met, and why."""
    case = cases.an_id(cases.TO_CONFIRM)
    (before,) = shown.query("select details from step where referral_id = %s and state = 'completed'", case)
    shown.query(OUTCOME, '{"outcome": "not_met", "not_met_reason": "no_capacity"}', case)
    try:
        yield
    finally:
        shown.query("update step set details = %s::jsonb where referral_id = %s and state = 'completed'",
                    json.dumps(before[0]), case)  # fmt: skip


def typed(hand: Hand) -> str:
    return hand.page.input_value("main textarea")


def waits(shown: ShownConsole, path: str = FORM) -> bool:
    return bool(shown.query("select from kept_form where path = %s", path))


def test_what_was_not_met_is_confirmed_as_met(browsers: Visits, shown: ShownConsole) -> None:
    with browsers.of(PARTNER, "es", NARROW) as hand, not_met(shown):
        hand.go(CLOSES)
        assert hand.page.input_value("main [name=not_met_reason]") == "no_capacity"
        hand.choose(outcome="need_met", not_met_reason="")
        hand.press("main form button")
        assert "/hecho/" in hand.page.url
        (act,) = shown.query("select contract from act where referral_id = %s", cases.an_id(cases.TO_CONFIRM))
    assert act == ("referral.closed.v1",)
    assert hand.complaints == []


def test_a_reason_that_was_chosen_by_mistake_is_taken_back(browsers: Visits) -> None:
    with browsers.of(PARTNER, "es", NARROW) as hand:
        hand.go(CLOSES)
        hand.choose(outcome="need_met", not_met_reason="safety")
        hand.press("main form button")
        assert hand.page.locator("#not_met_reason-error").count() == 1
        assert hand.page.input_value("main [name=not_met_reason]") == "safety"
        hand.choose(not_met_reason="")
        hand.press("main form button")
        assert "/hecho/" in hand.page.url


def test_what_is_typed_is_on_the_server_in_a_moment_and_when_its_page_is_left_and_never_in_the_browser(
    browsers: Visits, shown: ShownConsole
) -> None:
    with browsers.of(PARTNER, "es", NARROW) as hand:
        hand.go(FORM)
        form = hand.page.input_value("main [name=formulario]")
        hand.choose(topic="contact")
        hand.page.fill("main textarea", QUESTION)
        eventually(lambda: waits(shown))
        hand.page.fill("main textarea", QUESTION + " Y mañana.")
        hand.press("main form a.second")  # sooner than a moment
        assert hand.page.evaluate(STORED) == '[{},{},""]'
        eventually(lambda: _comes_back(hand, QUESTION + " Y mañana."))
        assert hand.page.input_value("main [name=formulario]") == form
        assert hand.page.is_checked("main [name=topic][value=contact]")
        hand.press("main form button")
        assert hand.page.url.endswith(f"/hecho/{form}")
        assert not waits(shown)
    assert hand.complaints == []


def _comes_back(hand: Hand, text: str) -> bool:
    hand.go(FORM)
    return typed(hand) == text


def test_a_page_that_the_lock_takes_away_is_gone_on_with_after_the_pin(browsers: Visits, shown: ShownConsole) -> None:
    with browsers.of(None, "es", NARROW) as hand:

        def soon(route: Route) -> None:
            response = route.fetch()
            assert response.headers["refresh"] == f"601;url=/abrir?a={FORM}"
            route.fulfill(response=response, headers={**response.headers, "refresh": f"6;url=/abrir?a={FORM}"})

        hand.come_in(COLLEAGUE)
        hand.page.route(f"**{FORM}", soon)
        hand.go(FORM)
        hand.page.unroute_all()
        code = shown.people[COLLEAGUE.login].code
        with hand.page.expect_navigation(url="**/abrir?a=**"):
            shown.query("update session set seen_at = now() - interval '11 minutes' where staff = %s", code)
            hand.choose(topic="contact")
            hand.page.fill("main textarea", QUESTION)
            eventually(lambda: waits(shown))
            assert shown.query("select locked_at is not null from session where staff = %s", code) == [(True,)]
            hand.page.fill("main textarea", QUESTION + " Y mañana.")  # sooner than a moment before it goes
        assert "venir" not in hand.page.content()
        hand.send(pin=PIN)
        assert hand.page.url.endswith(FORM)
        assert typed(hand) == QUESTION + " Y mañana."
        assert "todavía no se ha hecho" in hand.page.inner_text("main")


def test_without_a_connection_nothing_is_sent_and_the_text_stands(browsers: Visits, shown: ShownConsole) -> None:
    with browsers.of(PARTNER, "es", NARROW) as hand:
        hand.go(FORM)
        hand.choose(topic="contact")
        hand.page.context.set_offline(True)
        try:
            hand.page.fill("main textarea", QUESTION)
            hand.page.click("main form button")
            hand.page.locator("main [role=alert]:focus").wait_for()
            assert "no se envió nada" in hand.page.inner_text("main [role=alert]")
            assert typed(hand) == QUESTION
            hand.page.click("main form button")
            assert hand.page.locator("main [role=alert]").count() == 1
        finally:
            hand.page.context.set_offline(False)
        hand.press("main form button")
        assert "/hecho/" in hand.page.url
        (row,) = shown.query("select count(*) from act where referral_id = %s", cases.an_id(cases.LATE))
    assert row == (1,)


@pytest.mark.parametrize("script", [True, False])
def test_every_page_of_staff_has_one_script_of_ours(browsers: Visits, script: bool) -> None:
    with browsers.of(PARTNER if script else None, "es", NARROW) as hand:
        hand.go("/" if script else "/entrar")
        assert hand.page.locator("script").count() == int(script)
