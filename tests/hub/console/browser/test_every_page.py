"""Every page of the console in every state, in a browser: in Spanish on a telephone.

With `--all` in both languages, on a telephone and on a computer.
"""

from collections import defaultdict
from itertools import product
from pathlib import Path
from random import Random

import pyotp
import pytest
from playwright.sync_api import Route

from hub.console.web import app, pages
from screens import cases, frozen, pictures
from screens.console import PARTNER, PASSWORD, SHARING, ShownConsole, path_of
from screens.states import NO_PAGES, STATES, State
from screens.visiting import LANGUAGES, WIDTHS, Hand, Visits
from tests.hub.console.browser import gates
from tests.hub.console.kit import Console

NARROW, WIDE = WIDTHS
LARGEST_STYLE = 10 * 1024  # bytes of our own CSS
SAME = [{"search", "found"}, {"case", "person"}, {"notices", "notices_code"}, {"office", "office_code"}]
"""What is one page to whoever looks."""

USUAL = ("es", NARROW)
CROSS = [pytest.param(*one, marks=[] if one == USUAL else [pytest.mark.cross]) for one in product(LANGUAGES, WIDTHS)]
"""Every language in every width."""

Titles = defaultdict[tuple[str, str], set[str]]
Texts = defaultdict[tuple[str, str, str], set[str]]


@pytest.fixture(scope="module")
def titles() -> Titles:
    """Of each page, in each language, the titles that it has been seen with."""
    return defaultdict(set)


@pytest.fixture(scope="module")
def texts() -> Texts:
    """Of each page, in each language, the states that have said the same on it."""
    return defaultdict(set)


def test_our_own_style_is_small() -> None:
    assert len(pages.file("console.css")[1]) <= LARGEST_STYLE


def test_every_page_of_the_application_has_a_state_here(console: Console) -> None:
    screens = {one.name for one in app.all_screens(console.settings)}
    assert {one.screen for one in STATES} == screens - NO_PAGES
    assert len({one.name for one in STATES}) == len(STATES)


@pytest.mark.parametrize(("language", "width"), CROSS)
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_everybody_can_read_and_use_it(
    browsers: Visits, titles: Titles, texts: Texts, state: State, language: str, width: int
) -> None:
    with browsers.of(state.who, language, width) as hand:
        state.reach(hand)
        assert hand.page.locator("html").get_attribute("lang") == language
        titles[language, state.screen].add(hand.page.title())
        texts[language, state.screen, hand.page.inner_text("main")].add(state.name)
        if state.is_refused:
            hand.page.locator("main [role=alert]:focus").wait_for()  # it gets it when the page is drawn
        wrong = gates.every(hand.page)
        wrong += gates.by_keyboard(hand.page)
        wrong += gates.too_wide(hand.page)
    assert wrong + hand.complaints == []


def test_no_two_pages_have_the_same_title(titles: Titles) -> None:
    """As far as the tests before have come to them."""
    assert titles, "no page has been come to: run the tests before this one, too"
    for (language, screen), said in titles.items():
        for (other_language, other), others in titles.items():
            if other_language == language and {screen, other} not in SAME:
                assert screen == other or not said & others, (screen, other)


def test_no_two_states_of_a_page_are_the_same(texts: Texts) -> None:
    """As far as the tests before have come to them: of two that are, one has not become what its name says."""
    assert [sorted(names) for names in texts.values() if len(names) > 1] == []


def test_pictures_are_the_same_each_time(browsers: Visits, tmp_path: Path) -> None:
    """But for codes that are made anew each time they are asked for, which begin with the process."""
    some = [one for one in STATES if one.name in ("today_partner", "nothing")]
    written = [pictures.write(browsers, tmp_path / folder, some) for folder in ("first", "second")]
    assert written == [8, 8]
    for first in (tmp_path / "first").iterdir():
        assert first.read_bytes() == (tmp_path / "second" / first.name).read_bytes(), first.name


