"""The account for emergencies in a browser: from the code to what is wrong, by keyboard alone and without scripts."""

from typing import Final

from screens import operating
from screens.console import ShownConsole
from screens.visiting import LANGUAGES, WIDTHS, WITHIN, Visits
from tests.hub.console.browser.test_every_page import enter, reach

NARROW: Final = min(WIDTHS)


def nobody_logs_in(shown: ShownConsole) -> str:
    """The console's database is away, and somebody looks at the network all the same; returns the code."""
    shown.look(8, "database_away")
    shown.see(8, operating.database_away)
    code = shown.open_emergency()
    shown.have_database_away()
    return code


def test_by_keyboard_alone_from_the_code_to_what_is_wrong(browsers: Visits, shown: ShownConsole) -> None:
    with browsers.of(None, "es", NARROW) as hand:
        code = nobody_logs_in(shown)
        keys = hand.page.keyboard
        hand.go("/emergencia")
        reach(hand, "main input[name=code]")
        keys.type(code)
        enter(hand, "/estado")
        assert "Cuenta de emergencia" in hand.page.inner_text("header")
        reach(hand, "nav a[href='/alertas']")
        enter(hand, "/alertas")
        assert "PostgreSQL no responde" in hand.page.inner_text("main")
        reach(hand, ".foot a[href^='/idioma/en']", at_most=40)
        enter(hand, "/alertas")
        assert "Account for emergencies" in hand.page.inner_text("header")
    assert hand.complaints == []


def test_without_scripts_it_opens_and_says_so_of_a_wrong_code(browsers: Visits, shown: ShownConsole) -> None:
    with browsers.of(None, "es", NARROW) as hand:
        code = nobody_logs_in(shown)
        browser = hand.page.context.browser
        assert browser is not None
        with browser.new_context(java_script_enabled=False, locale=LANGUAGES["es"]) as window:
            page = window.new_page()
            page.set_default_timeout(WITHIN)
            page.goto(f"{shown.address}/emergencia")
            for typed in ("0000-0000", code):
                page.fill("main [name=code]", typed)
                page.click("main form button")
                page.wait_for_load_state()
                if typed != code:
                    assert "no abre nada" in page.inner_text("main [role=alert]")
            assert page.url == f"{shown.address}/estado"
            for path in ("/colas", "/en-espera", "/organizaciones", "/alertas", "/fallos"):
                page.click(f"nav a[href='{path}']")
                page.wait_for_url(f"{shown.address}{path}")
                assert page.locator("h1").count() == 1
