"""What every page has to keep to, measured in a browser: each function returns what is wrong, in words."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page

AXE: Final = (Path(__file__).parent / "vendored" / "axe.min.js").read_text(encoding="utf-8")
NARROWEST: Final = 320  # CSS pixels to which a page reflows
WITHIN: Final = {"date": 3, "datetime-local": 7}  # more stops of the tabulator in a field that has parts
HEAVIEST: Final = 60 * 1024  # bytes of a first visit: the page and all that it loads, as they are sent
THUMB: Final = 44  # CSS pixels of what is pressed
RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

# Of what the browser has kept from a page before, too, it tells what was sent then.
SENT: Final = """
() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
    .reduce((sum, one) => sum + one.encodedBodySize, 0)
"""

RUN_AXE: Final = """
tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']}).then(found => found.violations.flatMap(
    one => one.nodes.map(node => `${one.id}: ${node.target.join(' ')}: ${node.failureSummary}`)))
"""
TOO_WIDE: Final = """
() => {
    const room = document.documentElement.clientWidth
    if (document.documentElement.scrollWidth <= room) return []
    const wide = [...document.body.querySelectorAll('*')].filter(one => one.getBoundingClientRect().right > room + 1)
    return [`${document.documentElement.scrollWidth} px, by ${wide.slice(-1).map(one => one.outerHTML.slice(0, 80))}`]
}
"""
# As if every text were 40 % longer, as translations may be.
LENGTHEN: Final = """
() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    while (texts.nextNode()) {
        const said = texts.currentNode.data.trim()
        if (said.length > 1) texts.currentNode.data += ' ' + said.slice(0, Math.ceil(said.length * .4))
    }
}
"""
# What is pressed, but for links within a sentence; of a choice, the label around it is.
TOO_SMALL: Final = """
least => [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary')]
    .map(one => one.closest('label') || one)
    .filter(one => {
        const box = one.getBoundingClientRect()
        if (!box.width || box.right <= 0) return false
        const inSentence = one.tagName === 'A' && getComputedStyle(one).display === 'inline' &&
            one.parentElement.textContent.trim() !== one.textContent.trim()
        return !inSentence && box.height < least
    })
    .map(one => `${Math.round(one.getBoundingClientRect().height)} px high: ${one.outerHTML.slice(0, 80)}`)
"""
# What Chromium and Firefox honour, of a field or else of its form: they keep neither what is typed into it nor, when a
# page is left, what is chosen there. What staff come in with is their own password manager's.
KEPT_BY_THE_BROWSER: Final = """
forgotten => [...document.querySelectorAll('input:not([type=hidden]), select, textarea')]
    .filter(one => !forgotten.includes(one.getAttribute('autocomplete') || one.form?.getAttribute('autocomplete')))
    .map(one => one.outerHTML.slice(0, 80))
"""
FORGOTTEN: Final = ["off", "one-time-code", "username", "current-password", "new-password"]
# Notes at once what has the focus: asking after each stop takes as long as going there.
NOTE_FOCUS: Final = """
() => {
    window.focused = []
    document.addEventListener('focusin', event => {
        const one = event.target
        const inSight = one.getBoundingClientRect().right > 0
        focused.push({path: pathOf(one), outline: getComputedStyle(one).outlineStyle, inSight})
    })
}
"""
PATH_OF: Final = """
() => {
    window.pathOf = one => one === document.body || !one.parentElement ? '' :
        pathOf(one.parentElement) + '/' + [...one.parentElement.children].indexOf(one)
}
"""
# What is in one that is closed has its place on the page, and no stop.
OPEN_ALL: Final = "document.querySelectorAll('details').forEach(one => { one.open = true })"
CAN_BE_FOCUSED: Final = """
() => {
    const groups = new Set()
    return [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary')]
        .filter(one => !one.disabled && one.getClientRects().length)
        .filter(one => {  // of a group of choices the one that is chosen, or else the first, is the stop
            if (one.type !== 'radio') return true
            const is_new = !groups.has(one.name)
            groups.add(one.name)
            const chosen = document.querySelector(`input[name="${one.name}"]:checked`)
            return chosen ? one === chosen : is_new
        })
        .map(one => pathOf(one))
}
"""


def every(page: Page) -> list[str]:
    """What is wrong with a page as it is, at this width."""
    return [*headings(page), *axe(page), *too_small(page), *too_heavy(page), *kept_by_the_browser(page)]


def axe(page: Page) -> list[str]:
    """What axe-core finds."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    found: list[str] = page.evaluate(RUN_AXE, RULES)
    return [f"axe {one}" for one in found]


def too_heavy(page: Page) -> list[str]:
    """Whether a first visit is more than a bad line carries soon."""
    sent: int = page.evaluate(SENT)
    return [f"too heavy: {sent} bytes"] * (sent > HEAVIEST)


def too_small(page: Page) -> list[str]:
    """What a thumb does not meet."""
    found: list[str] = page.evaluate(TOO_SMALL, THUMB)
    return [f"too small, {one}" for one in found]


def kept_by_the_browser(page: Page) -> list[str]:
    """What whoever comes next to a shared computer is offered, of what somebody has typed."""
    found: list[str] = page.evaluate(KEPT_BY_THE_BROWSER, FORGOTTEN)
    return [f"the browser keeps what is typed into {one}" for one in found]


def too_wide(page: Page) -> Iterator[str]:
    """What has to be moved sideways to be read: on the narrowest screen, with text twice as large, with longer texts.

    The page is not as it was afterwards.
    """
    size: Any = page.viewport_size
    page.set_viewport_size({"width": NARROWEST, "height": size["height"]})
    yield from _wider(page, f"at {NARROWEST} px")
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    yield from _wider(page, f"at {NARROWEST} px with text of 200 %")
    page.set_viewport_size(size)
    yield from _wider(page, f"at {size['width']} px with text of 200 %")
    page.evaluate("document.documentElement.style.fontSize = ''")
    page.evaluate(LENGTHEN)
    yield from _wider(page, f"at {size['width']} px with texts 40 % longer")
    page.set_viewport_size({"width": NARROWEST, "height": size["height"]})
    yield from _wider(page, f"at {NARROWEST} px with texts 40 % longer")


def _wider(page: Page, when: str) -> Iterator[str]:
    found: list[str] = page.evaluate(TOO_WIDE)
    yield from (f"too wide {when}: {one}" for one in found)


def headings(page: Page) -> list[str]:
    """Whether there is one heading of the page, and a title."""
    many = page.locator("h1").count()
    return [f"{many} h1"] * (many != 1) + ["no title"] * (not page.title().partition(" · ")[0].strip())


def by_keyboard(page: Page) -> list[str]:
    """What the tabulator does not come to, or comes to and nobody sees; with all open that can be, and it stays so."""
    page.evaluate(PATH_OF)
    page.evaluate(OPEN_ALL)
    wanted: set[str] = set(page.evaluate(CAN_BE_FOCUSED))
    page.evaluate(NOTE_FOCUS)
    parts = sum(many * page.locator(f"input[type={type}]").count() for type, many in WITHIN.items())
    for _ in range(len(wanted) + 2 + parts):
        page.keyboard.down("Tab")  # as a key that is held: letting go of it each time takes as long again
    page.keyboard.up("Tab")
    stops: list[dict[str, Any]] = page.evaluate("focused")
    unseen = {one["path"] for one in stops if one["outline"] == "none" or not one["inSight"]}
    missed = wanted - {one["path"] for one in stops}
    return [
        *(f"nobody sees that {one} has the focus" for one in sorted(unseen)),
        *(f"the tabulator does not come to {one}" for one in sorted(missed)),
    ]