INCOMPRESSIBLE = Random(1).randbytes(gates.HEAVIEST).hex()  # noqa: S311 - on purpose
UNBROKEN = f"<pre>{'planted ' * 4}</pre></main>"  # which just fits
UNSEEN = "* { outline: none !important }"
PLANTED = {
    "no label": ("</main>", "<input name=planted></main>", "axe label"),
    "kept by the browser": ('autocomplete="one-time-code"', 'autocomplete="email"', "the browser keeps"),
    "another heading": ("</main>", "<h1>Planted</h1></main>", "2 h1"),
    "small": ("</main>", '<p><a href="/planted">planted</a></p></main>', "too small"),
    "out of reach": ("</main>", '<button tabindex="-1">planted</button></main>', "does not come to"),
    "wide": ("</main>", '<svg width="900" height="9"></svg></main>', "too wide at 320 px"),
    "wide in large letters": ("</main>", UNBROKEN, "too wide at 320 px with text of 200 %"),
    "wide in longer words": ("</main>", UNBROKEN, "too wide at 320 px with texts 40 %"),
    "nothing to see of the focus": ("</head>", '<link rel="stylesheet" href="/planted.css"></head>', "has the focus"),
    "no title": ("<title>", "<title></title><title>", "no title"),
    "style": ("</main>", '<p style="color: red">planted</p></main>', "style-src"),
    "heavy": ("</main>", f"<!-- {INCOMPRESSIBLE} --></main>", "too heavy"),
    "script": ("</main>", "<script>planted()</script></main>", "script-src"),
    "not there": ("</main>", '<img alt="" src="/static/0/planted.svg"></main>', "404"),
}


@pytest.mark.parametrize("plant", PLANTED)
def test_a_planted_fault_is_found(browsers: Visits, plant: str) -> None:
    before, after, said = PLANTED[plant]
    with browsers.of(None, "es", NARROW) as hand:

        def answer(route: Route) -> None:
            response = route.fetch()
            route.fulfill(response=response, body=response.text().replace(before, after))

        hand.page.route("**/entrar", answer)
        hand.page.route("**/planted.css", lambda route: route.fulfill(body=UNSEEN, content_type="text/css"))
        hand.go("/entrar")
        found = [*gates.every(hand.page), *gates.by_keyboard(hand.page), *gates.too_wide(hand.page)]
    assert any(said in one for one in found + hand.complaints), found + hand.complaints


def test_after_going_back_is_of_no_use_to_whoever_comes_next(browsers: Visits) -> None:
    with browsers.of(None, "es", WIDE) as hand:
        hand.come_in(SHARING)
        hand.go("/hoy")
        hand.go("/")
        assert SHARING.name in hand.page.content()
        hand.press("form[action='/salir'] button")
        for _ in range(3):
            hand.page.go_back()
            assert SHARING.name not in hand.page.content()
            assert "/entrar" in hand.page.url
        stored = "JSON.stringify([{...localStorage}, {...sessionStorage}])"
        assert hand.page.evaluate(stored) == "[{},{}]"


def test_from_coming_in_to_a_case_by_keyboard_alone(browsers: Visits, shown: ShownConsole) -> None:
    with browsers.of(None, "es", NARROW) as hand:
        keys = hand.page.keyboard
        shown.forget_attempts()
        hand.go("/entrar")
        reach(hand, "main input[name=login]")
        for typed in (PARTNER.login, PASSWORD, pyotp.TOTP(frozen.SECRET).now()):
            keys.type(typed)
            keys.press("Tab")
        enter(hand, "/")
        reach(hand, "nav a[href='/hoy']")
        enter(hand, "/hoy")
        keys.press("Tab")
        keys.press("Enter")  # past the navigation
        reach(hand, f"main a[href='{path_of(cases.LATE)}']", at_most=4)  # behind whose cases are shown, and who is away
        enter(hand, path_of(cases.LATE))
    assert hand.complaints == []


def test_the_main_act_of_a_case_and_its_undoing_by_keyboard_alone(browsers: Visits, shown: ShownConsole) -> None:
    with browsers.of(PARTNER, "es", NARROW) as hand:
        hand.go(path_of(cases.LATE))
        hand.page.focus("main")
        reach(hand, "main .moves li:first-child button", at_most=1)
        with hand.page.expect_navigation():
            hand.page.keyboard.press("Enter")
        assert "/hecho/" in hand.page.url
        shown.query(
            "update act set say_at = '2999-01-01'"
        )  # in time by the clock of the database, and by the one shown
        hand.page.reload()
        hand.page.focus("main")
        reach(hand, "form[action$='/deshacer'] button", at_most=2)
        with hand.page.expect_navigation():
            hand.page.keyboard.press("Enter")
        assert "Se deshizo" in hand.page.inner_text("main")
    assert hand.complaints == []


COVERED = """
() => {
    const top = document.querySelector('.next > :first-child').getBoundingClientRect().top
    const one = document.activeElement, box = one.getBoundingClientRect()
    return !one.closest('.next > :first-child') && one !== document.body && box.bottom > top ? one.outerHTML : ''
}
"""


@pytest.mark.parametrize("size", ["100%", "200%"])
def test_what_is_done_next_stays_in_reach_on_a_telephone_and_covers_nothing(browsers: Visits, size: str) -> None:
    state = next(one for one in STATES if one.name == "case_to_decide")
    with browsers.of(state.who, "es", NARROW) as hand:
        state.reach(hand)
        page, act = hand.page, hand.page.locator(".next > :first-child button")
        page.evaluate("size => { document.documentElement.style.fontSize = size }", size)
        length = page.evaluate("document.documentElement.scrollHeight")
        for place in (0, length // 2, length):
            page.evaluate("y => window.scrollTo({top: y, behavior: 'instant'})", place)
            box = act.bounding_box()
            assert box is not None
            assert WIDTHS[NARROW] / 2 < box["y"] <= WIDTHS[NARROW] - box["height"]
        last = page.locator(".foot a").last.bounding_box()
        bar = page.locator(".next > :first-child").bounding_box()
        assert last is not None
        assert bar is not None
        assert last["y"] + last["height"] <= bar["y"]  # the end of the page stands above it
        page.focus("main")
        for _ in range(14):
            page.keyboard.press("Tab")
            assert page.evaluate(COVERED) == ""
        hand.look(WIDE)
        assert act.evaluate("one => getComputedStyle(one.closest('li')).position") == "static"
    assert hand.complaints == []


def test_nothing_is_done_next_where_there_are_notes_alone(browsers: Visits) -> None:
    state = next(one for one in STATES if one.name == "case_done")
    with browsers.of(state.who, "es", NARROW) as hand:
        state.reach(hand)
        assert hand.page.locator(".moves").count() == 1
        assert hand.page.locator(".next").count() == 0


def test_what_is_wrong_leads_to_where_it_is(browsers: Visits) -> None:
    state = next(one for one in STATES if one.name == "act_early")
    with browsers.of(state.who, "es", NARROW) as hand:
        state.reach(hand)
        reach(hand, "#wrong a", at_most=1)
        hand.page.keyboard.press("Enter")
        assert hand.page.evaluate("document.activeElement.id") == "visit_at"
    assert hand.complaints == []


def reach(hand: Hand, what: str, at_most: int = 12) -> None:
    """Press the tabulator until something has the focus."""
    for _ in range(at_most):
        hand.page.keyboard.press("Tab")
        if hand.page.evaluate("what => document.activeElement.matches(what)", what):
            return
    raise AssertionError(f"the tabulator does not come to {what}")


def enter(hand: Hand, leads_to: str) -> None:
    """Press Enter, and come to a page."""
    with hand.page.expect_navigation():
        hand.page.keyboard.press("Enter")
    assert hand.page.url == hand.console.address + leads_to
